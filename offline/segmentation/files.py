"""The files of a segmentation: segments.json, assignments.csv, report.html, figures.

Rules of this file: the only one of the segmentation that writes; the same analysis gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from consumer.vocabulary.errors import ConfigurationError
from offline.segmentation.analysis import Analysis
from offline.segmentation.report import report_page
from offline.segmentation.report_figures import pictures_of
from offline.segmentation.segments_file import segments_file
from offline.tables.table import Announce

ROW = "row"
"""Column of assignments.csv where no column identifies customers: row of the input, 1 is the first customer."""


def require_folder(out: Path) -> None:
    """Make the folder of the results, before any work is done for it.

    Raises
    ------
    ConfigurationError : it cannot be made
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"--out {out} cannot be a folder: {error.strerror or error}") from error


def write_analysis(analysis: Analysis, out: Path, announce: Announce) -> None:
    """Write all results into a folder, over those of a former run.

    Raises
    ------
    ConfigurationError : the folder cannot be written to
    """
    try:
        announce("writing segments.json and assignments.csv")
        text = segments_file(analysis).model_dump_json(indent=2)
        (out / "segments.json").write_text(text + "\n", encoding="utf-8")
        assignments(analysis).to_csv(out / "assignments.csv", index=False, lineterminator="\n")
        announce("drawing the figures")
        pictures = pictures_of(analysis, out / "figures")
        announce("writing report.html")
        (out / "report.html").write_text(report_page(analysis, pictures), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--out {out} cannot be written to: {error.strerror or error}") from error


def assignments(analysis: Analysis) -> pd.DataFrame:
    """Return a row a customer, in the order of the input: id, segment, its name, each method, each family."""
    done = analysis.segmentation
    labels = done.first.partition.labels
    names = pd.Index([one.name for one in analysis.named])
    columns: dict[str, object] = {
        "segment": labels,
        "segment_name": pd.Categorical.from_codes(labels, categories=names),
    }
    columns |= {method.value: found.partition.labels for method, found in done.methods.items()}
    columns |= {f"family_{one.name}": one.partition.labels for one in analysis.families.found}
    if analysis.id_column is None:
        return pd.DataFrame({ROW: np.asarray(analysis.frame.index, dtype=np.int64) + 1} | columns)
    heading = f"id_{analysis.id_column}" if analysis.id_column in columns else analysis.id_column
    return pd.DataFrame({heading: analysis.frame[analysis.id_column].to_numpy()} | columns)
