"""What one demo needs before anything runs: options, folder, the worker's settings file."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.campaign_file import load_campaigns
from schemas.campaigns import CampaignFile
from schemas.errors import InputError
from streams.settings import Settings, load

#: The checkout that this file is part of: its examples and models are the demo's.
ROOT = Path(__file__).resolve().parents[2]
CAMPAIGNS = ROOT / "examples" / "campaigns.yaml"
MODELS = ROOT / "models"
PARTITIONS = 4
#: The one setting of the caller's environment that the demo keeps: where models run.
_KEPT = "BECKON_PROVIDER"


@dataclass(frozen=True)
class Options:
    """What the caller chose; `seconds` the shop is open, `rate` in events per second."""

    seconds: float
    rate: float
    shoppers: int
    seed: int
    campaigns: Path
    models: Path
    folder: Path

    @property
    def config(self) -> Path:
        """The worker's settings file; also an example of one."""
        return self.folder / "beckon.toml"

    @property
    def log(self) -> Path:
        """Where the worker writes what it has to say."""
        return self.folder / "worker.log"


def read_campaigns(path: Path) -> CampaignFile:
    """Return the campaigns; raise `InputError` or `CampaignError` in one line."""
    try:
        return load_campaigns(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "give --campaigns FILE") from None
    except UnicodeDecodeError:
        raise InputError(str(path), "is not UTF-8", "save it as UTF-8") from None


def write_config(options: Options, servers: str, catalog: Path, metrics_port: int) -> Settings:
    """Write the worker's settings file and return the settings as the worker will read them."""
    sections: dict[str, dict[str, str | int | float]] = {
        "kafka": {"servers": servers},
        "topics": {"partitions": PARTITIONS},
        "campaigns": {"file": str(options.campaigns.resolve()), "catalog": str(catalog.resolve())},
        "models": {"dir": str(options.models.resolve())},
        "worker": {"data_dir": str((options.folder / "worker").resolve())},
        "metrics": {"port": metrics_port},
    }
    heading = "Written by `beckon demo` for its worker. Its broker ends with the demo."
    return write_settings(options.config, heading, sections)


def write_settings(
    path: Path, heading: str, sections: Mapping[str, Mapping[str, str | int | float]]
) -> Settings:
    """Write a settings file and return the settings as our processes will read them."""
    lines = [f"# {heading}"]
    for section, values in sections.items():
        lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load(env=environment(), file=path)


def environment() -> dict[str, str]:
    """Return the worker's environment: the demo is the same whatever Beckon's settings here are."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("BECKON_") or name == _KEPT
    }


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
