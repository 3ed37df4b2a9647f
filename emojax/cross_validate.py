"""Trains a system on every fold of a division and measures the pooled validation outputs as one split.

  python -m emojax.cross_validate --config configs/sasefe.py:sase12_cnn_frontal --folds 10 --workdir runs/sase12
  python -m emojax.cross_validate --config CONFIG --folds all --bootstrap 1000 --workdir runs/leave_one_out

--folds all leaves one subject out; --config.fold_by=COLUMN divides by another column than the subject. Each fold is a
run of its own in WORKDIR/foldK, trained, evaluated and resumed like any other. WORKDIR gets metrics.json (pooled,
with mean and standard deviation over the folds), predictions.csv and outputs_validation.npz, which emojax.combine
takes. Running the same command again resumes: finished folds are kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.errors import ConfigError


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.cross_validate", __doc__)
    options.add_config()
    add = options.add_argument
    add("--folds", metavar="N", help="number of folds, or all: leave one subject out")
    add("--workdir", type=cli.path, metavar="DIR", help="folder of all folds; made when missing")
    add(
        "--bootstrap",
        type=cli.whole_number(0),
        default=0,
        metavar="N",
        help="bootstrap samples for intervals; 0: none [0]",
    )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    resumes = "the same command resumes from the last checkpoint"
    return cli.run(parser(), cross_validate, argv, interrupted=resumes)


def cross_validate(options: argparse.Namespace) -> int:
    config = cli.read_config(options)
    if options.folds is None or not (options.folds == "all" or options.folds.isdigit()):
        raise ConfigError(f"How many folds? Give --folds N, or --folds all, not {options.folds!r}.")
    if config.get("fold"):
        raise ConfigError(f"The command trains all folds: leave out --config.fold={config.fold}.")
    if options.workdir is None:
        raise ConfigError(f"Where shall the runs live? Give --workdir, e.g. --workdir runs/{config.name}")

    from emojax.engine import compile_cache  # here and not above: --help does not wait for JAX
    from emojax.sweeps import folds

    compile_cache.enable()
    results = folds.cross_validate(config, options.folds, options.workdir, draws=options.bootstrap)
    if results is None:
        print("Stopped, saved. The same command resumes.")
        return 0
    print(results["protocol"])
    for name, (mean, spread) in results["over_folds"].items():
        low_high = results.get("intervals", {}).get(name)
        interval = "  [{:.4f}, {:.4f}]".format(*low_high) if low_high else ""
        print(f"  {name:24} {results['metrics'][name]:.4f}{interval}  folds {mean:.4f} +- {spread:.4f}")
    print(f"Written: {options.workdir / 'metrics.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
