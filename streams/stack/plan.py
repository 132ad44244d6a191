"""What the stack needs before anything runs: its folder, addresses, settings and what Prometheus scrapes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from streams.demo.plan import MODELS, ROOT, write_settings
from streams.settings import Settings
from streams.simulator_sinks import CATALOG

PARTITIONS = 4
ALERTS = ROOT / "k8s" / "alerts" / "beckon.yaml"
#: Shorter than in production, so that graphs and rates begin to live at once.
SCRAPE_S = 2
_HEADING = "Written by `beckon stack`. Its broker and its Redis end with the stack."


@dataclass(frozen=True)
class Options:
    """What the caller chose: `rate` in events per second; `seconds` None: until told to stop."""

    rate: float
    shoppers: int
    seed: int
    workers: int
    seconds: float | None
    campaigns: Path
    folder: Path

    @property
    def config(self) -> Path:
        """The settings file of all parts; also an example of one."""
        return self.folder / "beckon.toml"


class Part(Struct, frozen=True):
    """One part as it runs: where it answers, and its process id."""

    name: str
    address: str
    pid: int


class Running(Struct, frozen=True):
    """`stack.json`: what runs, in the order in which it was started."""

    settings: str
    parts: tuple[Part, ...]


def write_config(options: Options, servers: str, redis_url: str) -> Settings:
    """Write the settings of all parts, but for the ports that each has for itself, and return them."""
    folder = options.folder.resolve()
    sections: Mapping[str, Mapping[str, str | int | float]] = {
        "kafka": {"servers": servers},
        "topics": {"partitions": PARTITIONS},
        "campaigns": {"file": str(options.campaigns.resolve()), "catalog": str(folder / CATALOG)},
        "models": {"dir": str(MODELS)},
        "redis": {"url": redis_url},
    }
    return write_settings(options.config, _HEADING, sections)


def write_prometheus(folder: Path, targets: Sequence[str]) -> Path:
    """Write what Prometheus is to scrape (`host:port`s), with our alerts, and return the file."""
    file = folder / "prometheus.yaml"
    interval = f"{SCRAPE_S}s"
    settings = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": "beckon", "static_configs": [{"targets": list(targets)}]}],
    }
    file.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")  # JSON is YAML
    return file
