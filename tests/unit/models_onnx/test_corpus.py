"""Reading labelled texts: every form, and file:line for whatever is wrong."""

import gzip
import lzma
from pathlib import Path

import pytest

from models_onnx.corpus import Columns, Corpus, Row, digest_of, read_corpus
from schemas.errors import InputError

ROWS = [Row("Yoga Mat, 6 mm", "yoga"), Row('Tent "Ox"', "camping")]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"Yoga Mat, 6 mm",yoga\n"Tent ""Ox""",camping\n'),
        ("a.csv", '\ufefflabel,id,text\r\nyoga,1,"Yoga Mat, 6 mm"\r\n\r\ncamping,2,"Tent ""Ox"""'),
        ("a.tsv", 'text\tlabel\nYoga Mat, 6 mm\tyoga\n"Tent ""Ox"""\tcamping\n'),
        ("a.json", '{"train":[["Yoga Mat, 6 mm","yoga"]],"val":[["Tent \\"Ox\\"","camping",7]]}'),
        ("a.json", '[{"text":"Yoga Mat, 6 mm","label":"yoga"},["Tent \\"Ox\\"","camping"]]'),
        ("a.jsonl", '{"text":"Yoga Mat, 6 mm","label":"yoga","x":1}\n\n{"label":"camping","text":" Tent \\"Ox\\" "}'),
    ],
)  # fmt: skip
def test_every_form_plain_and_packed_gives_the_same_rows(tmp_path: Path, name: str, content: str) -> None:
    raw = content.encode()
    assert read_corpus(written(tmp_path, name, raw)) == Corpus(ROWS, 0)
    assert read_corpus(written(tmp_path, f"{name}.gz", gzip.compress(raw))).rows == ROWS
    assert read_corpus(written(tmp_path, f"{name}.xz", lzma.compress(raw))).rows == ROWS


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = written(tmp_path, "products.shared.csv", "Product Title, Category\nTent,camping\n")
    assert read_corpus(path, Columns("Product Title", " Category")).rows == [Row("Tent", "camping")]


def test_a_row_over_several_lines_counts_its_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'text,label\n"two\nlines",a\nlong,' + "b" * 129 + "\n")
    with pytest.raises(InputError, match=r"a\.csv:4: `label` has more than 128"):
        read_corpus(path)


def test_rows_without_a_text_or_label_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = "".join(f"text {number},a\n" for number in range(20))
    found = read_corpus(written(tmp_path, "a.csv", f"text,label\n{rows} ,a\nno label,\n"))
    assert len(found.rows) == 20 and found.empty == 2
    with pytest.raises(InputError, match=r"holds 3 rows without a text or label, of 22; "):
        read_corpus(written(tmp_path, "b.csv", f"text,label\n{rows[:-10]} ,a\nno label,\n,\n"))


def test_other_spellings_and_texts_about_nothing_known_are_what_the_columns_say(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "text,label\na,fridge\nb,Fridges\nc,oos\n")
    columns = Columns(aliases={"fridge": "Fridges"}, out_of_scope="oos")
    assert [row.labels for row in read_corpus(path, columns).rows] == [("Fridges",), ("Fridges",), ()]


def test_a_text_may_have_several_labels(tmp_path: Path) -> None:
    table = written(tmp_path, "a.csv", "text,label\nx,a|b|a\ny,c\n")
    assert read_corpus(table, Columns(separator="|")).rows == [Row("x", "a", ("b",)), Row("y", "c")]
    assert read_corpus(table).rows == [Row("x", "a|b|a"), Row("y", "c")]
    lines = written(tmp_path, "a.jsonl", '{"text":"x","label":["a","b"]}\n{"text":"y","label":[]}\n')
    assert read_corpus(lines).rows == [Row("x", "a", ("b",)), Row("y", "")]


def test_texts_alone_may_come_a_line_each(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "Yoga Mat\n\n瑜伽垫\n")
    assert read_corpus(path, Columns(label=None)) == Corpus([Row("Yoga Mat", ""), Row("瑜伽垫", "")], 1)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", "x", "a.txt: has a name that does not tell its form; name it .csv, .tsv, .jsonl or .json"),
        ("csv", "x", "csv: has a name that does not tell its form"),
        ("a.gz", "x", "a.gz: has a name that does not tell its form"),
        ("a.csv", "", "a.csv:1: has no column `text` (nothing)"),
        ("a.csv", "title,label\n", "a.csv:1: has no column `text` (title, label)"),
        ("a.csv", "text,label\n", "a.csv: holds no rows"),
        ("a.csv", "text,label\na,b,c\n", "a.csv:2: has 3 cells, the first line 2"),
        ("a.csv", 'text,label\n"a"x,b\n', "a.csv:2: is no table row"),
        ("a.csv", "text,label\n ,b\n", "a.csv: holds 1 rows without a text or label, of 1"),
        ("a.json", "{", "a.json: is no JSON"),
        ("a.json", "5", "a.json: is not a list"),
        ("a.json", '{"train":{}}', "a.json:train: is not a list"),
        ("a.json", '{"train":[["a","b"],["a"]]}', "a.json:train[1]: is no row"),
        ("a.json", '[[5,"b"]]', "a.json[0]: `text` is not a text"),
        ("a.csv", "text,label\na," + "b" * 129 + "\n", "a.csv:2: `label` has more than 128 characters"),
        ("a.csv", b"text,label\na,b\n\xff,b\n", "a.csv:3: is not UTF-8 (byte 0 of the line)"),
        ("a.csv", b"x" * (1 << 20) + b"y", "a.csv:1: is a line of more than 1 MiB"),
        ("a.jsonl", '{"text":"a","label":"b"}\n{', "a.jsonl:2: is no JSON object"),
        ("a.jsonl", "[]", "a.jsonl:1: is no JSON object"),
        ("a.jsonl", "[" * 100_000, "a.jsonl:1: is no JSON object"),
        ("a.jsonl", '{"text":"a"}', "a.jsonl:1: `label` is missing"),
        ("a.jsonl", '{"text":5,"label":"b"}', "a.jsonl:1: `text` is not a text"),
        ("a.csv.gz", b"not packed", "a.csv.gz: cannot be unpacked"),
        ("a.csv.gz", gzip.compress(b"text,label\na,b\n", mtime=0)[:-9], "a.csv.gz: cannot be unpacked"),
        ("a.csv.xz", b"not packed", "a.csv.xz: cannot be unpacked"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, problem: str
) -> None:
    with pytest.raises(InputError) as raised:
        read_corpus(written(tmp_path, name, content))
    line = str(raised.value).removeprefix(f"{tmp_path}/")
    assert line.startswith(problem) and "\n" not in line


def test_a_file_that_is_not_there_or_is_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(InputError, match=r"a\.csv: cannot be read \(No such file"):
        read_corpus(tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"b\.csv: cannot be read \(Is a directory"):
        read_corpus(tmp_path / "b.csv")


def test_the_digest_tells_rows_their_order_and_where_a_text_ends() -> None:
    assert digest_of(ROWS) == digest_of(list(ROWS))
    assert digest_of(ROWS) != digest_of(ROWS[::-1])
    assert digest_of([Row("ab", "c")]) != digest_of([Row("a", "bc")])
