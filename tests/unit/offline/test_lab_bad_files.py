"""Bad files through the command line: exit code 2, one clear sentence with the place, no report."""

from __future__ import annotations

from pathlib import Path

import pytest

from upswell.cli import run

GOOD = "id,limit,calls\n1,100,2\n2,200,3\n3,150,0\n"


def refusal(capsys: pytest.CaptureFixture[str], file: Path, *more: str) -> str:
    """Explore the file, and return the one sentence that says why not."""
    out = file.parent / "out"
    code = run(["lab", "explore", "--input", str(file), "--out", str(out), *more])
    told = capsys.readouterr()
    assert code == 2, told
    assert told.out == ""
    assert not (out / "report.html").exists()
    lines = told.err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", ["is empty"], id="empty"),
        pytest.param(b"\n\n", ["is empty"], id="blank lines only"),
        pytest.param(b"id,limit\n", ["has a header and no rows"], id="header only"),
        pytest.param(b"limit\n1\n2\n", ["one column only", "'limit'"], id="one column"),
        pytest.param(b"a,b\n,NA\nNA,\n", ["holds no value", "2 rows"], id="all missing"),
        pytest.param(
            b"id,limit\n1,100\n2,many\n3,50\n4,70\n",
            ["'limit'", "row 2", "'many'", "not a number"],
            id="text",
        ),
        pytest.param(b"a;b\n1;2\n", ["header", "no comma", "semicolon", "delimiter"], id="semicolons"),
        pytest.param(b"a\tb\n1\t2\n", ["no comma", "tab"], id="tabs"),
        pytest.param(b"id,city\n1,K\xf6ln\n", ["line 2", "0xf6", "not utf-8", "encoding"], id="not UTF-8"),
        pytest.param(b"id,b\xe9\n1,2\n", ["line 1", "0xe9", "not utf-8"], id="header not UTF-8"),
        pytest.param(b"a,b\n1,2\n1,2,3\n", ["row 2", "3 cells", "2 columns", "1,2,3"], id="too many cells"),
        pytest.param(b"a,b\n1,2\n1\n", ["row 2", "1 cells", "2 columns"], id="too few cells"),
        pytest.param(b"a,a\n1,2\n", ["column 2", "'a'", "another column"], id="two names alike"),
        pytest.param(b"a,b\n1,2\n3,inf\n4,5\n", ["'b'", "row 2", "'inf'"], id="infinite"),
        pytest.param(b"a,b\n1,2\n3,1e300\n4,5\n", ["'b'", "row 2", "'1e300'"], id="beyond any customer"),
    ],
)
def test_a_bad_file_gives_one_sentence_with_its_place(
    content: bytes, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "customers.csv"
    file.write_bytes(content)
    sentence = refusal(capsys, file)
    assert "customers.csv" in sentence
    assert [word for word in words if word not in sentence] == [], sentence


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_mapping_that_a_refusal_proposes_reads_the_file(
    delimiter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, rules = tmp_path / "customers.csv", tmp_path / "mapping.yaml"
    file.write_text(GOOD.replace(",", delimiter), encoding="utf-8")
    proposed = refusal(capsys, file).partition("format: ")[2].removesuffix(")")
    rules.write_text(f"name: x\nformat: {{{proposed}}}\n", encoding="utf-8")
    out = str(tmp_path / "out")
    assert run(["lab", "explore", "--input", str(file), "--mapping", str(rules), "--out", out]) == 0


def test_a_constant_column_is_told_and_the_rest_explored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("id,limit,country\n1,100,7\n2,200,7\n3,150,7\n", encoding="utf-8")
    assert run(["lab", "explore", "--input", str(file), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "1 column has one value only and cannot tell customers apart: country (7)." in told


def test_a_column_without_any_value_is_told_and_the_rest_explored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("id,limit,spouse\n1,100,\n2,200,NA\n3,150,\n", encoding="utf-8")
    assert run(["lab", "explore", "--input", str(file), "--out", str(tmp_path / "out")]) == 0
    assert "spouse holds no value at all." in capsys.readouterr().out


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such file" in refusal(capsys, tmp_path / "nowhere.csv")


def test_a_parquet_file_that_is_none_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "customers.parquet"
    file.write_text(GOOD, encoding="utf-8")
    assert "is no Parquet file" in refusal(capsys, file)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        pytest.param(
            "name: x\ncolumns:\n  Limit: {}\n", ["no column 'Limit'", "mapping x", "limit"], id="column"
        ),
        pytest.param("name: x\ncolums: {}\n", ["line 2", "colums"], id="unknown key"),
        pytest.param(
            "name: x\ncolumns:\n  limit: {role: vip}\n", ["line 3", "columns.limit.role"], id="role"
        ),
        pytest.param("columns: {}\n", ["name"], id="no name"),
        pytest.param("name: [\n", ["line", "not valid YAML"], id="no YAML"),
        pytest.param("name: x\nformat: {delimiter: '::'}\n", ["line 2", "one character"], id="delimiter"),
        pytest.param("name: x\nformat: {encoding: klingon}\n", ["klingon"], id="encoding"),
        pytest.param(
            "name: x\ncolumns:\n  limit: {type: category, when_missing: median}\n",
            ["line 3", "columns.limit", "no median"],
            id="treatment that does not fit",
        ),
        pytest.param(
            "name: x\ncredit_category: {column: limit, edges: [2, 1], labels: [a, b, c]}\n",
            ["line 2", "rise"],
            id="falling edges",
        ),
        pytest.param(
            "name: x\ncolumns:\n  calls: {type: flag}\n", ["'calls'", "row 1", "'2'", "flag"], id="no flag"
        ),
        pytest.param(
            "name: x\ncolumns:\n  calls: {type: date}\n",
            ["'calls'", "row 1", "'2'", "not a date"],
            id="no date",
        ),
    ],
)
def test_a_wrong_mapping_gives_one_sentence_with_file_line_and_field(
    mapping: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, rules = tmp_path / "customers.csv", tmp_path / "mapping.yaml"
    file.write_text(GOOD, encoding="utf-8")
    rules.write_text(mapping, encoding="utf-8")
    sentence = refusal(capsys, file, "--mapping", str(rules))
    assert [word for word in words if word not in sentence] == [], sentence


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--engagement", "calls=often", ["engagement", "COLUMN=WEIGHT"]),
        ("--engagement", "visits", ["no column 'visits'", "customers.csv"]),
        ("--credit-category", "limit", ["COLUMN:EDGE"]),
        ("--credit-category", "limit:5,1", ["rising"]),
        ("--credit-category", "credit:5", ["no column 'credit'"]),
    ],
)
def test_a_wrong_choice_gives_one_sentence(
    option: str, value: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(GOOD, encoding="utf-8")
    sentence = refusal(capsys, file, option, value)
    assert [word for word in words if word not in sentence] == [], sentence


def test_a_missing_id_is_told_with_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, rules = tmp_path / "customers.csv", tmp_path / "mapping.yaml"
    file.write_text("id,limit\n1,100\n,200\n", encoding="utf-8")
    rules.write_text("name: x\ncolumns: {id: {role: id}}\n", encoding="utf-8")
    sentence = refusal(capsys, file, "--mapping", str(rules))
    assert "'id', row 2: the id is missing" in sentence
