"""Profiles as bytes: one format byte, then MessagePack. Readers know the formats they name here."""

import msgspec

from schemas.errors import BeckonError
from schemas.profiles import Profile

#: Format 1: `Profile` as an array. New fields are appended with a default, so old bytes stay readable.
FORMAT = b"\x01"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Profile).decode


class CodecError(BeckonError):
    """Stored bytes are no profile that this version can read."""

    exit_code = 1


def encode_profile(profile: Profile) -> bytes:
    """Return the profile as stored in the changelog."""
    return FORMAT + _encode(profile)


def field_sizes(profile: Profile) -> dict[str, int]:
    """Return the bytes that each field takes in `encode_profile`; 4 more are the format and the array's head."""
    return {name: len(_encode(getattr(profile, name))) for name in Profile.__struct_fields__}


def decode_profile(raw: bytes) -> Profile:
    """Return the profile; raise `CodecError` for an unknown format or damaged bytes."""
    if raw[:1] != FORMAT:
        found = raw[:1].hex() or "nothing"
        raise CodecError(
            "profile", f"has format {found}, known is 01", "run the Beckon version that wrote it"
        )
    try:
        return _decode(memoryview(raw)[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CodecError("profile", f"cannot be read: {error}", "restore the changelog topic") from None
