"""The parts that worker, replay and demo put together alike: border, policy, campaigns, tags, side inputs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from processors.campaigns import Campaigns, compile_campaigns
from processors.decision import SideInputs
from processors.policy import ProfilePolicy
from schemas.campaign_file import load_campaigns
from schemas.campaigns import CampaignFile
from schemas.catalog import NO_CATALOG, Catalog, read_catalog
from schemas.decode import Border
from schemas.errors import InputError, SettingsError
from schemas.ids import MS_PER_DAY
from schemas.money import Money
from streams.settings import ModelSettings, ProfileSettings, Settings

if TYPE_CHECKING:
    from models_onnx.batcher import Tagger

TagSource = Literal["model", "category"]
MS_PER_MINUTE = 60_000
T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """What a run needs besides its events.

    `campaigns` None: nothing is decided. `tagger` None: a product's category is its one tag.
    """

    border: Border
    policy: ProfilePolicy
    campaigns: Campaigns | None
    catalog: Catalog
    tagger: "Tagger | None"
    side: SideInputs


def build(settings: Settings, *, tags: TagSource) -> Parts:
    """Read what the settings name; raise the `BeckonError` of the part that cannot be used."""
    shop = settings.shop
    policy = policy_of(settings.profile)
    border = Border(shop.currency, shop.currency_rates, shop.traits)
    catalog = _catalog(settings.campaigns.catalog, border.money)
    campaigns = campaigns_of(settings, policy)
    tagger = tagger_of(settings.models) if tags == "model" else None
    side = SideInputs(
        catalog=catalog,
        model_versions=tagger.model_versions if tagger is not None else {},
        default_profiling=shop.default_profiling,
    )
    return Parts(border, policy, campaigns, catalog, tagger, side)


def policy_of(profile: ProfileSettings) -> ProfilePolicy:
    """Return the bounds of profiles, and when their timers fire, in the units of the fold."""
    return ProfilePolicy(
        half_life_ms=profile.half_life_days * MS_PER_DAY,
        tags_max=profile.tags_max,
        days_max=profile.days_max,
        recent_max=profile.recent_max,
        cart_log_max=profile.cart_log_max,
        orders_log_max=profile.orders_log_max,
        seen_max=profile.seen_max,
        session_gap_ms=round(profile.session_gap_minutes * MS_PER_MINUTE),
        cart_age_ms=round(profile.cart_age_days * MS_PER_DAY),
        pending_max=profile.pending_max,
        offers_out_max=profile.offers_out_max,
        cart_abandoned_ms=round(profile.cart_abandoned_minutes * MS_PER_MINUTE),
        session_ended_ms=round(profile.session_ended_minutes * MS_PER_MINUTE),
        without_visit_ms=round(profile.without_visit_days * MS_PER_DAY),
        anniversary_ms=round(profile.anniversary_days * MS_PER_DAY),
    )


def campaigns_of(settings: Settings, policy: ProfilePolicy) -> Campaigns | None:
    """Return the campaigns of `campaigns.file`, ready to decide; None when the setting is empty."""
    file = settings.campaigns.file
    return compiled(read_campaigns("campaigns.file", file), settings, policy) if file else None


def compiled(file: CampaignFile, settings: Settings, policy: ProfilePolicy) -> Campaigns:
    """Return campaigns ready to decide, with what the settings say beside them."""
    setting = settings.campaigns
    return compile_campaigns(
        file,
        policy,
        settings.shop.currency.upper(),
        prior_propensity=setting.prior_propensity,
        stale_after_ms=round(setting.stale_after_minutes * MS_PER_MINUTE),
    )


def read_campaigns(setting: str, file: str) -> CampaignFile:
    """Return the campaigns of a YAML file; `setting` names what gave the file."""
    text = _read(setting, file, lambda path: path.read_text(encoding="utf-8"))
    return load_campaigns(text, file)


def tagger_of(models: ModelSettings) -> "Tagger":
    """Return the tag model of `models.dir`, verified, behind its cache."""
    if not models.tags:
        raise SettingsError("models.tags", "is empty", "name the tag model, or take categories as tags")
    # onnxruntime and tokenizers cost half a second to import; runs without a model do not pay it.
    from models_onnx.batcher import Tagger
    from models_onnx.registry import load_tag_model

    model = load_tag_model(Path(models.dir), models.tags, models.provider, models.precision)
    return Tagger(
        model,
        models.cache_texts,
        models.batch_tokens,
        models.give_up_s,
        threads=models.threads,
        wait_ms=models.wait_ms,
        queue_texts=models.queue_texts,
    )


def with_tagger(parts: Parts, tagger: "Tagger") -> Parts:
    """Return parts with another model, and with what decision records say of it."""
    side = parts.side
    versions = tagger.model_versions
    side = SideInputs(side.lag_ms, side.catalog, versions, side.default_profiling)
    return replace(parts, tagger=tagger, side=side)


def _catalog(file: str | None, money: Money) -> Catalog:
    if not file:
        return NO_CATALOG
    lines = _read("campaigns.catalog", file, lambda path: path.read_bytes().split(b"\n"))
    return read_catalog(lines, money, file)


def _read(setting: str, file: str, reader: Callable[[Path], T]) -> T:
    try:
        return reader(Path(file))
    except OSError as error:
        raise InputError(
            file, f"cannot be read ({error.strerror})", f"give {setting} a readable file"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(file, f"is not UTF-8 (byte {error.start})", "save it as UTF-8") from None
