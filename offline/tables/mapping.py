"""The mapping file: what the columns of somebody's file mean, and what is done with holes and outliers.

    name: my-bank
    format: {delimiter: ";", encoding: cp1252, decimal: ","}
    missing: ["", NA]                       # markers of every column, after stripping
    columns:
      client:      {role: id}
      limit:       {role: value, type: number, unit: EUR, when_missing: median, when_outlier: cap}
      calls:       {role: contact_channel, type: integer, unit: calls a year}
      seniority:   {name: months_with_us, missing: ["-999999"], minimum: 0}
      spouse:      {type: flag, true_values: [S], false_values: [N]}
      status:      {type: category, values: {"1.0": "1"}, documented: ["1", "2"]}
      row_number:  {role: ignore}
    engagement: {calls: 1.0}                # weights; the contact channels count 1 when left out
    credit_category: {column: limit, edges: [50000, 100000], labels: [Low, Medium, High]}

Every key but `name` may be left out; what is not said is inferred from the values, and the report says so.

Rules of this file: words and their checks; every mistake is found before the first row is read, and its
sentence names file, line and field.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from offline.yaml_document import read_document

Role = Literal["id", "key", "feature", "contact_channel", "value", "label", "protected", "ignore"]
"""What a column is for. `key` identifies somebody without being unique; `value` is what the customer is
worth or may borrow; `protected` is read for fairness measures only, never a feature."""

ColumnType = Literal["number", "integer", "category", "text", "date", "flag"]
Family = Literal["demographic", "behavioural", "value"]
MissingTreatment = Literal["keep", "drop", "median", "mode", "indicator"]
OutlierTreatment = Literal["keep", "cap", "remove"]
OutlierRule = Literal["box_plot", "z_score"]

BOX_PLOT_LIMIT: Final = 1.5
"""Tukey's fence: quartiles ± 1.5 interquartile ranges."""
Z_SCORE_LIMIT: Final = 3.0

DEFAULT_MARKERS: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "?", "-")
"""What counts as missing where no mapping says otherwise."""

TRUE_WORDS: Final = ("1", "1.0", "true", "True", "TRUE", "yes", "Yes", "Y", "t", "T")
FALSE_WORDS: Final = ("0", "0.0", "false", "False", "FALSE", "no", "No", "N", "f", "F")


def _one_character(text: str) -> str:
    if len(text) != 1:
        raise ValueError(f"must be one character, not {text!r}")
    return text


Character = Annotated[str, AfterValidator(_one_character)]


class _Words(BaseModel):
    # Numbers are welcome where text is expected: [-999999] is as clear as ["-999999"].
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class FileFormat(_Words):
    """How the text of a CSV file is to be read; Parquet needs none of it."""

    delimiter: Character = ","
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}")
        return self


class ColumnMapping(_Words):
    """One column: its role, type and unit, its markers, and the treatment of what is odd in it.

    Parameters
    ----------
    role : feature when None; a column that the mapping does not name gets one by its name and values
    type : inferred from the values when None
    name : what the column is called from here on; its name in the file when None
    text : what it says, for readers of the report
    unit : such as EUR or calls a year
    missing : markers besides those of the whole file
    when_missing : keep | drop the row | median | mode | indicator (a further column of 0 and 1, and the median)
    outlier_rule, outlier_limit : what counts as outlier: beyond the quartiles by so many interquartile
        ranges, or beyond the mean by so many standard deviations
    when_outlier : keep | cap at the fence | remove the row
    family : which of the three segmentations it belongs to
    date_format : as `strptime` knows it; ISO 8601 when None
    true_values, false_values : of a flag
    values : what a code is called from here on
    documented : codes that the bank's description knows; others are reported as odd
    minimum, maximum : plausible range; values outside are reported as odd, and kept
    """

    role: Role | None = None
    type: ColumnType | None = None
    name: str | None = Field(default=None, min_length=1)
    text: str = ""
    unit: str = ""
    missing: tuple[str, ...] = ()
    when_missing: MissingTreatment = "keep"
    outlier_rule: OutlierRule = "box_plot"
    outlier_limit: float | None = Field(default=None, gt=0)
    when_outlier: OutlierTreatment = "keep"
    family: Family | None = None
    date_format: str | None = None
    true_values: tuple[str, ...] = TRUE_WORDS
    false_values: tuple[str, ...] = FALSE_WORDS
    values: Mapping[str, str] = Field(default_factory=dict)
    documented: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None

    @property
    def fence(self) -> float:
        """The limit of the outlier rule, its usual one when none is given."""
        if self.outlier_limit is not None:
            return self.outlier_limit
        return BOX_PLOT_LIMIT if self.outlier_rule == "box_plot" else Z_SCORE_LIMIT

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        numeric = self.type in {None, "number", "integer"}
        if not numeric and self.when_outlier != "keep":
            raise ValueError(f"a {self.type} has no outliers to {self.when_outlier}")
        if self.type in {"category", "text", "date"} and self.when_missing == "median":
            raise ValueError(f"a {self.type} has no median; drop, mode, indicator and keep are possible")
        if both := set(self.true_values) & set(self.false_values):
            raise ValueError(f"{min(both)!r} cannot be both true and false")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is larger than maximum {self.maximum:g}")
        return self


class CategoryCut(_Words):
    """Customers cut into categories by one column's raw values.

    Only inner edges are given, a value on an edge belongs below it, so every value has its category.
    """

    column: str
    edges: tuple[float, ...] = Field(min_length=1)
    labels: tuple[str, ...]

    @model_validator(mode="after")
    def _edges_and_labels_agree(self) -> Self:
        if any(low >= high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges must rise")
        if len(self.labels) != len(self.edges) + 1:
            raise ValueError(
                f"{len(self.edges)} edges make {len(self.edges) + 1} labels, not {len(self.labels)}"
            )
        return self


class TableMapping(_Words):
    """A whole mapping; `missing` are markers of every column. See the head of this file."""

    name: str = Field(min_length=1)
    format: FileFormat = FileFormat()
    missing: tuple[str, ...] = DEFAULT_MARKERS
    strip: bool = True
    columns: Mapping[str, ColumnMapping] = Field(default_factory=dict)
    engagement: Mapping[str, float] | None = None
    credit_category: CategoryCut | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        ids = [source for source, column in self.columns.items() if column.role == "id"]
        if len(ids) > 1:
            raise ValueError(f"columns {ids[0]!r} and {ids[1]!r} cannot both be the id; call one a key")
        names: dict[str, str] = {}
        for source, column in self.columns.items():
            name = column.name or source
            if name in names:
                raise ValueError(f"columns {names[name]!r} and {source!r} are both called {name!r}")
            names[name] = source
        return self


def read_mapping(file: Path) -> TableMapping:
    """Return the mapping of a YAML file.

    Raises
    ------
    ConfigurationError
        one sentence with file, line and field: mend the mapping, no row was read
    """
    return read_document(file, TableMapping, what="mapping", begins_with="name")
