"""Writes a trained model for use elsewhere.

  python -m emojax.export --workdir runs/demo/run --to exported                        # a folder that moves
  python -m emojax.export --workdir runs/demo/run --to compiled --format stablehlo     # runs with JAX alone
  python -m emojax.export --workdir runs/demo/run --to elsewhere --format onnx         # runs in onnxruntime
  python -m emojax.export --workdir runs/single --to for_torch --format torch          # a state dict

folder      model.safetensors, recipe.json and a model card; emojax.predict, emojax.evaluate (--model), emojax.load and
            config.init_from take it. The same jax on the same CPU predicts the same numbers bit for bit.
stablehlo   model.stablehlo: network and weights in one file for jax.export, any batch size; usage.py shows how.
onnx        model.onnx: network and weights in one file for onnxruntime, any batch size; compared with JAX when it is
            written. Needs two packages: pip install "emojax[onnx]", or pip install onnx onnxruntime
torch       model.safetensors: a state dict for a network that torch code has; others are refused by name.

Sizes, colour order, crop and class names travel in recipe.json, for people in README.md, the model card.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.errors import ConfigError

FORMATS = ("folder", "stablehlo", "torch", "onnx")


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.export", __doc__)
    add = options.add_argument
    add(
        "--workdir",
        type=cli.path,
        metavar="DIR",
        help="folder of a run of emojax.train, or an exported model",
    )
    add("--to", type=cli.path, metavar="DIR", help="folder to write")
    add("--format", choices=FORMATS, default="folder", help="what to write [folder]")
    add("--step", default="best", help="checkpoint: best, latest, or a step number [best]")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), export, argv)


def export(options: argparse.Namespace) -> int:
    if options.workdir is None or options.to is None:
        raise ConfigError("Give --workdir, the folder of a run, and --to, the folder to write.")
    # Here and not above: --help and mistakes answer without waiting for JAX.
    from emojax.engine.restore import read_variables
    from emojax.engine.workdir import require_run
    from emojax.exports import card, files

    require_run(options.workdir)
    files.require_free(options.to)
    restored = read_variables(options.workdir, options.step)
    written = files.WRITERS[options.format](options.to, restored, options.workdir)
    card.write(options.to, restored, options.workdir, options.format)
    print(f"Step {restored.step} of {options.workdir} is in {options.to}: {', '.join(written)}, README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
