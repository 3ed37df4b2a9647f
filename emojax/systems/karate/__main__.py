"""Zachary's karate club in a graph network that is never trained (thesis 001, fig. 6.1.1).

  python -m emojax.systems.karate --out runs/karate_demo

The members' only features are their own names (X = I); the graph alone brings friends together.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.systems.karate import build


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.systems.karate", __doc__)
    add = options.add_argument
    add("--config", default="configs/karate_demo.py", metavar="FILE", help="config file")
    add(
        "--out",
        type=cli.path,
        default="runs/karate_demo",
        metavar="DIR",
        help="folder of the figure [runs/karate_demo]",
    )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), draw, argv)


def draw(options: argparse.Namespace) -> int:
    import jax  # here and not above: --help and mistakes answer without waiting for it

    config = cli.load_config_file(options.config)
    system = build(config)
    variables = system.init(jax.random.key(config.seed))
    outputs = system.predict(variables, {})
    metrics = system.measure.metrics(outputs)
    system.report.write(options.out, variables, outputs, {"metrics": metrics}, [], None)
    share = metrics["nearest_mean_accuracy"]
    print(f"{options.out}/karate.png: {share:.0%} of the members lie nearer to their own later club.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
