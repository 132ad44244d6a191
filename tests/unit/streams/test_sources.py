"""Lines of files: exactly what stands between line feeds, whatever the packing, and one error for what is broken."""

import gzip
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from schemas.errors import InputError
from streams.sources import HugeLine, check_readable, lines_of

LINES = b'{"a":1}\r\n\n  \n{"b":"\xc3\xa9"}\nlast'
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".jsonl": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
PACKED = [name for name in PACKERS if name != ".jsonl"]


def packed(folder: Path, ending: str, raw: bytes) -> Path:
    path = folder / f"events{ending}"
    path.write_bytes(PACKERS[ending](raw))
    return path


@pytest.mark.parametrize("ending", PACKERS)
def test_only_a_line_feed_ends_a_line_and_the_end_of_the_file_is_none(tmp_path: Path, ending: str) -> None:
    path = packed(tmp_path, ending, LINES)
    assert list(lines_of(path)) == [b'{"a":1}\r', b"", b"  ", b'{"b":"\xc3\xa9"}', b"last"]
    assert list(lines_of(packed(tmp_path, ending, b"a\x0bb\x1cc\xe2\x80\xa8d\n"))) == [
        b"a\x0bb\x1cc\xe2\x80\xa8d"
    ]
    assert list(lines_of(packed(tmp_path, ending, b""))) == []


@pytest.mark.parametrize("ending", PACKERS)
def test_many_lines_come_out_whole_across_the_edges_of_chunks(tmp_path: Path, ending: str) -> None:
    lines = [b"x" * (number * 7919 % 3000) for number in range(3000)]
    assert list(lines_of(packed(tmp_path, ending, b"\n".join(lines) + b"\n"))) == lines


@pytest.mark.parametrize("ending", PACKED)
def test_several_packed_streams_one_after_the_other_are_one_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"events{ending}"
    path.write_bytes(b"".join(PACKERS[ending](part) for part in (b"a\nb", b"c\n", b"", b"d\n")))
    assert list(lines_of(path)) == [b"a", b"bc", b"d"]


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("lost", [1, 5, 1000])
def test_a_packed_file_that_was_cut_is_damaged_and_not_shorter(
    tmp_path: Path, ending: str, lost: int
) -> None:
    lines = b"".join(b"%d\n" % (number * 7919 % 100_003) for number in range(20_000))
    path = packed(tmp_path, ending, lines)
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(InputError, match=r"events\.(gz|xz|zst): is damaged \("):
        list(lines_of(path))


@pytest.mark.parametrize("ending", PACKED)
def test_a_file_that_only_looks_packed_is_damaged(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"events{ending}"
    path.write_bytes(b'{"type":"track"}\n')
    with pytest.raises(InputError, match="is damaged"):
        list(lines_of(path))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.jsonl", "cannot be read (No such file or directory)"),
        (".", "cannot be read (Is a directory)"),
    ],
)
def test_a_file_that_cannot_be_opened_is_one_line_with_its_name(
    tmp_path: Path, name: str, problem: str
) -> None:
    path = tmp_path / name
    with pytest.raises(InputError) as caught:
        check_readable(path)
    assert str(caught.value) == f"{path}: {problem}; give a readable file"


def test_parquet_is_not_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "events.parquet").write_bytes(b"{}")
    with pytest.raises(
        InputError, match=r"events\.parquet: cannot be read as Parquet \(.*\); give a readable"
    ):
        list(lines_of(tmp_path / "events.parquet"))


@pytest.mark.parametrize("ending", PACKERS)
def test_a_line_of_50_megabytes_passes_in_pieces(tmp_path: Path, ending: str) -> None:
    raw = b"before\n" + b"\0" * 50_000_000 + b"\nafter\nend"
    path = packed(tmp_path, ending, raw)
    del raw
    tracemalloc.start()
    found = [sum(map(len, line.chunks)) if isinstance(line, HugeLine) else line for line in lines_of(path)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [b"before", 50_000_000, b"after", b"end"]
    assert peak < 35_000_000


def test_a_huge_line_that_nobody_looks_at_is_passed_over(tmp_path: Path) -> None:
    path = packed(tmp_path, ".jsonl", b"x" * 3_000_000 + b"\nafter\n" + b"y" * 3_000_000)
    assert [line for line in lines_of(path) if isinstance(line, bytes)] == [b"after"]
