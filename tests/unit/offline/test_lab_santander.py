"""The Santander sample is read as its schema describes it: every untidy value counted, none lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.tables.mapping import read_mapping
from offline.tables.missing import missing_report
from offline.tables.outliers import outlier_report
from offline.tables.prepared import prepared
from offline.tables.table import Table, read_table

PROFILE = (
    "ind_empleado", "pais_residencia", "sexo", "age", "fecha_alta", "ind_nuevo", "antiguedad", "indrel",
    "indrel_1mes", "tiprel_1mes", "indresi", "indext", "canal_entrada", "indfall", "tipodom",
    "ind_actividad_cliente", "segmento",
)  # fmt: skip


@pytest.fixture(scope="module")
def table(repository: Path) -> Table:
    data = repository.parent / "shared" / "data" / "santander_sample.csv"
    if not data.exists():
        pytest.skip("the Santander sample is not there (../shared/data/santander_sample.csv)")
    return read_table(data, read_mapping(repository / "deploy" / "mappings" / "santander.yaml"))


def test_all_rows_and_columns_are_read(table: Table) -> None:
    assert table.frame.shape == (9_999, 48)
    assert table.id_column == "ncodpers"
    assert table.frame["ncodpers"].is_unique


def test_the_same_fifty_rows_have_an_empty_profile(table: Table) -> None:
    report = missing_report(table)
    together = {group.rows_count: set(group.names) for group in report.together}
    assert together[50] == set(PROFILE)
    assert table.reading.column("sexo").markers == {"": 50}
    assert table.reading.column("age").markers == {"NA": 50}


def test_products_with_missing_cells_are_payroll_and_pensions(table: Table) -> None:
    products = [name for name in table.frame.columns if name.endswith("_ult1")]
    missing = {name: int(table.frame[name].isna().sum()) for name in products}
    assert len(products) == 24
    assert {name: count for name, count in missing.items() if count} == {
        "ind_nomina_ult1": 11,
        "ind_nom_pens_ult1": 11,
    }


def test_a_spouse_is_never_known_and_an_address_always_primary(table: Table) -> None:
    assert table.reading.column("conyuemp").missing_count == 9_999
    assert table.frame["tipodom"].dropna().unique().tolist() == ["1"]


def test_padded_texts_are_numbers_and_counted(table: Table) -> None:
    age = table.reading.column("age")
    assert (age.type, age.padded_count) == ("integer", 9_999)
    assert (table.frame["age"].min(), table.frame["age"].max()) == (4, 96)
    assert table.reading.column("antiguedad").padded_count == 9_999


def test_mixed_codes_of_the_customer_type_are_one_code(table: Table) -> None:
    kind = table.reading.column("indrel_1mes")
    assert kind.renamed == {"1.0": 5_718}
    assert table.frame["indrel_1mes"].dropna().unique().tolist() == ["1"]


def test_a_quoted_comma_stays_in_the_name_of_the_province(table: Table) -> None:
    assert int((table.frame["nomprov"] == "CORUÑA, A").sum()) == 579


def test_missing_income_is_counted_and_its_median_stands_in_where_the_mapping_says_so(table: Table) -> None:
    assert table.reading.column("renta").missing_count == 1_899
    treated = prepared(table)
    assert treated.notes == ("renta: the median 87,835 stands in for 1,899 missing values.",)
    assert not treated.frame["renta"].hasnans
    assert treated.frame["age"].isna().sum() == 50


def test_every_code_of_the_sample_is_documented(table: Table) -> None:
    assert [
        column.name for column in table.reading.columns if column.odd_values or column.outside_count
    ] == []


def test_outliers_are_reported_by_both_rules(table: Table) -> None:
    income = next(column for column in outlier_report(table) if column.name == "renta")
    assert (income.values_count, income.box_plot_count, income.z_score_count) == (8_100, 477, 91)


def test_values_of_the_whole_file_that_the_sample_lacks_are_told(repository: Path, tmp_path: Path) -> None:
    """-999999 months, the undocumented employee code S and an age of 164 occur in the whole file only."""
    mapping = read_mapping(repository / "deploy" / "mappings" / "santander.yaml")
    names = ["ncodpers", "ind_empleado", "age", "antiguedad"]
    narrow = mapping.model_copy(
        update={"columns": {name: mapping.columns[name] for name in names}, "credit_category": None}
    )
    file = tmp_path / "customers.csv"
    file.write_text(
        'ncodpers,ind_empleado,age,antiguedad\n1,N," 23","     35"\n2,S,"164","-999999"\n3,N," NA","     NA"\n',
        encoding="utf-8",
    )
    reading = read_table(file, narrow).reading
    assert reading.column("antiguedad").markers == {"-999999": 1, "NA": 1}
    assert reading.column("ind_empleado").odd_values == {"S": 1}
    assert reading.column("age").outside_count == 1
    told = reading.sentences()
    assert "ind_empleado: 1 cells hold a code that is not documented ('S' 1)." in told
    assert "age: 1 values are not plausible, being below 0 or above 120; they are kept." in told
