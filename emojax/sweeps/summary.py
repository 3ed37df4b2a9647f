"""Ours beside published: means and spreads over the seeds of every row, as Markdown and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import pathlib
import statistics
from collections.abc import Mapping, Sequence

from configs.tables import METRICS, Metric
from emojax import datasets
from emojax.files import write_text
from emojax.sweeps.outcome import MISSING, STOPPED, Outcome
from emojax.sweeps.plan import Options, Task
from emojax.sweeps.tables import Row, ThesisTable

_NO_CHANGE = ("init_from", "run.", "data_dir", "precision")  # of the recipe
_NO_VALUE, _MINUS = "\u2013", "\u2212"  # en dash and minus sign


@dataclasses.dataclass(frozen=True)
class Cell:
    """One metric of a row, as printed.

    Attributes:
        metric: its name.
        values: ours, one a seed.
        published: of the thesis.
    """

    metric: str
    values: tuple[float, ...]
    published: float

    @property
    def style(self) -> Metric:
        return METRICS[self.metric]

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """Sample standard deviation (divisor n - 1); None below two seeds."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def difference(self) -> float | None:
        """Ours minus published."""
        return None if self.mean is None else self.mean - self.published


@dataclasses.dataclass(frozen=True)
class Line:
    """A row of the table with what was found.

    Attributes:
        row: of the thesis table.
        cells: one a metric.
        results: what the metrics files hold, one a finished seed.
        seeds: how many were asked for.
        trouble: why seeds are missing; empty when none is.
    """

    row: Row
    cells: tuple[Cell, ...]
    results: tuple[dict, ...]
    seeds: int
    trouble: str


@dataclasses.dataclass(frozen=True)
class Part:
    """A table on a page: the one that was asked for, or one that is filled in with it."""

    table: ThesisTable
    tasks: Sequence[Task]
    lines: Sequence[Line]


def summarise(tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> list[Line]:
    """Lines in the order of the tasks; rows that have not run yet are lines without values."""
    by_key = {outcome.task.key: outcome for outcome in outcomes}
    lines = []
    for row in {task.row.name: task.row for task in tasks}.values():
        mine = [task for task in tasks if task.row.name == row.name]
        ends = [by_key.get(task.key) for task in mine]
        results = [t.read_result() for t, end in zip(mine, ends) if end is not None and end.is_good]
        results = tuple(result for result in results if result is not None)
        cells = tuple(
            Cell(m, tuple(v for r in results if (v := _value(m, r)) is not None), published)
            for m, published in row.published.items()
        )
        lines.append(Line(row, cells, results, len(mine), _trouble(ends)))
    return lines


def _value(metric: str, result: Mapping) -> float | None:
    """A number of a metrics file, as a table prints it; None where the file has no such curve."""
    style = METRICS[metric]
    value = result.get(style.part, {})
    for key in style.path or (metric,):
        if style.part == "curves" and key not in value:
            return None
        value = value[key]
    return style.scale * value


def _trouble(ends: Sequence[Outcome | None]) -> str:
    for end in ends:
        if end is None or end.status == STOPPED:
            return "not run yet"
        if not end.is_good:
            return f"not run: {end.message}" if end.status == MISSING else f"failed: {end.message}"
    return ""


def markdown(parts: Sequence[Part], options: Options, command: str) -> str:
    """The page of a table: what its numbers are worth, then one Markdown table a data set.

    Args:
        parts: the table, then those that are filled in with it.
        options: of the runs.
        command: that makes the page.
    """
    table = parts[0].table
    caveats = list(dict.fromkeys(text for p in parts for text in reservations(p.tasks, p.lines, options)))
    found = [f"# Table {table.number} of {table.thesis}: {table.printed.title}"]
    if table.printed.remark:
        found.append(f"On the published numbers: {table.printed.remark}")
    if caveats:
        found.append("**This does not reproduce the published table:**\n")
        found[-1] += "\n".join(f"- {_escaped(caveat)}" for caveat in caveats)
    else:
        found.append("Full size, whole schedule, data of the published size.")
    for part in parts:
        number = "" if part is parts[0] else f"Table {part.table.number}: "
        for dataset in dict.fromkeys(line.row.dataset for line in part.lines):
            found.append(f"## {number}{dataset}, {part.table.printed.split} split")
            found.append(_grid([line for line in part.lines if line.row.dataset == dataset]))
    found.append(
        "Published: as the thesis prints it. Ours: mean over the seeds, each the checkpoint that is best by the "
        "validation metric of its config; spread: sample standard deviation (divisor n - 1), from two seeds on; "
        "difference: ours minus published."
    )
    found.append(f"Command: `{command}`")
    return "\n\n".join(found) + "\n"


def reservations(tasks: Sequence[Task], lines: Sequence[Line], options: Options) -> list[str]:
    """Why the numbers may not be held against the published ones; empty when nothing is known."""
    found = []
    if any("@" in task.config.name for task in tasks):
        found.append("small size: tiny networks, a short schedule and small pictures (`@demo`)")
    changed = [text for text in options.overrides if not text.startswith(_NO_CHANGE)]
    if changed:
        found.append(f"changed in every row: {', '.join(changed)}")
    results = [(line.row, result) for line in lines for result in line.results]
    found += dict.fromkeys(filter(None, (_other_data(row, result) for row, result in results)))
    early = {(r["trained"]["steps"], r["trained"]["of"]) for _, r in results}
    for steps, total in sorted(early):
        if steps < total:
            found.append(f"stopped early: {steps:,} of {total:,} steps")
    found += dict.fromkeys(note for _, result in results for note in result["notes"])
    missing = [line.row.name for line in lines if line.trouble]
    if missing:
        found.append(f"rows without all their seeds: {', '.join(missing)}")
    return found


def _other_data(row: Row, result: dict) -> str:
    """A sentence when the data has not the published size; cleaning may drop 2 % of it."""
    card, folder = datasets.card(row.dataset), result["config"]["data_dir"]
    if card.counted not in result:
        return f"data of unknown size: an earlier version evaluated {folder} and did not count its {card.counted}"
    found = sum(result[card.counted].values())
    if any(abs(found - number) <= 0.02 * number for number in card.records):
        return ""
    sizes = " or ".join(f"{number:,}" for number in card.records)
    return f"synthetic, partial or changed data: {folder} has {found:,} {card.counted}, {row.dataset} has {sizes}"


def _grid(lines: Sequence[Line]) -> str:
    metrics = list(dict.fromkeys(cell.metric for line in lines for cell in line.cells))
    header = ["system"]
    for metric in metrics:
        title = METRICS[metric].title
        if METRICS[metric].brief:
            header.append(f"{title}, ours (published)")
        else:
            header += [f"{title}, ours", "spread", "published", "difference"]
    rows = [[*header, "seeds", "what it is"], ["---"] + ["---:"] * (len(header)) + ["---"]]
    for line in lines:
        cells = {cell.metric: cell for cell in line.cells}
        texts = [text for metric in metrics for text in _texts(metric, cells.get(metric))]
        seeds = f"{len(line.results)} of {line.seeds}" if line.trouble else str(line.seeds)
        note = (
            f"{line.row.variant.note}; **{_escaped(line.trouble)}**"
            if line.trouble
            else line.row.variant.note
        )
        rows.append([line.row.name, *texts, seeds, note])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _texts(metric: str, cell: Cell | None) -> list[str]:
    style = METRICS[metric]
    if cell is None:
        return [_NO_VALUE] * (1 if style.brief else 4)
    if style.brief:
        return [f"{_number(cell.mean, style.digits)} ({cell.published:g})"]
    numbers = [_number(n, style.digits) for n in (cell.mean, cell.spread)]
    return [*numbers, f"{cell.published:g}", _number(cell.difference, style.digits, sign="+")]


def _number(value: float | None, digits: int, sign: str = "-") -> str:
    return _NO_VALUE if value is None else f"{value:{sign}.{digits}f}".replace("-", _MINUS)


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def as_csv(parts: Sequence[Part]) -> str:
    """One line a row and metric, numbers in full; see `markdown`."""
    columns = (
        "table,system,data_set,split,metric,mean,spread,published,difference,seeds,values,steps,of_steps,"
        "records,size,trouble,note"
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns.split(","))
    for part in parts:
        for line in part.lines:
            for cell in line.cells:
                writer.writerow(_csv_row(part.table, line, cell))
    return text.getvalue()


def _csv_row(table: ThesisTable, line: Line, cell: Cell) -> list:
    def each(read) -> str:
        return " ".join(dict.fromkeys(str(read(result)) for result in line.results))

    numbers = [f"{n:.6g}" if n is not None else "" for n in (cell.mean, cell.spread)]
    difference = f"{cell.difference:.6g}" if cell.difference is not None else ""
    return [
        table.name, line.row.name, line.row.dataset, table.printed.split, cell.style.title, *numbers,
        f"{cell.published:g}", difference, len(line.results), " ".join(f"{v:.6g}" for v in cell.values),
        each(lambda r: r["trained"]["steps"]), each(lambda r: r["trained"]["of"]),
        each(lambda r: sum(r["records"].values())), each(lambda r: r["system"].partition("@")[2] or "full"),
        line.trouble, line.row.variant.note,
    ]  # fmt: skip


def write(folder: pathlib.Path, pages: dict[str, str]) -> None:
    """Writes text files, each whole or not at all."""
    for name, text in pages.items():
        write_text(folder / name, text)
