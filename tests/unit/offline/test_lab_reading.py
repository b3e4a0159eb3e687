"""Reading: types and roles as inferred or mapped, and everything converted on the way counted and told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from consumer.vocabulary.errors import ConfigurationError
from offline.tables.mapping import ColumnMapping, FileFormat, TableMapping
from offline.tables.table import read_table


def csv(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    file = tmp_path / "customers.csv"
    file.write_text(text, encoding=encoding)
    return file


def test_types_and_roles_are_inferred_and_said_to_be(tmp_path: Path) -> None:
    file = csv(
        tmp_path,
        "customer_id,gender,joined,income,total_calls,churned,city\n"
        "c1,F,2020-01-31,1000.5,3,0,Rome\nc2,M,2021-12-01,900,1,1,Oslo\nc3,F,2019-05-05,,7,0,Rome\n",
    )
    reading = read_table(file).reading
    found = {column.name: (column.role, column.type) for column in reading.columns}
    assert found == {
        "customer_id": ("id", "text"),
        "gender": ("protected", "category"),
        "joined": ("feature", "date"),
        "income": ("value", "number"),
        "total_calls": ("contact_channel", "integer"),
        "churned": ("label", "flag"),
        "city": ("feature", "category"),
    }
    assert all(column.is_type_inferred and column.is_role_inferred for column in reading.columns)
    assert reading.sentences() == [
        f"customers.csv was read without a mapping: 3 rows, 7 columns, {file.stat().st_size} bytes.",
        "Types were inferred from the values of 7 columns: all.",
        "income: 1 of 3 values are missing (33.33 %; empty 1).",
    ]


def test_a_file_of_another_country_is_read_by_its_format(tmp_path: Path) -> None:
    mapping = TableMapping(
        name="bank",
        format=FileFormat(delimiter=";", encoding="cp1252", decimal=",", thousands="."),
        columns={"joined": ColumnMapping(type="date", date_format="%d.%m.%Y")},
    )
    file = csv(tmp_path, "city;joined;limit\nKöln;31.01.2020;1.234,50\nBonn;01.12.2021;7,25\n", "cp1252")
    frame = read_table(file, mapping).frame
    assert frame["city"].tolist() == ["Köln", "Bonn"]
    assert frame["limit"].tolist() == [1234.5, 7.25]
    assert frame["joined"].dt.strftime("%Y-%m-%d").tolist() == ["2020-01-31", "2021-12-01"]


def test_a_wrong_value_is_named_as_it_stands_in_the_file(tmp_path: Path) -> None:
    mapping = TableMapping(name="bank", columns={"calls": ColumnMapping(type="integer", name="contacts")})
    with pytest.raises(ConfigurationError, match=r"column 'calls', row 2: '2\.5' is not a whole number"):
        read_table(csv(tmp_path, "id,calls\na,1\nb,2.5\n"), mapping)


def test_columns_take_the_names_of_the_mapping(tmp_path: Path) -> None:
    mapping = TableMapping(
        name="bank",
        columns={"lim": ColumnMapping(name="limit", unit="EUR"), "x": ColumnMapping(role="ignore")},
    )
    table = read_table(csv(tmp_path, "id,lim,x\na,1,9\nb,2,9\n"), mapping)
    assert list(table.frame.columns) == ["id", "limit"]
    assert table.name_of("lim") == table.name_of("limit") == "limit"
    assert table.reading.column("limit").title == "limit (EUR)"
    assert "Left out: x." in table.reading.sentences()


def test_only_the_wanted_columns_and_the_id_are_read(tmp_path: Path) -> None:
    mapping = TableMapping(name="bank", columns={"id": ColumnMapping(role="id")})
    file = csv(tmp_path, "id,limit,calls,note\na,1,2,x\nb,2,3,y\n")
    assert list(read_table(file, mapping, columns=["calls"]).frame.columns) == ["id", "calls"]
    with pytest.raises(ConfigurationError, match="no column 'call'; near are 'calls'"):
        read_table(file, mapping, columns=["call"])


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read_table(csv(tmp_path, "id,limit\na,1\nb,2\n", "utf-8-sig")).id_column == "id"


def test_line_breaks_in_quotes_stay_in_their_cell(tmp_path: Path) -> None:
    file = csv(tmp_path, 'id,note,limit\na,"two\nlines",1\nb,one,2\n')
    assert read_table(file).frame["note"].tolist() == ["two\nlines", "one"]


def test_codes_with_leading_zeros_are_no_numbers(tmp_path: Path) -> None:
    file = csv(
        tmp_path, "branch,limit\n" + "".join(f"{code},{code}\n" for code in ("007", "012", "007", "012"))
    )
    assert read_table(file).frame["branch"].tolist() == ["007", "012", "007", "012"]


def test_parquet_keeps_its_types_and_its_nulls_are_missing(tmp_path: Path) -> None:
    file = tmp_path / "customers.parquet"
    pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "active": [True, False, True],
            "limit": [1.5, None, -999999.0],
            "joined": pd.to_datetime(pd.Series(["2020-01-01", None, "2021-01-01"])),
            "calls": pd.array([1, None, 3], dtype="Int64"),
        }
    ).to_parquet(file)
    mapping = TableMapping(name="bank", columns={"limit": ColumnMapping(missing=("-999999",))})
    table = read_table(file, mapping)
    assert table.frame["active"].tolist() == [1, 0, 1]
    assert table.frame["calls"].dropna().tolist() == [1, 3]
    assert table.reading.column("limit").markers == {"null": 1, "-999999": 1}
    assert table.reading.column("joined").missing_count == 1


def test_numbers_of_a_mapping_are_read_as_texts_where_texts_are_meant() -> None:
    assert ColumnMapping.model_validate({"missing": [-999999, "NA"]}).missing == ("-999999", "NA")


def test_beside_a_mapped_id_other_unique_columns_are_keys(tmp_path: Path) -> None:
    mapping = TableMapping(name="bank", columns={"client": ColumnMapping(role="id")})
    table = read_table(csv(tmp_path, "id,client,limit\n1,a,1\n2,b,2\n"), mapping)
    assert table.id_column == "client"
    assert table.reading.column("id").role == "key"


def test_a_new_name_that_another_column_has_is_refused(tmp_path: Path) -> None:
    mapping = TableMapping(name="bank", columns={"lim": ColumnMapping(name="limit")})
    with pytest.raises(ConfigurationError, match="'lim' and 'limit' are both called 'limit'"):
        read_table(csv(tmp_path, "id,lim,limit\n1,3,1\n2,4,2\n"), mapping)
