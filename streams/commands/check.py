"""`beckon check`: does everything fit together here, one line each."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from schemas.errors import BeckonError
from streams.commands.common import CONFIG_HELP, settings_file, settings_from
from streams.settings import RedisSettings, Settings


class Finding(Struct):
    """One part, whether it can be used, and what was found or what is wrong."""

    part: str
    ok: bool
    text: str


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("check")(check)


def check(
    settings: Annotated[
        bool, typer.Option("--settings", help="List all settings: variable, default, meaning.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Check settings, models, campaigns, brokers, topics and Redis; exit code 1 if one of them cannot be used."""
    import msgspec

    if settings:
        _list_settings(json)
        return
    found = list(_findings(config, settings_from(config)))
    if json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        for finding in found:
            print(f"{finding.part:<10} {'ok' if finding.ok else 'failed':<7} {finding.text}")
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)


def _findings(config: Path | None, settings: Settings) -> Iterator[Finding]:
    file = settings_file(config)
    yield Finding("settings", True, "defaults and environment" if file is None else str(file))
    yield _finding("models", lambda: _models(settings))
    yield _finding("campaigns", lambda: _campaigns(settings))
    broker = _finding("broker", lambda: _broker(settings))
    yield broker
    if broker.ok:
        yield _finding("topics", lambda: _topics(settings))
        yield _finding("guarantee", lambda: _guarantee(settings))
    else:
        yield Finding("topics", False, "not looked at: no broker answers")
        yield Finding("guarantee", False, "not looked at: no broker answers")
    yield _finding("redis", lambda: _redis(settings.redis))


def _finding(part: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(part, True, look())
    except BeckonError as error:
        return Finding(part, False, str(error))


def _models(settings: Settings) -> str:
    from streams.parts import tagger_of

    if not settings.models.tags:
        return "none (models.tags is empty): a product's category is its one tag"
    versions = tagger_of(settings.models).model_versions
    return ", ".join(f"{name}, version {version}" for name, version in versions.items())


def _campaigns(settings: Settings) -> str:
    from streams.parts import campaigns_of, policy_of

    campaigns = campaigns_of(settings, policy_of(settings.profile))
    if campaigns is None:
        return "campaigns.file is empty: a worker follows the topic campaigns"
    return f"{settings.campaigns.file}: {len(campaigns.by_id)} campaigns, {campaigns.digest}"


def _broker(settings: Settings) -> str:
    from streams.clients import partition_counts

    return f"{settings.kafka.servers} answers, with {len(partition_counts(settings.kafka))} topics"


def _topics(settings: Settings) -> str:
    from schemas.topics import ALL
    from streams.topics import check as differences

    _raise_first(differences(settings.kafka, settings.topics))
    return f"all {len(ALL)} are as the settings say"


def _guarantee(settings: Settings) -> str:
    from streams.broker_settings import judge, look

    verdict = judge(look(settings.kafka, settings.topics), settings.topics)
    _raise_first(verdict.problems)
    return "; ".join(["nothing that can be seen breaks exactly once", *verdict.remarks])


def _raise_first(problems: Sequence[BeckonError]) -> None:
    if not problems:
        return
    first, *others = problems
    if not others:
        raise first
    more = f"and {len(others)} more: `beckon topics check` lists them"
    raise BeckonError(first.field, first.problem, f"{first.remedy}; {more}")


def _redis(settings: RedisSettings) -> str:
    from streams.redis_clients import Fault, RedisError, place_of
    from streams.redis_reader import RedisReader

    reader = RedisReader(settings)
    try:
        reader.ping()
    except RedisError as error:
        if error.fault is Fault.AWAY and settings == RedisSettings():
            return f"none at {place_of(settings)}, and none is set: only the mirror and its readers want one"
        raise
    finally:
        reader.close()
    return f"{place_of(settings)} answers"


def _list_settings(json: bool) -> None:
    import msgspec

    from streams.settings import lines

    found = lines()
    if json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    for line in found:
        print(f"{line.name:<30} {line.variable:<36} {_default(line.default)}")
        print(f"    {line.meaning}")


def _default(value: object) -> str:
    import msgspec

    return "not set" if value is None else msgspec.json.encode(value).decode()
