"""`python -m streams.dashboards.write [FOLDER]`: write the dashboards as JSON, to k8s/dashboards by default."""

import sys
from pathlib import Path

from streams.dashboards import late, losing, model, sent
from streams.dashboards.grafana import page_json

PAGES = (late.PAGE, losing.PAGE, model.PAGE, sent.PAGE)
FOLDER = Path("k8s/dashboards")


def write(folder: Path) -> list[Path]:
    """Write all pages into `folder` and return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for page in PAGES:
        file = folder / f"{page.name}.json"
        file.write_bytes(page_json(page))
        files.append(file)
    return files


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
