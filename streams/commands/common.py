"""What all commands share: where the settings come from."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streams.settings import Settings, load

CONFIG_HELP = "Settings file (default: ./beckon.toml if there is one)."


def settings_from(config: Path | None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Load the settings of this call: `--config`, `BECKON_CONFIG` or ./beckon.toml, then env, then flags."""
    file = config or (Path(os.environ["BECKON_CONFIG"]) if "BECKON_CONFIG" in os.environ else None)
    if file is None and Path("beckon.toml").is_file():
        file = Path("beckon.toml")
    return load(flags, os.environ, file)
