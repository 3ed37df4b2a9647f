"""Lists every system: config name, command, data set, thesis table and published numbers.

python -m emojax.systems
python -m emojax.systems --family emotion_gcn            # the systems of one thesis
python -m emojax.systems --filter gcn --parameters       # with their numbers of parameters, a second or two each
"""

from __future__ import annotations

import jax
from absl import flags

from emojax import cli, systems
from emojax.catalogue import catalogue
from emojax.errors import ConfigError

_FAMILY = flags.DEFINE_string("family", "", "Show only the systems of one thesis, e.g. emotion_gcn.")
_FILTER = flags.DEFINE_string("filter", "", "Show only systems whose name or note contains this.")
_PARAMETERS = flags.DEFINE_bool("parameters", False, "Count the parameters of each.")


def main(argv) -> int:
    rows = catalogue()
    theses = sorted({row["family"] for row in rows})
    if _FAMILY.value and _FAMILY.value not in theses:
        raise ConfigError(f"There is no family {_FAMILY.value!r}; there are {', '.join(theses)}.")
    rows = [
        r for r in rows if _FAMILY.value in ("", r["family"]) and _FILTER.value in f"{r['name']} {r['note']}"
    ]
    for row in rows:
        print("\n".join(describe(row)))
    print(
        f"{len(rows)} systems. Published numbers are the theses', not ours. A small size of most: NAME@demo."
    )
    return 0


def describe(row: dict) -> list[str]:
    """Lines that say all about one row of the catalogue."""
    lines = [f"{row['name']}  [{row['family']}, {row['dataset']}]  {row['note']}"]
    if row["published"]:
        numbers = ", ".join(f"{k} {v}" for k, v in row["published"].items())
        where = f"thesis table {row['table']}" if row["table"] else "in no table of the thesis"
        lines.append(f"    published ({where}): {numbers}")
    if row["cells"]:
        lines.append(f"    {len(row['cells'])} cells: {', '.join(row['cells'])}")
    if _PARAMETERS.value:
        lines.append(f"    parameters: {count_parameters(row['config']):,}")
    return [*lines, f"    {row['command']}"]


def count_parameters(config) -> int:
    """Trainable parameters of a config, from shapes alone."""
    system = systems.build(config, systems.stand_in(config))
    shapes = jax.eval_shape(system.init, jax.random.key(0))["params"]
    return sum(x.size for x in jax.tree.leaves(shapes))


if __name__ == "__main__":
    cli.run(main)
