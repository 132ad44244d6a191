"""Every setting, with type, default and unit; one frozen object, built once and passed on in pieces.

Later sources win: `beckon.toml`, then environment (`BECKON_KAFKA_SERVERS` sets `kafka.servers`),
then flags (`{"kafka.servers": ...}`). An unknown key or wrong value is one line that names it.
"""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from schemas.errors import SettingsError

Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
PositiveFloat = Annotated[float, Meta(gt=0, le=1e9)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


#: Settings that no log, page or error may hold.
_SECRETS = frozenset({"sasl_password", "password", "key"})


class _Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A group of settings. The text after a field is its line in `beckon check --settings`."""

    def __repr__(self) -> str:
        """Return the settings without secrets: what is printed by accident ends in logs."""
        told = (f"{name}={_shown(name, getattr(self, name))}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(told)})"


def _shown(name: str, value: object) -> str:
    if value and (name in _SECRETS or (name == "url" and "@" in str(value))):
        return "(not shown)"
    return repr(value)


class KafkaSettings(_Section, frozen=True):
    """Where the brokers are. SASL and TLS go to all clients alike."""

    servers: Annotated[str, Meta(min_length=1, description="host:port, several with commas")] = (
        "127.0.0.1:9092"
    )
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[str | None, Meta(description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")] = None
    sasl_username: Annotated[str | None, Meta(description="user name for SASL")] = None
    sasl_password: Annotated[str | None, Meta(description="password for SASL")] = None
    ssl_ca_file: Annotated[
        str | None, Meta(description="PEM file of the authority that signed the brokers")
    ] = None
    ssl_cert_file: Annotated[str | None, Meta(description="PEM file of our certificate")] = None
    ssl_key_file: Annotated[str | None, Meta(description="PEM file of our key")] = None
    session_timeout_s: Annotated[
        PositiveFloat, Meta(description="seconds until a silent worker loses its partitions")
    ] = 10.0
    connect_timeout_s: Annotated[
        PositiveFloat, Meta(description="seconds to wait for a broker's first answer")
    ] = 10.0


class TopicSettings(_Section, frozen=True):
    """`prefix` goes before every topic name; the counts are fixed at the first `topics apply`."""

    prefix: Annotated[str, Meta(description="goes before every topic name")] = ""
    partitions: Annotated[Positive, Meta(description="per topic; cannot change later")] = 12
    replication: Annotated[Positive, Meta(description="copies of each partition")] = 1
    retention_days: Annotated[Positive, Meta(description="days that events and decisions are kept")] = 30


class ShopSettings(_Section, frozen=True):
    """`currency_rates`: units of the base currency for one unit of the named one."""

    currency: Annotated[str, Meta(pattern="^[A-Za-z]{3}$", description="base currency, three letters")] = (
        "USD"
    )
    currency_rates: Annotated[
        dict[str, PositiveFloat],
        Meta(description="units of the base currency for one unit of another, {EUR = 1.1}"),
    ] = {}
    default_profiling: Annotated[bool, Meta(description="may shoppers who never said be profiled")] = True
    traits: Annotated[tuple[str, ...], Meta(description="traits of identify that profiles keep")] = (
        "plan",
        "segment",
        "city",
        "country",
        "gender",
        "birth_year",
    )


class ProfileSettings(_Section, frozen=True):
    """Bounds, half-life and timers of a profile (design 4)."""

    half_life_days: Annotated[PositiveFloat, Meta(description="days until an interest counts half")] = 14.0
    tags_max: Annotated[Positive, Meta(description="interests kept per shopper")] = 64
    days_max: Annotated[Positive, Meta(description="calendar days kept, back from the newest")] = 35
    recent_max: Annotated[Positive, Meta(description="newest product events kept")] = 50
    cart_log_max: Annotated[Positive, Meta(description="newest cart operations kept")] = 32
    orders_log_max: Annotated[Positive, Meta(description="newest orders kept")] = 64
    seen_max: Annotated[Positive, Meta(description="newest message ids kept against doubles")] = 128
    session_gap_minutes: Annotated[
        PositiveFloat, Meta(description="minutes of silence that end a session")
    ] = 30.0
    cart_age_days: Annotated[PositiveFloat, Meta(description="days until an addition leaves the cart")] = 30.0
    pending_max: Annotated[
        Positive, Meta(description="triggers kept that wait for the `after` of a campaign")
    ] = 32
    offers_out_max: Annotated[
        Positive, Meta(description="offers of a campaign kept, besides the 8 newest, until they expire")
    ] = 64
    cart_abandoned_minutes: Annotated[
        PositiveFloat, Meta(description="minutes from the newest change of a cart to Cart Abandoned")
    ] = 60.0
    session_ended_minutes: Annotated[
        PositiveFloat, Meta(description="minutes from the newest product event to Session Ended")
    ] = 30.0
    without_visit_days: Annotated[
        PositiveFloat, Meta(description="days from the newest event to Days Without Visit")
    ] = 30.0
    anniversary_days: Annotated[
        PositiveFloat, Meta(description="days from the newest order to Order Anniversary")
    ] = 365.0


class ModelSettings(_Section, frozen=True):
    """`tags` names the tag model in `dir`; empty: no model, a product's category is its tag."""

    dir: Annotated[str, Meta(description="folder of NAME/VERSION/model.json")] = "models"
    tags: Annotated[str, Meta(description="name of the tag model; empty: categories are the tags")] = "tags"
    provider: Annotated[Literal["auto", "cpu", "cuda"], Meta(description="auto, cpu or cuda")] = "auto"
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "int8"],
        Meta(description="which of a model's graphs; auto: fp16 on cuda where there is one, else fp32"),
    ] = "auto"
    cache_texts: Annotated[Positive, Meta(description="texts whose tags are remembered")] = 200_000
    batch_tokens: Annotated[Positive, Meta(description="tokens per model call")] = 512
    threads: Annotated[
        Positive, Meta(description="model calls at once; they share one copy of the model")
    ] = 1
    wait_ms: Annotated[
        float, Meta(ge=0, le=1000, description="milliseconds that texts wait for company; pays on a GPU")
    ] = 0.0
    queue_texts: Annotated[Positive, Meta(description="texts that wait for the model until lanes must")] = (
        20_000
    )
    give_up_s: Annotated[PositiveFloat, Meta(description="seconds of retries until categories stand in")] = (
        30.0
    )


class CampaignSettings(_Section, frozen=True):
    """`file` is the YAML file; `catalog` an optional JSONL file of products."""

    file: Annotated[
        str, Meta(description="YAML file of campaigns; empty: a worker follows the topic `campaigns`")
    ] = ""
    catalog: Annotated[str | None, Meta(description="JSONL file of products")] = None
    prior_propensity: Annotated[Share, Meta(description="chance of a purchase where no model says one")] = (
        0.05
    )
    stale_after_minutes: Annotated[
        PositiveFloat, Meta(description="minutes behind stream time from which a trigger decides nothing")
    ] = 60.0


class WorkerSettings(_Section, frozen=True):
    """`guard_positions` and `atomic_step` off are for tests that prove them; never in production."""

    data_dir: Annotated[str, Meta(description="folder for what the worker keeps on disk")] = ".beckon/worker"
    batch_events: Annotated[Positive, Meta(description="events per batch of a lane")] = 1000
    lane_queue: Annotated[Positive, Meta(description="batches that may wait in a lane")] = 12
    strays_alert_share: Annotated[Share, Meta(description="share of strays that is an error line")] = 0.01
    failed_stop_share: Annotated[
        Share, Meta(description="share of our own failures that stops the worker")
    ] = 0.01
    guard_positions: Annotated[bool, Meta(description="skip events already applied; off only in a test")] = (
        True
    )
    atomic_step: Annotated[
        bool, Meta(description="one transaction per step; off, at least once, only in tests and benchmarks")
    ] = True


class MetricsSettings(_Section, frozen=True):
    """Own port for Prometheus and readiness; 0 picks a free one."""

    host: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="0 picks a free one")] = 9464


class LogSettings(_Section, frozen=True):
    """`key` makes the hashes of shoppers' ids in logs: without it nobody can tell whose they are."""

    format: Annotated[
        Literal["lines", "json"], Meta(description="lines for people, json for collectors of logs")
    ] = "lines"
    key: Annotated[
        str, Meta(max_length=64, description="secret that shoppers' ids are hashed with in logs")
    ] = ""


class RedisSettings(_Section, frozen=True):
    """Where the mirror writes and readers look. rediss:// is TLS; the password is best set by variable."""

    url: Annotated[
        str, Meta(pattern="^rediss?://", description="redis://host:port/database, or rediss:// for TLS")
    ] = "redis://127.0.0.1:6379/0"
    username: Annotated[str | None, Meta(description="user name for Redis")] = None
    password: Annotated[str | None, Meta(description="password for Redis")] = None
    ca_file: Annotated[
        str | None, Meta(description="PEM file of the authority that signed Redis's certificate")
    ] = None
    timeout_s: Annotated[
        PositiveFloat, Meta(description="seconds until a Redis that does not answer counts as slow")
    ] = 5.0
    key_prefix: Annotated[str, Meta(min_length=1, description="goes before every key")] = "beckon:"


class MirrorSettings(_Section, frozen=True):
    """The mirror's batches and patience."""

    batch_records: Annotated[Positive, Meta(description="records written to Redis at once, at most")] = 500
    back_off_max_s: Annotated[PositiveFloat, Meta(description="seconds between tries, at most")] = 10.0
    inbox_max: Annotated[Positive, Meta(description="newest promotions kept per shopper")] = 100
    removed_keep_hours: Annotated[
        PositiveFloat, Meta(description="hours that an erased key keeps its version, so that it stays erased")
    ] = 24.0


class Settings(_Section, frozen=True):
    """All of Beckon's settings; each part gets its own piece, never the whole."""

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    shop: ShopSettings = ShopSettings()
    profile: ProfileSettings = ProfileSettings()
    models: ModelSettings = ModelSettings()
    campaigns: CampaignSettings = CampaignSettings()
    worker: WorkerSettings = WorkerSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
    redis: RedisSettings = RedisSettings()
    mirror: MirrorSettings = MirrorSettings()


class SettingLine(Struct, frozen=True):
    """One setting as listed: dotted name, environment variable, default, what it means and its unit."""

    name: str
    variable: str
    default: Any
    meaning: str


_REMEDY = "`beckon check --settings` lists all settings with their defaults"
_ALIASES = {"BECKON_BASE_CURRENCY": "shop.currency", "BECKON_PROVIDER": "models.provider"}
#: Variables with our prefix that are not settings.
_NOT_SETTINGS = (
    "BECKON_TEST_",
    "BECKON_CONFIG",
    "BECKON_REQUIRE_",
    "BECKON_HOME",
    "BECKON_PROPERTY_",
    "BECKON_TRACE",
)


def load(
    flags: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Build the settings from a file, the environment and flags (dotted names; None is not set).

    Raise `SettingsError` that names the key and where it came from.
    """
    tree: dict[str, dict[str, Any]] = {}
    origins: dict[str, str] = {}
    for name, value in _file_items(file):
        _put(tree, origins, name, value, f"in {file}")
    for variable, value in (env or {}).items():
        dotted = _setting_of(variable)
        if dotted is not None:
            _put(tree, origins, dotted, _from_text(dotted, value), f"from {variable}")
    for name, value in (flags or {}).items():
        if value is not None:
            _put(tree, origins, name, value, "from a flag")
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        field, problem = _field_and_problem(str(error))
        origin = origins.get(_section_and_key(field), "")
        raise SettingsError(field, f"{problem} ({origin})" if origin else problem, _REMEDY) from None


def lines() -> list[SettingLine]:
    """Return all settings in order."""
    found = []
    for section, part in msgspec.structs.asdict(Settings()).items():
        hints = get_type_hints(type(part), include_extras=True)
        for key, default in msgspec.structs.asdict(part).items():
            variable = f"BECKON_{section}_{key}".upper()
            found.append(SettingLine(f"{section}.{key}", variable, default, _meaning(hints[key])))
    return found


def _meaning(hint: object) -> str:
    texts = [meta.description for meta in get_args(hint)[1:] if isinstance(meta, Meta) and meta.description]
    return texts[-1] if texts else ""


def _file_items(file: Path | None) -> list[tuple[str, Any]]:
    if file is None:
        return []
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            str(file), f"cannot be read ({error.strerror})", "give --config a readable file"
        ) from None
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


def _from_text(dotted: str, value: str) -> object:
    # Lists and tables have no natural form in a variable: JSON, or plain words with commas for a list.
    section, _, key = dotted.partition(".")
    default = getattr(getattr(Settings(), section, None), key, None)
    if not isinstance(default, tuple | dict):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError):
        return (
            [word.strip() for word in value.split(",") if word.strip()]
            if isinstance(default, tuple)
            else value
        )


def _put(
    tree: dict[str, dict[str, Any]], origins: dict[str, str], dotted: str, value: object, origin: str
) -> None:
    section, _, key = dotted.partition(".")
    known = (
        type(getattr(Settings(), section)).__struct_fields__ if section in Settings.__struct_fields__ else ()
    )
    if key not in known:
        raise SettingsError(dotted, f"is not a setting ({origin})", _did_you_mean(dotted))
    tree.setdefault(section, {})[key] = value
    origins[dotted] = origin


def _did_you_mean(dotted: str) -> str:
    close = get_close_matches(dotted, [line.name for line in lines()], n=1, cutoff=0.7)
    return f"did you mean {close[0]}? {_REMEDY}" if close else _REMEDY


def _field_and_problem(message: str) -> tuple[str, str]:
    problem, _, path = message.partition(" - at `$.")
    return path.rstrip("`"), problem[0].lower() + problem[1:]


def _section_and_key(field: str) -> str:
    return ".".join(field.replace("[", ".").split(".")[:2])
