import json
import logging
from collections.abc import Iterator

import pytest

from streams import log
from streams.settings import LogSettings


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    handlers, level, disabled = logging.root.handlers[:], logging.root.level, logging.root.manager.disable
    own = logging.getLogger("beckon").level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.getLogger("beckon").setLevel(own)
    logging.disable(disabled)


def test_a_line_has_time_level_event_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(LogSettings())
    log.warning("strays", strays=3, remedy='set "x"')
    line = capsys.readouterr().err
    assert line[10] == "T"
    assert line.endswith('Z warning strays strays=3 remedy="set \\"x\\""\n')


def test_json_lines_have_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(LogSettings(format="json"))
    log.info("worker_ready", profiles=7)
    found = json.loads(capsys.readouterr().err)
    assert found.pop("at")[-1] == "Z"
    assert found == {"level": "info", "event": "worker_ready", "profiles": 7}


@pytest.mark.parametrize("form", ["lines", "json"])
def test_a_shopper_is_never_named_and_cannot_forge_a_line(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up(LogSettings(format=form, key="secret"))  # type: ignore[arg-type]
    log.error("odd", shopper="ann@example.com", field="a\n2026-01-01 error forged")
    said = capsys.readouterr().err
    assert "ann@" not in said
    assert log.hashed("ann@example.com", "secret") in said
    assert said.count("\n") == 1


def test_without_the_key_a_hash_is_another_one() -> None:
    assert log.hashed("ann", "secret") != log.hashed("ann", "guess")
    assert len(log.hashed("ann", "")) == 12


def test_what_a_library_says_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(LogSettings())
    logging.getLogger("faust").critical("boom\nsecond line")
    assert capsys.readouterr().err.endswith('critical faust says="boom\\nsecond line"\n')
