"""`upswell lab segment`: segments of the customers in a file, with names, reasons and a report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upswell.commands.lab_steps import shown_steps
from upswell.commands.option_record import options_of

if TYPE_CHECKING:
    from offline.segmentation.analysis import Analysis, SegmentRequest


class Scaling(StrEnum):
    """How features are made comparable."""

    STANDARD = "standard"
    ROBUST = "robust"
    NONE = "none"


class MissingValues(StrEnum):
    """What happens to features with missing values that the mapping keeps."""

    REFUSE = "refuse"
    DROP = "drop"
    MEDIAN = "median"
    MODE = "mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command can be told."""

    input_file: Annotated[Path, typer.Option("--input", help="CSV or Parquet file, a row a customer.")]
    out: Annotated[
        Path, typer.Option(help="Folder for segments.json, assignments.csv, report.html and figures.")
    ]
    mapping: Annotated[
        Path | None, typer.Option(help="What the columns mean (YAML); inferred when left out.")
    ] = None
    features: Annotated[
        str | None,
        typer.Option(
            help="Columns to segment by, with commas between; all numbers that are fit when left out."
        ),
    ] = None
    id_column: Annotated[
        str | None,
        typer.Option("--id", help="Column that identifies customers; the mapping's when left out."),
    ] = None
    scale: Annotated[
        Scaling,
        typer.Option(
            help="standard: mean and standard deviation; robust: median and quartiles; none: as they are."
        ),
    ] = Scaling.STANDARD
    methods: Annotated[
        str,
        typer.Option(help="kmeans, gmm, ward with commas between; the first one gives the segments."),
    ] = "kmeans,gmm,ward"
    k: Annotated[int | None, typer.Option(help="Number of segments; chosen when left out.")] = None
    k_range: Annotated[
        str | None, typer.Option(help="Numbers of segments to try; 2-10 as far as there are customers.")
    ] = None
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.", min=0, max=2**32 - 1)] = 0
    when_missing: Annotated[
        MissingValues,
        typer.Option(help="For missing values that the mapping keeps: refuse them, or drop, median, mode."),
    ] = MissingValues.REFUSE
    rules: Annotated[
        Path | None, typer.Option(help="Names and recommendations (YAML); deploy/lab/segment_rules.yaml.")
    ] = None


@options_of(Options)
def segment(options: Options) -> None:
    """Find segments of customers, choose how many, name them and say what to do with them.

    Example: upswell lab segment --input customers.csv --features limit,cards,visits,calls --out segments
    """
    from offline.segmentation.analysis import analysed
    from offline.segmentation.files import require_folder, write_analysis
    from offline.tables.mapping import read_mapping
    from offline.tables.table import read_table

    request = _request(options)
    mapping = read_mapping(options.mapping) if options.mapping else None
    require_folder(options.out)
    with shown_steps() as announce:
        table = read_table(options.input_file, mapping, announce=announce)
        analysis = analysed(table, request, announce)
        write_analysis(analysis, options.out, announce)
    typer.echo(_page(analysis, options.out))


def _request(options: Options) -> SegmentRequest:
    from offline.segmentation.analysis import SegmentRequest
    from offline.segmentation.plan import Scale, SegmentationPlan, k_range_of, methods_of
    from offline.segmentation.rules import DEFAULT_RULES

    plan = SegmentationPlan(
        scale=Scale(options.scale.value),
        methods=methods_of(options.methods),
        k=options.k,
        k_range=None if options.k_range is None else k_range_of(options.k_range),
        seed=options.seed,
    )
    names = None if options.features is None else [name.strip() for name in options.features.split(",")]
    return SegmentRequest(
        plan=plan,
        features=None if names is None else tuple(name for name in names if name),
        id_column=options.id_column,
        when_missing=options.when_missing.value,
        rules=options.rules or DEFAULT_RULES,
    )


def _page(analysis: Analysis, out: Path) -> str:
    done = analysis.segmentation
    lines = [done.choice.reason, *done.choice.warnings]
    lines += [
        f"  {one.segment}  {int(size):>9,}  {one.name}: {one.outstanding}"
        for one, size in zip(analysis.named, done.first.partition.sizes, strict=True)
    ]
    return "\n".join([*lines, *analysis.notes, f"{out / 'report.html'} shows all of it."])
