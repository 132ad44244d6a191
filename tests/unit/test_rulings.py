"""Each rule of the contract's fine print has a test that names its number."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
RULINGS = range(1, 70)
#: `test_ruling_45_...`, `test_rulings_21_and_68_...`
NAMED = re.compile(r"def test_rulings?_(\d+)(?:_and_(\d+))?_")


def named() -> set[int]:
    """Return the numbers that some test has in its name."""
    return {
        int(number)
        for path in TESTS.rglob("test_*.py")
        for pair in NAMED.findall(path.read_text(encoding="utf-8"))
        for number in pair
        if number
    }


def test_every_ruling_has_a_test_that_names_its_number_and_no_test_names_another() -> None:
    missing, unknown = sorted(set(RULINGS) - named()), sorted(named() - set(RULINGS))
    assert not missing, f"no test names ruling {', '.join(map(str, missing))}"
    assert not unknown
