"""What a replay left behind, found again by shopper and by decision."""

from pathlib import Path

import pytest

from schemas.errors import InputError
from streams.archive import FolderArchive
from streams.settings import load
from tests.support.lines import run, write
from tests.support.story import MONDAY, consent, track

CAMPAIGNS = "campaigns: [{id: a, triggers: [Product Viewed], offers: [{promotion_id: p, name: P}]}]\n"
USERS = ("ann", "Anna", "ann\u00e9", 'an"n', "bob\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    events = []
    for user in USERS:
        events.append(consent(MONDAY, f"yes {user}", user, marketing=True))
        events += [track("Product Viewed", MONDAY + n, f"m{n}", user, product_id="ann") for n in (1, 2)]
    settings = load({"campaigns.file": str(tmp_path / "campaigns.yaml")})
    run(tmp_path / "out", write(tmp_path / "events.jsonl", *events), settings=settings)
    return tmp_path / "out"


@pytest.mark.parametrize("user", USERS)
def test_every_shopper_is_found_by_the_exact_id(folder: Path, user: str) -> None:
    raw = FolderArchive(folder).profile(user)
    assert raw is not None
    found = FolderArchive(folder).decisions(user, lambda decision: decision.user_id == user)
    assert [decision.trigger.at for decision in found] == [MONDAY + 1, MONDAY + 2]
    assert raw in (folder / "profiles.jsonl").read_bytes().splitlines()


def test_nobody_of_that_name_is_none_and_similar_ones_are_named(folder: Path) -> None:
    archive = FolderArchive(folder)
    assert archive.profile("an") is None
    assert archive.decisions("an", lambda decision: decision.user_id == "an") == []
    assert str(archive.nobody("AN")) == (f'shopper AN: is not in {folder}; there is Anna, an"n, ann')
    assert str(archive.nobody("zoe")).endswith("ids are compared letter by letter")
    assert archive.nobody("zoe").exit_code == 1
    assert archive.profile("\udcff") is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [("missing", "is not a folder"), (".", "is not a replay folder (it has no profiles.jsonl)")],
)
def test_a_folder_that_no_replay_wrote_is_one_line(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        FolderArchive(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {problem}; give --from what `beckon replay --out` wrote"


def test_damaged_lines_are_named_by_file_and_line(folder: Path) -> None:
    with (folder / "decisions.jsonl").open("ab") as file:
        file.write(b'{"user_id":"ann"}\n')
    with pytest.raises(InputError, match=r"decisions\.jsonl:11: is damaged \(Object missing required field"):
        FolderArchive(folder).decisions("ann", lambda _: True)
    (folder / "summary.json").write_bytes(b"[]")
    with pytest.raises(InputError, match=r"summary\.json: is damaged"):
        FolderArchive(folder).summary()
