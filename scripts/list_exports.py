"""Lists which networks of the catalogue can be exported as ONNX and StableHLO, and why the others cannot.

Every distinct network of `python -m emojax.systems`, at its @demo size where there is one, with random weights: the
conversion runs as in `emojax.export`, and onnx checks the file. With --run, onnxruntime and JAX predict random input,
too, and the largest difference is reported.

  python scripts/list_exports.py
  python scripts/list_exports.py --only "emotic:*" --run
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import pathlib
import sys
from collections import defaultdict

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np
import onnx

from emojax import progress, systems
from emojax.catalogue import catalogue
from emojax.errors import EmojaxError
from emojax.exports.inference import inference
from emojax.exports.to_onnx.file import check
from emojax.exports.to_onnx.trace import convert
from emojax.models.constants import CONSTANTS


def networks(pattern: str) -> dict[str, object]:
    """Configs by ``file:name``, the first of each network."""
    found, seen = {}, set()
    for row in catalogue():
        name = f"{row['module'].__name__.rpartition('.')[2]}:{row['name']}"
        if not fnmatch.fnmatchcase(name, pattern) or row["config"].get("family") in ("ensemble", "karate"):
            continue
        try:
            config = row["module"].get_config(f"{row['name']}@demo")
        except EmojaxError:
            config = row["config"]
        kind = (config.family, config.get("model", {}).to_json(), config.get("num_classes"))
        if kind not in seen:
            seen.add(kind)
            found[name] = config
    return found


def random_variables(system):
    """Variables of the right shapes, quickly: nothing is compiled."""
    rng, shapes = np.random.default_rng(0), jax.eval_shape(system.init, jax.random.key(0))

    def values(path, leaf):
        drawn = rng.normal(0, 0.05, leaf.shape)
        return (np.abs(drawn) + 0.5 if path[-1].key == "var" else drawn).astype(leaf.dtype)

    constants = {CONSTANTS: system.constants} if system.constants else {}
    return {**jax.tree_util.tree_map_with_path(values, shapes), **constants}


def exported(config, run: bool) -> float:
    """Converts one network; returns the largest difference on random input, or zero.

    Raises:
        ConfigError: it cannot be exported.
    """
    recipe = systems.stand_in(config)
    found, variables = inference(config, recipe), random_variables(systems.build(config, recipe))
    model = convert(found.function, variables, found.inputs, found.batch)
    onnx.checker.check_model(model)
    return check(model.SerializeToString(), found, variables) if run else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="*", metavar="PATTERN", help='systems, e.g. "emotic:*" [all]')
    parser.add_argument(
        "--run", action="store_true", help="compare the predictions of onnxruntime and JAX, too"
    )
    options = parser.parse_args()
    good, refused, worst = defaultdict(list), {}, 0.0
    for name, config in progress.bar(iterable=networks(options.only).items(), unit="network"):
        try:
            worst = max(worst, exported(config, options.run))
            good[name.partition(":")[0]].append(name.partition(":")[2])
        except EmojaxError as error:
            refused[name] = str(error)
    print("| config file | networks that are exported |\n|---|---|")
    for file, names in good.items():
        print(f"| {file} | {len(names)}: {', '.join(names)} |")
    print(f"\n{sum(map(len, good.values()))} networks are exported, {len(refused)} are not:")
    for name, reason in refused.items():
        print(f"- {name}: {reason}")
    if options.run:
        print(f"\nonnxruntime and JAX differ by at most {worst:.1e}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
