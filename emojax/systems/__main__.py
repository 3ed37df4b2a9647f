"""Lists every system, one a line: config, data set, thesis table and published numbers.

python -m emojax.systems
python -m emojax.systems --family emotion_gcn            # the systems of one thesis
python -m emojax.systems --json
python -m emojax.systems --filter gcn --parameters       # with their numbers of parameters, a second or two each
python -m emojax.systems --filter sase12_c3d --layers    # the layers of each: shapes, parameters, what is trained
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.catalogue import catalogue
from emojax.errors import ConfigError

_WIDEST = 48  # characters of a column; a longer cell moves its own row alone
_SHORT = {"accuracy": "acc", "ccc_valence": "CCC V", "ccc_arousal": "CCC A"}


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.systems", __doc__)
    add = options.add_argument
    add("--family", default="", help="show only the systems of one thesis, e.g. emotion_gcn")
    add("--filter", default="", metavar="TEXT", help="show only systems whose name or note contains this")
    add("--parameters", action="store_true", help="count the parameters of each")
    add("--layers", action="store_true", help="show the layers of each, with shapes and parameters")
    add("--json", action="store_true", help="print all that is known of each, as JSON")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), list_systems, argv)


def list_systems(options: argparse.Namespace) -> int:
    rows = catalogue()
    theses = sorted({row["family"] for row in rows})
    if options.family and options.family not in theses:
        raise ConfigError(f"There is no family {options.family!r}; there are {', '.join(theses)}.")
    if options.layers and not (options.filter or options.family):
        raise ConfigError(
            "--layers shows every layer of every system: choose some with --filter TEXT, e.g. a name."
        )
    rows = [
        r
        for r in rows
        if options.family in ("", r["family"]) and options.filter in f"{r['name']} {r['note']}"
    ]
    if options.layers:
        print(
            "\n\n".join(
                "\n".join([row["spec"], *_layer_lines(config)]) for row in rows for config in _networks(row)
            )
        )
        return 0
    shown = [describe(row, parameters=options.parameters) for row in rows]
    if options.json:
        print(json.dumps(shown, indent=1))
        return 0
    print("\n".join(table(shown)))
    print(
        f"\n{len(rows)} systems. Published numbers are the theses', not ours. A small size of most: CONFIG@demo. Train "
        "one: python -m emojax.train --config CONFIG --workdir DIR. Everything about each: --json"
    )
    return 0


def describe(row: dict, *, parameters: bool) -> dict:
    """What is known of a row of the catalogue, as JSON."""
    known = {
        k: row[k]
        for k in ("name", "spec", "family", "dataset", "note", "table", "published", "cells", "command")
    }
    return known | ({"parameters": sum(map(count_parameters, _networks(row)))} if parameters else {})


def table(rows: Sequence[dict]) -> list[str]:
    """Lines of a table, one a system."""
    head = (
        "config",
        "data",
        "table",
        "published",
        *(("parameters",) if rows and "parameters" in rows[0] else ()),
    )
    cells = [[*(cell.upper() for cell in head), "WHAT IT IS"]]
    for row in rows:
        published = ", ".join(
            f"{_SHORT.get(name, name)} {value:g}" for name, value in row["published"].items()
        )
        parameters = [f"{row['parameters']:,}"] if "parameters" in row else []
        sweep = f" ({len(row['cells'])} runs)" if row["cells"] else ""
        cells.append(
            [row["spec"], row["dataset"], row["table"], published, *parameters, f"{row['note']}{sweep}"]
        )
    widths = [min(max(len(line[i]) for line in cells), _WIDEST) for i in range(len(cells[0]) - 1)]
    return ["  ".join([*(c.ljust(w) for c, w in zip(line, widths)), line[-1]]) for line in cells]


def _networks(row: dict) -> list:
    """Configs of what a row trains: itself, or the members of an ensemble."""
    if row["config"].get("family") != "ensemble":
        return [row["config"]]
    return [row["module"].MEMBERS.get_config(member) for member in row["config"].members]


def _layer_lines(config) -> list[str]:
    from emojax import systems  # here and not above: the list itself needs no network
    from emojax.systems.layers import layer_lines, layers

    return layer_lines(layers(systems.build(config, systems.stand_in(config))))


def count_parameters(config) -> int:
    """Trainable parameters of a config, from shapes alone."""
    import jax  # here and not above: the list itself needs no network

    from emojax import systems

    system = systems.build(config, systems.stand_in(config))
    shapes = jax.eval_shape(system.init, jax.random.key(0))["params"]
    return sum(x.size for x in jax.tree.leaves(shapes))


if __name__ == "__main__":
    sys.exit(main())
