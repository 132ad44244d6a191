"""Settings: three sources, one object, and a line that names what is wrong and where it came from."""

from pathlib import Path

import msgspec
import pytest

from schemas.errors import SettingsError
from streams.settings import Settings, lines, load


def file(folder: Path, text: str) -> Path:
    path = folder / "beckon.toml"
    path.write_text(text)
    return path


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    path = file(tmp_path, '[topics]\npartitions = 1\nreplication = 2\nprefix = "file-"\n')
    env = {"BECKON_TOPICS_REPLICATION": "3", "BECKON_TOPICS_PREFIX": "env-", "HOME": "/"}
    found = load({"topics.prefix": "flag-", "kafka.servers": None}, env, path).topics
    assert (found.partitions, found.replication, found.prefix) == (1, 3, "flag-")
    assert load().kafka.servers == "127.0.0.1:9092"


def test_the_base_currency_has_a_short_name(tmp_path: Path) -> None:
    assert load(env={"BECKON_BASE_CURRENCY": "GBP"}).shop.currency == "GBP"
    assert load(env={"BECKON_PROVIDER": "cpu"}).models.provider == "cpu"


def test_lists_and_tables_come_as_json_or_as_words_with_commas() -> None:
    assert load(env={"BECKON_SHOP_TRAITS": "vip, age"}).shop.traits == ("vip", "age")
    assert load(env={"BECKON_SHOP_TRAITS": '["a,b"]'}).shop.traits == ("a,b",)
    assert load(env={"BECKON_SHOP_CURRENCY_RATES": '{"EUR": 1.1}'}).shop.currency_rates == {"EUR": 1.1}


@pytest.mark.parametrize(
    ("text", "env", "start"),
    [
        ("[kafka]\nserver = 'x'\n", {}, "kafka.server: is not a setting (in {file}); did you mean kafka.servers?"),
        ("[kafkas]\nservers = 'x'\n", {}, "kafkas.servers: is not a setting (in {file}); did you mean kafka.servers?"),
        ("kafka = 1\n", {}, "kafka: is not a setting (in {file})"),
        ("[topics]\npartitions = 0\n", {}, "topics.partitions: expected `int` >= 1 (in {file})"),
        ("[topics]\npartitions = true\n", {}, "topics.partitions: expected `int`, got `bool` (in {file})"),
        ("[topics\n", {}, "{file}: is not TOML: "),
        ("", {"BECKON_TOPICS_PARTITONS": "4"}, "topics.partitons: is not a setting (from BECKON_TOPICS_PARTITONS); did"),
        ("", {"BECKON_WHATEVER": "4"}, "whatever: is not a setting (from BECKON_WHATEVER); `beckon check --settings`"),
        ("", {"BECKON_METRICS_PORT": "x"}, "metrics.port: expected `int`, got `str` (from BECKON_METRICS_PORT)"),
        ("", {"BECKON_METRICS_PORT": "65536"}, "metrics.port: expected `int` <= 65535 (from BECKON_METRICS_PORT)"),
        ("", {"BECKON_BASE_CURRENCY": "euro"}, "shop.currency: expected `str` matching regex"),
        ("", {"BECKON_KAFKA_SECURITY_PROTOCOL": "TLS"}, "kafka.security_protocol: invalid enum value 'TLS' (from"),
        ("", {"BECKON_SHOP_CURRENCY_RATES": "1.1"}, "shop.currency_rates: expected `object`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_that_names_the_key_and_its_source(
    tmp_path: Path, text: str, env: dict[str, str], start: str
) -> None:
    path = file(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load(env=env, file=path)
    message = str(caught.value)
    assert message.startswith(start.format(file=path)), message
    assert "\n" not in message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_settings_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(file=tmp_path / name)


@pytest.mark.parametrize("name", ["BECKON_TEST_KAFKA", "BECKON_CONFIG", "BECKON_PROPERTY_HISTORIES"])
def test_variables_for_tests_and_for_the_file_itself_are_no_settings(name: str) -> None:
    assert load(env={name: "x"}) == Settings()


def test_every_setting_is_listed_with_a_meaning_and_its_variable_sets_it() -> None:
    found = lines()
    assert len(found) == sum(len(part) for part in msgspec.to_builtins(Settings()).values())
    for line in found:
        assert line.meaning, f"{line.name} has no meaning"
        text = msgspec.json.encode(line.default).decode()
        value = line.default if isinstance(line.default, str) else text
        if line.default is not None and value != "":
            section, _, key = line.name.partition(".")
            assert getattr(getattr(load(env={line.variable: value}), section), key) == line.default
