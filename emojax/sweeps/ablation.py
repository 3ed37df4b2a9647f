"""Heat-maps of a table over two hyper-parameters, ours and published side by side."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from configs.tables import METRICS
from emojax.sweeps.summary import Line
from emojax.sweeps.tables import Sweep, ThesisTable

_RESERVED = "ours: no reproduction, see table.md"


def write_heatmaps(
    folder: pathlib.Path, table: ThesisTable, lines: Sequence[Line], *, reserved: bool
) -> list[pathlib.Path]:
    """One PNG a sweep of the table; none for a table without sweeps over two hyper-parameters.

    Args:
        folder: where to.
        table: with its sweeps.
        lines: its rows with what was found; cells without a line are drawn as missing.
        reserved: ours may not be held against the published values; the figure says so.
    """
    grids = [(sweep, axes) for sweep in table.sweeps if len(axes := _axes(sweep)) == 2]
    if not grids:
        return []
    from emojax.report.matrices import ablation_heatmap  # matplotlib: a second that other tables do not pay

    metric = table.printed.metrics[0]
    cells = {line.row.name: cell for line in lines for cell in line.cells if cell.metric == metric}
    ours = {name: cell.mean for name, cell in cells.items() if cell.mean is not None}
    published = {row.name: row.published[metric] for row in table.rows}
    paths = []
    for sweep, axes in grids:
        (rows, row_values), (columns, column_values) = axes.items()
        names = [[f"{field.rsplit('.', 1)[-1]} {v:g}" for v in values] for field, values in axes.items()]
        panels = {
            title: (_matrix(sweep, values, (rows, row_values), (columns, column_values)), *names)
            for title, values in ((_RESERVED if reserved else "ours", ours), ("published", published))
        }
        path = folder / f"{sweep.name}.png"
        title = f"Table {table.number}: {rows.rsplit('.', 1)[-1]} and {columns.rsplit('.', 1)[-1]}"
        paths.append(ablation_heatmap(path, panels, title=title, unit=METRICS[metric].title))
    return paths


def _axes(sweep: Sweep) -> dict[str, list[float]]:
    """Field -> its values in ascending order."""
    axes: dict[str, set] = {}
    for values in sweep.cells.values():
        for field, value in values.items():
            axes.setdefault(field, set()).add(value)
    return {field: sorted(values) for field, values in axes.items()}


def _matrix(sweep: Sweep, values: Mapping[str, float], rows, columns) -> np.ndarray:
    """``[R, C]`` of the values by cell name; NaN where there is none."""
    (row_field, row_values), (column_field, column_values) = rows, columns
    matrix = np.full((len(row_values), len(column_values)), np.nan)
    for name, at in sweep.cells.items():
        place = row_values.index(at[row_field]), column_values.index(at[column_field])
        matrix[place] = values.get(name, np.nan)
    return matrix
