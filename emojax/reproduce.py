"""Trains and evaluates the rows of a thesis table and writes ours beside the published numbers.

  scripts/reproduce 5.1                        # table 5.1 of the Emotion-GCN thesis on AffectNet in data/
  scripts/reproduce 5.1 --demo                 # the same rows small, on synthetic faces: minutes on a CPU
  scripts/reproduce 6.2 --seeds 3 --max-steps 5000 --rows gcn_l2_tau0_p0.7,gcn_l2_tau0.1_p0.7
  scripts/reproduce emotic/4.6 --data /disk/data --out /disk/tables
  scripts/reproduce 3.1 --config.init_from=weights/{backbone}.safetensors --config.batch_size=64

A field given as --config.FIELD=VALUE is changed in every row; {backbone} in a value is the row's backbone, and rows
that the thesis trains from scratch take no --config.init_from. Rows of several tables that train the same network
train it once. Ctrl-C, SIGTERM or kill -9: the same command resumes; finished rows are not run again, an
interrupted one continues at its last checkpoint. A failed row is reported; the remaining rows still run.

Written under --out: TABLE/table.md and table.csv (mean, spread, published, difference; table 6.2: heat-maps too),
and runs/ROW/seedN with checkpoints, metrics.json, predictions.csv, report/index.html and output.txt.
Exit status: 0; 1 when a row failed or has no data; 2 for a mistake in the command.
"""

from __future__ import annotations

import argparse
import pathlib
import shlex
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.errors import ConfigError
from emojax.sweeps import ablation, missing, summary
from emojax.sweeps.outcome import FAILED, KEPT, MISSING, STOPPED, Outcome
from emojax.sweeps.plan import Options, every_task, plan
from emojax.sweeps.tables import ThesisTable, find_table, table_names
from emojax.wording import counted


def parser() -> cli.Parser:
    options = cli.Parser("scripts/reproduce", __doc__)
    add = options.add_argument
    add("table", nargs="?", metavar="TABLE", help="e.g. 5.1 or emotic/4.6")
    add("--seeds", type=cli.whole_number(1), default=1, metavar="N", help="runs a row, seeds 0, 1, ... [1]")
    add(
        "--rows",
        type=cli.names,
        default=(),
        metavar="A,B",
        help="run only these rows; the table shows the others as they are",
    )
    add(
        "--max_steps",
        type=cli.whole_number(0),
        default=0,
        metavar="N",
        help="stop each training after N steps; 0: the whole schedule [0]",
    )
    add("--demo", action="store_true", help="tiny networks on synthetic people instead of the thesis's size")
    add(
        "--data", type=cli.path, default="data", metavar="DIR", help="folder of the prepared data sets [data]"
    )
    add(
        "--out",
        type=cli.path,
        default="runs/reproduce",
        metavar="DIR",
        help="folder of runs and tables [runs/reproduce]",
    )
    options.add_changes("set this field of the config in every row")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), reproduce, argv)


def reproduce(given: argparse.Namespace) -> int:
    if given.table is None:
        raise ConfigError(f"Which table? Give one of {', '.join(table_names())}, e.g. scripts/reproduce 5.1")
    table = find_table(given.table)
    options = Options(
        out=given.out,
        data=given.data,
        seeds=given.seeds,
        rows=given.rows,
        max_steps=given.max_steps,
        demo=given.demo,
        overrides=tuple(given.changes),
    )
    tables = (table, *table.beside)
    tasks = [task for each in tables for task in plan(each, options)]
    asked = {task.key for task in tasks}
    others = [task for each in tables for task in every_task(each, options) if task.key not in asked]
    before = [Outcome(task, KEPT) for task in others if task.is_finished()]
    folder = options.out / (table.name.replace("/", "_") + ("_demo" if options.demo else ""))
    print(
        f"Table {table.name}, {table.printed.title}: {counted(len(tasks), 'run')}, in {options.out}",
        flush=True,
    )

    def tell(outcomes: list[Outcome], seconds_left: float | None) -> None:
        end = outcomes[-1]
        where = "" if end.task.split == table.printed.split else f", {end.task.split} split"
        head = f"[{len(outcomes):{len(str(len(tasks)))}}/{len(tasks)}] {end.task.name}{where}"
        print(f"{head}: {_progress(end, seconds_left)}", flush=True)
        _write(folder, tables, [*before, *outcomes], options)

    from emojax.sweeps.sweep import row_processes, run_tasks  # here: --help and mistakes do not wait for JAX

    with row_processes(len(tasks)) as run_row:
        outcomes = run_tasks(tasks, run_row, tell)
    lines = _write(folder, tables, [*before, *outcomes], options)
    reserved = bool(summary.reservations(every_task(table, options), lines, options))
    paths = ablation.write_heatmaps(folder, table, lines, reserved=reserved)
    print(f"\n{(folder / 'table.md').read_text()}")
    print(f"Written: {', '.join(str(p) for p in (folder / 'table.md', folder / 'table.csv', *paths))}")
    return _end(outcomes, options)


def _progress(outcome: Outcome, seconds_left: float | None) -> str:
    if not outcome.is_good:
        what = {FAILED: "FAILED", MISSING: "not run", STOPPED: "stopped, saved"}[outcome.status]
        return f"{what}{': ' if outcome.message else ''}{outcome.message}"
    cells = summary.summarise([outcome.task], [outcome])[0].cells
    found = ", ".join(
        f"{c.style.title} {c.mean:.{c.style.digits}f} (published {c.published:g})"
        for c in cells
        if c.mean is not None and not c.style.brief
    )
    found = found or "done"  # its columns are in the table, or the log has no such curve
    if outcome.status == KEPT:
        return f"{found}; finished before"
    left = "" if not seconds_left else f", about {_duration(seconds_left)} left"
    return f"{found}; {_duration(outcome.seconds)}{left}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _write(
    folder: pathlib.Path, tables: Sequence[ThesisTable], outcomes: list[Outcome], options: Options
) -> list[summary.Line]:
    """Writes the page and returns the lines of the first table; the others stand below it."""
    parts = []
    for table in tables:
        tasks = every_task(table, options)
        parts.append(summary.Part(table, tasks, summary.summarise(tasks, outcomes)))
    command = shlex.join(["scripts/reproduce", *sys.argv[1:]])
    pages = {
        "table.md": summary.markdown(parts, options, command),
        "table.csv": summary.as_csv(parts),
    }
    summary.write(folder, pages)
    return parts[0].lines


def _end(outcomes: list[Outcome], options: Options) -> int:
    """Says what is left to do, and the exit status."""
    without_data = [o.task for o in outcomes if o.status == MISSING]
    if without_data:
        lines = missing.commands(without_data, demo=options.demo)
        print("\nThere is no data for some rows. Make it with\n  " + "\n  ".join(lines), file=sys.stderr)
        if not options.demo:
            print("or try the small size on synthetic people: --demo", file=sys.stderr)
    failed = [o.task.name for o in outcomes if o.status == FAILED]
    if failed:
        print(f"error: {len(failed)} of {len(outcomes)} runs failed: {', '.join(failed)}", file=sys.stderr)
    if outcomes and outcomes[-1].status == STOPPED:
        print("Stopped, saved. The same command resumes.")
    return 1 if failed or without_data else 0


if __name__ == "__main__":
    sys.exit(main())
