"""What several commands share: where the settings come from, and where answers are looked for."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.settings import Settings, load

if TYPE_CHECKING:
    from streams.archive import Archive
    from streams.redis_archive import RedisArchive

CONFIG_HELP = "Settings file (default: ./beckon.toml if there is one)."
FROM_HELP = "Folder of a replay or a demo (default: .beckon/demo)."
REDIS_HELP = "Ask Redis, where the mirror keeps profiles and promotions that still hold."
KAFKA_HELP = "Read the topics instead, what is committed in them."
DEMO_FOLDER = Path(".beckon") / "demo"


def settings_from(config: Path | None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Load the settings of this call: the settings file, then the environment, then flags."""
    return load(flags, os.environ, settings_file(config))


def settings_file(config: Path | None) -> Path | None:
    """Return `--config`, else `BECKON_CONFIG`, else ./beckon.toml if it is there."""
    if config is not None:
        return config
    if os.environ.get("BECKON_CONFIG"):
        return Path(os.environ["BECKON_CONFIG"])
    here = Path("beckon.toml")
    return here if here.exists() else None


def archive_of(folder: Path | None, kafka: bool, config: Path | None) -> "tuple[Archive, str]":
    """Return where answers are looked for, and the base currency of its amounts."""
    from schemas.errors import SettingsError
    from streams.archive import FolderArchive

    if kafka:
        from streams.parts import policy_of
        from streams.topic_archive import TopicArchive

        if folder is not None:
            raise SettingsError("--kafka", "and --from are two places", "give one of them")
        settings = settings_from(config)
        archive = TopicArchive(settings.kafka, settings.topics.prefix, policy_of(settings.profile))
        return archive, settings.shop.currency.upper()
    if folder is None and not DEMO_FOLDER.is_dir():
        raise SettingsError(
            "--from", "is missing, and no demo has run here", "give a replay's folder, or --kafka"
        )
    found = FolderArchive(folder or DEMO_FOLDER)
    stated = found.summary().get("currency")
    return found, stated if isinstance(stated, str) else settings_from(config).shop.currency.upper()


def redis_archive_of(folder: Path | None, kafka: bool, config: Path | None) -> "tuple[RedisArchive, str]":
    """Return Redis as the place of answers, and the base currency; the other places must not be asked for too."""
    from schemas.errors import SettingsError
    from streams.parts import policy_of
    from streams.redis_archive import RedisArchive

    if folder is not None or kafka:
        other = "--kafka" if kafka else "--from"
        raise SettingsError("--redis", f"and {other} are two places", "give one of them")
    settings = settings_from(config)
    return RedisArchive(settings.redis, policy_of(settings.profile)), settings.shop.currency.upper()
