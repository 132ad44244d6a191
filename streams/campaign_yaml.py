"""A campaign file as text again, so that what a topic holds can be read, edited and applied."""

from io import StringIO

import msgspec
from ruamel.yaml import YAML

from schemas.campaigns import Campaign, CampaignFile


def as_yaml(part: CampaignFile | Campaign) -> str:
    """Return YAML that `load_campaigns` reads back with the same meaning."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 4096  # a text stays on its line
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed by its default
    text = StringIO()
    yaml.dump(msgspec.to_builtins(part), text)
    return text.getvalue()
