"""A replay folder is whole or it is not there."""

import errno
from pathlib import Path

import pytest

from schemas.errors import InputError
from streams.replay_folder import FILES, ReplayFolder, check_replaceable


def test_files_appear_together_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "deep/out"
    with ReplayFolder(out) as folder:
        folder.file("profiles.jsonl").write(b"{}\n")
        assert not [path for path in out.iterdir() if path.name in FILES]
        folder.finish({"b": 1, "a": 2})
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert (out / "profiles.jsonl").read_bytes() == b"{}\n"
    assert (out / "summary.json").read_bytes() == b'{\n  "a": 2,\n  "b": 1\n}\n'


def test_a_run_that_fails_leaves_an_earlier_result_as_it_was(tmp_path: Path) -> None:
    with ReplayFolder(tmp_path) as folder:
        folder.file("profiles.jsonl").write(b"old\n")
        folder.finish({})
    with pytest.raises(ZeroDivisionError), ReplayFolder(tmp_path) as folder:
        folder.file("profiles.jsonl").write(b"new, %d\n" % (1 // 0))
    assert (tmp_path / "profiles.jsonl").read_bytes() == b"old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_a_folder_with_something_else_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("my work")
    with pytest.raises(InputError, match=r"holds thesis\.txt, which no replay wrote"), ReplayFolder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_leftovers_of_a_run_that_was_killed_are_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "profiles.jsonl.part").write_text("half")
    check_replaceable(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with (
        pytest.raises(InputError, match="out: is a file; give --out a folder"),
        ReplayFolder(tmp_path / "out"),
    ):
        pass
    with pytest.raises(InputError, match="cannot be written"), ReplayFolder(tmp_path / "out/deeper"):
        pass


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"cannot be written \(No space left"),
        ReplayFolder(tmp_path / "out"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not (tmp_path / "out").exists()
