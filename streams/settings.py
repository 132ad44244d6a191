"""Every setting, with type, default and unit; one frozen object, built once and passed on in pieces.

Later sources win: `beckon.toml`, then environment (`BECKON_KAFKA_SERVERS` sets `kafka.servers`),
then flags (`{"kafka.servers": ...}`). An unknown key or wrong value is one line that names it.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from schemas.errors import SettingsError

Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
PositiveFloat = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class KafkaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the brokers are. SASL and TLS go to all clients alike."""

    servers: str = "127.0.0.1:9092"
    security_protocol: str = "PLAINTEXT"  # or SSL, SASL_PLAINTEXT, SASL_SSL
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = None
    ssl_ca_file: str | None = None
    ssl_cert_file: str | None = None
    ssl_key_file: str | None = None
    session_timeout_s: PositiveFloat = 10.0
    connect_timeout_s: PositiveFloat = 10.0


class TopicSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`prefix` goes before every topic name; the counts are fixed at the first `topics apply`."""

    prefix: str = ""
    partitions: Positive = 12
    replication: Positive = 1
    retention_days: Positive = 30


class ShopSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`currency_rates`: units of the base currency for one unit of the named one."""

    currency: Annotated[str, Meta(pattern="^[A-Za-z]{3}$")] = "USD"
    currency_rates: dict[str, PositiveFloat] = {}
    default_profiling: bool = True
    traits: tuple[str, ...] = ("plan", "segment", "city", "country", "gender", "birth_year")


class ProfileSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds and half-life of a profile (design 4)."""

    half_life_days: PositiveFloat = 14.0
    tags_max: Positive = 64
    days_max: Positive = 35
    recent_max: Positive = 50
    cart_log_max: Positive = 32
    orders_log_max: Positive = 64
    seen_max: Positive = 128
    session_gap_minutes: PositiveFloat = 30.0
    cart_age_days: PositiveFloat = 30.0


class ModelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`tags` names the tag model in `dir`; empty: no model, a product's category is its tag."""

    dir: str = "models"
    tags: str = "tags"
    provider: str = "auto"  # auto, cpu or cuda
    cache_texts: Positive = 200_000
    batch_tokens: Positive = 512
    give_up_s: PositiveFloat = 30.0


class CampaignSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`file` is the YAML file; `catalog` an optional JSONL file of products."""

    file: str = "campaigns.yaml"
    catalog: str | None = None
    prior_propensity: Annotated[float, Meta(ge=0, le=1)] = 0.05
    stale_after_minutes: PositiveFloat = 60.0


class WorkerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`guard_positions` off is for the test that proves the guard; never in production."""

    data_dir: str = ".beckon/worker"
    batch_events: Positive = 1000
    lane_queue: Positive = 4
    commit_interval_s: PositiveFloat = 0.5
    strays_alert_share: NotNegative = 0.01
    failed_stop_share: NotNegative = 0.01
    guard_positions: bool = True


class MetricsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Own port for Prometheus and readiness; 0 picks a free one."""

    host: str = "127.0.0.1"
    port: Port = 9464


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All of Beckon's settings; each part gets its own piece, never the whole."""

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    shop: ShopSettings = ShopSettings()
    profile: ProfileSettings = ProfileSettings()
    models: ModelSettings = ModelSettings()
    campaigns: CampaignSettings = CampaignSettings()
    worker: WorkerSettings = WorkerSettings()
    metrics: MetricsSettings = MetricsSettings()


_REMEDY = "`beckon check --settings` lists all settings with their defaults"
_ALIASES = {"BECKON_BASE_CURRENCY": "shop.currency", "BECKON_PROVIDER": "models.provider"}
#: Variables with our prefix that are not settings.
_NOT_SETTINGS = ("BECKON_TEST_", "BECKON_CONFIG", "BECKON_REQUIRE_", "BECKON_HOME", "BECKON_PROPERTY_")


def load(
    flags: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Build the settings from a file, the environment and flags (dotted names; None is not set).

    Raise `SettingsError` that names the key and where it came from.
    """
    tree: dict[str, Any] = {}
    for name, value in _file_items(file):
        _put(tree, name, value)
    for variable, value in (env or {}).items():
        dotted = _setting_of(variable)
        if dotted is not None:
            _put(tree, dotted, value)
    for name, value in (flags or {}).items():
        if value is not None:
            _put(tree, name, value)
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        field, problem = _field_and_problem(str(error))
        raise SettingsError(field, problem, _REMEDY) from None


def names() -> list[tuple[str, Any]]:
    """Return all settings as (dotted name, default), in order."""
    sections = msgspec.structs.asdict(Settings())
    return [
        (f"{section}.{key}", value)
        for section, part in sections.items()
        for key, value in msgspec.structs.asdict(part).items()
    ]


def _file_items(file: Path | None) -> list[tuple[str, Any]]:
    if file is None:
        return []
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(file), f"cannot be read ({error.strerror})", "give --config a readable file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(file), f"is not TOML: {error}", "mend the line that it names") from None
    items: list[tuple[str, Any]] = []
    for section, part in tree.items():
        if isinstance(part, dict):
            items += [(f"{section}.{key}", value) for key, value in part.items()]
        else:
            items.append((section, part))
    return items


def _setting_of(variable: str) -> str | None:
    if not variable.startswith("BECKON_") or variable.startswith(_NOT_SETTINGS):
        return None
    if variable in _ALIASES:
        return _ALIASES[variable]
    section, _, key = variable.removeprefix("BECKON_").lower().partition("_")
    return f"{section}.{key}" if key else section


def _put(tree: dict[str, Any], dotted: str, value: object) -> None:
    section, _, key = dotted.partition(".")
    if section not in Settings.__struct_fields__ or not key:
        raise SettingsError(dotted, "is not a setting", _REMEDY)
    known = type(getattr(Settings(), section)).__struct_fields__
    if key not in known:
        raise SettingsError(dotted, "is not a setting", _REMEDY)
    tree.setdefault(section, {})[key] = value


def _field_and_problem(message: str) -> tuple[str, str]:
    problem, _, path = message.partition(" - at `$.")
    return path.rstrip("`"), problem[0].lower() + problem[1:]
