import json
from hashlib import blake2b

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.ids import decision_id, share_of
from schemas.ids import CampaignId, ShopperId

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def hashed(parts: list[str]) -> bytes:
    return blake2b(json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()).digest()


@settings(deadline=None)
@given(texts, texts, texts)
def test_ruling_58_ids_are_the_first_16_bytes_of_the_64_byte_digest_of_compact_json(
    shopper: str, campaign: str, message: str
) -> None:
    found = decision_id(ShopperId(shopper), CampaignId(campaign), message)
    assert found == hashed([shopper, campaign, message])[:16].hex()


@settings(deadline=None)
@given(texts, texts, texts)
def test_ruling_58_a_hold_out_place_is_the_first_8_bytes_as_a_share_of_all(
    salt: str, campaign: str, shopper: str
) -> None:
    first = int.from_bytes(hashed([salt, campaign, shopper])[:8], "big")
    assert share_of(salt, campaign, ShopperId(shopper)) == first / 2**64


def test_ruling_58_known_ids() -> None:
    assert decision_id(ShopperId("ann"), CampaignId("spring"), "m1") == "c33db0bf8f9dfdde755e43029ec4a7f4"
    assert decision_id(ShopperId("Zoë"), CampaignId("c"), "\n") == hashed(["Zoë", "c", "\n"])[:16].hex()
