"""Lists every system: config name, command, data set, thesis table and published numbers.

python -m emojax.systems
python -m emojax.systems --family emotion_gcn            # the systems of one thesis
python -m emojax.systems --filter gcn --parameters       # with their numbers of parameters, a second or two each
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.catalogue import catalogue
from emojax.errors import ConfigError


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.systems", __doc__)
    add = options.add_argument
    add("--family", default="", help="show only the systems of one thesis, e.g. emotion_gcn")
    add("--filter", default="", metavar="TEXT", help="show only systems whose name or note contains this")
    add("--parameters", action="store_true", help="count the parameters of each")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), list_systems, argv)


def list_systems(options: argparse.Namespace) -> int:
    rows = catalogue()
    if not rows:
        raise ConfigError(
            f"{pathlib.Path('configs').resolve()} holds no config files; call this in emojax's own folder."
        )
    theses = sorted({row["family"] for row in rows})
    if options.family and options.family not in theses:
        raise ConfigError(f"There is no family {options.family!r}; there are {', '.join(theses)}.")
    rows = [
        r
        for r in rows
        if options.family in ("", r["family"]) and options.filter in f"{r['name']} {r['note']}"
    ]
    for row in rows:
        print("\n".join(describe(row, parameters=options.parameters)))
    print(
        f"{len(rows)} systems. Published numbers are the theses', not ours. A small size of most: NAME@demo."
    )
    return 0


def describe(row: dict, *, parameters: bool) -> list[str]:
    """Lines that say all about one row of the catalogue."""
    lines = [f"{row['name']}  [{row['family']}, {row['dataset']}]  {row['note']}"]
    if row["published"]:
        numbers = ", ".join(f"{k} {v}" for k, v in row["published"].items())
        where = f"thesis table {row['table']}" if row["table"] else "in no table of the thesis"
        lines.append(f"    published ({where}): {numbers}")
    if row["cells"]:
        lines.append(f"    {len(row['cells'])} cells: {', '.join(row['cells'])}")
    if parameters:
        lines.append(f"    parameters: {count_parameters(row['config']):,}")
    return [*lines, f"    {row['command']}"]


def count_parameters(config) -> int:
    """Trainable parameters of a config, from shapes alone."""
    import jax  # here and not above: the list itself needs no network

    from emojax import systems

    system = systems.build(config, systems.stand_in(config))
    shapes = jax.eval_shape(system.init, jax.random.key(0))["params"]
    return sum(x.size for x in jax.tree.leaves(shapes))


if __name__ == "__main__":
    sys.exit(main())
