"""Lists every system: config name, command, data set, thesis table and published numbers, parameters.

  python -m emojax.systems
  python -m emojax.systems --filter gcn --parameters
"""

from __future__ import annotations

import importlib
import pathlib

import jax
from absl import flags

from emojax import cli, systems

_FILTER = flags.DEFINE_string("filter", "", "Show only systems whose name or note contains this.")
_PARAMETERS = flags.DEFINE_bool("parameters", True, "Count parameters (a second a system).")


def main(argv) -> int:
    rows = [row for row in catalogue() if _FILTER.value in f"{row['name']} {row['note']}"]
    for row in rows:
        print(f"{row['name']}  [{row['dataset']}]  {row['note']}")
        if row["published"]:
            numbers = ", ".join(f"{k} {v}" for k, v in row["published"].items())
            print(f"    published (thesis table {row['table']}): {numbers}")
        if _PARAMETERS.value:
            print(f"    parameters: {count_parameters(row['config']):,}")
        print(f"    python -m emojax.train --config {row['spec']} --workdir runs/{row['name']}")
    print(f"{len(rows)} systems. Published numbers are the theses', not ours.")
    return 0


def catalogue(folder: str = "configs") -> list[dict]:
    """One row a variant of every config file in `folder` that lists ``VARIANTS``."""
    rows = []
    for path in sorted(pathlib.Path(folder).glob("*.py")):
        module = importlib.import_module(f"{path.parent.name}.{path.stem}")
        for name, variant in getattr(module, "VARIANTS", {}).items():
            spec = f"{path}:{name}"
            rows.append(
                {
                    "name": name,
                    "spec": spec,
                    "dataset": module.DATASET,
                    "note": variant.note,
                    "table": variant.table,
                    "published": dict(variant.published),
                    "config": module.get_config(name),
                }
            )
    return rows


def count_parameters(config) -> int:
    """Trainable parameters of a config, from shapes alone."""
    system = systems.build(config, systems.stand_in_dataset(config))
    shapes = jax.eval_shape(system.init, jax.random.key(0))["params"]
    return sum(x.size for x in jax.tree.leaves(shapes))


if __name__ == "__main__":
    cli.run(main)
