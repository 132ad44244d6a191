"""Mapping files: what they can say, and one line for each thing that is wrong with them."""

from pathlib import Path

import pytest

from schemas.errors import InputError
from schemas.events import EventName
from streams.importers import rees46
from streams.importers.csv_mapping import events_of, load_mapping

ROOT = Path(__file__).resolve().parents[4]
GOOD = """
name = "shop"
[event]
constant = "Product Viewed"
[time]
column = "at"
[fields]
userId = "user"
product_id = "sku"
"""
IN_YAML = """
name: shop
event: {constant: Product Viewed}
time: {column: at}
fields: {userId: user, product_id: sku}
"""


def problem(folder: Path, text: str, name: str = "map.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_mapping(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    return line.removeprefix(str(path))


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(GOOD)
    (tmp_path / "map.yaml").write_text(IN_YAML)
    assert load_mapping(tmp_path / "map.toml") == load_mapping(tmp_path / "map.yaml")
    assert events_of(load_mapping(tmp_path / "map.toml")) == {EventName.PRODUCT_VIEWED}


@pytest.mark.parametrize("example", sorted((ROOT / "examples/imports").glob("*")), ids=lambda path: path.name)
def test_every_example_is_a_mapping(example: Path) -> None:
    assert load_mapping(example).name


def test_the_rees46_example_says_what_the_command_does() -> None:
    example = load_mapping(ROOT / "examples/imports/rees46.toml")
    assert example.fields == rees46.MAPPING.fields
    assert example.event == rees46.MAPPING.event
    assert example.time == rees46.MAPPING.time


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[time]", "[tyme]", "unknown field `tyme`"),
        ('column = "at"', "", "time: Object missing required field `column`"),
        ('name = "shop"', "name = 3", "name: Expected `str`, got `int`"),
        ('constant = "Product Viewed"', 'constant = "Product View"', "did you mean `Product Viewed`?"),
        ('constant = "Product Viewed"', 'constant = "identify"', "event.constant `identify` is not an event"),
        ('constant = "Product Viewed"', "", "event needs either `column` or `constant`"),
        (
            'constant = "Product Viewed"',
            'column = "kind"\nnames = {view = "Viewed"}',
            "event.names.view `Viewed` is not an event",
        ),
        ('product_id = "sku"', 'produkt_id = "sku"', "did you mean `product_id`?"),
        ('product_id = "sku"', "", "fields.product_id is missing; Product Viewed needs it"),
        ('userId = "user"', "", "fields.userId or fields.anonymousId is missing"),
        ('product_id = "sku"', 'product_id = "{sku"', "fields.product_id `{sku`"),
        ('product_id = "sku"', 'product_id = "{sku!r}"', "only plain {columns} may stand in it"),
        ('column = "at"', 'column = "at"\nzone = "Mars/Olympus"', "time.zone `Mars/Olympus` is no time zone"),
        ("[time]", '[file]\ndelimiter = ";;"\n[time]', "file.delimiter is not one character"),
        ("[time]", '[file]\nencoding = "utf-9"\n[time]', "file.encoding `utf-9` is not known"),
        ("[time]", "[time", "cannot be read:"),
        (
            'constant = "Product Viewed"',
            'constant = "Order Completed"',
            "fields.order_id is missing; Order Completed needs it",
        ),
    ],
)
def test_a_wrong_mapping_is_one_line_that_names_the_field(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in GOOD
    assert words in problem(tmp_path, GOOD.replace(old, new))


def test_wrong_yaml_a_missing_file_and_other_encodings_are_one_line(tmp_path: Path) -> None:
    assert "cannot be read:" in problem(tmp_path, "name: [", "map.yml")
    assert "Expected `object`, got `null`" in problem(tmp_path, "", "map.yml")
    with pytest.raises(InputError, match="No such file"):
        load_mapping(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes('name = "caf\xe9"'.encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8"):
        load_mapping(tmp_path / "latin.toml")
