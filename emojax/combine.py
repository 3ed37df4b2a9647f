"""Combines the saved outputs of several runs: an ensemble of systems, or the folds of one system.

  python -m emojax.combine --runs runs/rgb runs/flow runs/stgcn --weights 0.4,0.4,0.2 --out runs/ensemble
  python -m emojax.combine --runs runs/a runs/b --method maximum --split test --out runs/ensemble
  python -m emojax.combine --config configs/FILE.py:NAME --runs runs --out runs/NAME
  python -m emojax.combine --runs runs/fold* --pool --bootstrap 1000 --groups subject --out runs/pooled

A run is a folder that emojax.evaluate has written outputs_SPLIT.npz into, or such a file; with --config, the folder
below which the members of the config are found by the names of their systems. Weights sum to one; the order of the
members does not matter; members with other classes or other examples are refused. Categories are averaged as
probabilities (--space logits: as the networks predict them). --pool joins the validation outputs of the folds of one
system and measures them together; what it writes is combined like any run. --bootstrap adds intervals of all metrics
over people or videos (--groups names a column).

Writes metrics.json, predictions.csv and outputs_SPLIT.npz (for another split than the validation split
metrics_SPLIT.json and predictions_SPLIT.csv) into --out; the networks and the data are not needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from emojax import cli
from emojax.errors import ConfigError, DataError

_GROUPS = ("subject", "video_id", "clip", "source_id")  # the first that there is


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.combine", __doc__)
    options.add_config()
    add = options.add_argument
    add(
        "--runs",
        type=cli.path,
        nargs="+",
        default=[],
        metavar="RUN",
        help="folders of runs, or files of outputs",
    )
    add("--weights", type=cli.names, metavar="W,W", help="of the runs, for a weighted mean; they sum to one")
    add("--method", help="mean, weighted_mean or maximum [weighted_mean with --weights, else mean]")
    add("--space", default="probabilities", help="what is combined: probabilities or logits [probabilities]")
    add(
        "--pool",
        action="store_true",
        help="the runs are the folds of one system: join their validation outputs",
    )
    add("--split", default="validation", help="split of the outputs [validation]")
    add(
        "--bootstrap",
        type=cli.whole_number(0),
        default=0,
        metavar="N",
        help="bootstrap samples for intervals; 0: none [0]",
    )
    add(
        "--groups",
        metavar="COLUMN",
        help=f"what is sampled together [the first there is of {', '.join(_GROUPS)}]",
    )
    add("--name", help="of the ensemble [that of the config, or the names of the members]")
    add(
        "--submission",
        type=cli.path,
        metavar="FILE",
        help="write the file that the evaluation server of the data set takes, of a split without public labels; "
        "nothing is measured",
    )
    add("--out", type=cli.path, metavar="DIR", help="folder of the results; made when missing")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), combine_runs, argv)


def combine_runs(options: argparse.Namespace) -> int:
    if not options.runs:
        raise ConfigError("Which runs? Give --runs RUN RUN ..., folders with the outputs of emojax.evaluate.")
    if options.out is None:
        raise ConfigError("Where shall the results go? Give --out, e.g. --out runs/ensemble.")
    if options.pool and (options.weights or options.method or options.config):
        raise ConfigError(
            "--pool joins folds: it takes no --weights, --method or --config. Combine what it writes."
        )

    from emojax.sweeps import ensemble  # here and not above: --help and mistakes do not wait for JAX

    if options.pool:
        made = ensemble.pooled(options.runs, options.split, options.name)
    else:
        made = _ensemble(options)
    if options.submission:
        return _submit(options, made)
    results = ensemble.measure(made)
    if options.bootstrap:
        results |= ensemble.bootstrap(made, options.bootstrap, _groups(made.outputs.ids, options.groups))
    paths = ensemble.write(made, results, options.out)
    print(results["protocol"])
    for name, value in results["metrics"].items():
        if isinstance(value, float):
            low_high = results.get("intervals", {}).get(name)
            print(f"  {name:24} {value:.4f}" + ("  [{:.4f}, {:.4f}]".format(*low_high) if low_high else ""))
    if results.get("unmeasured"):
        print(
            f"  {results['unmeasured']} of {results['draws']} bootstrap samples lacked a class and are left out"
        )
    print(f"Written: {', '.join(str(path) for path in paths)}")
    return 0


def _submit(options: argparse.Namespace, made) -> int:
    from emojax.files import write_text
    from emojax.sweeps import ensemble

    text, notes, outputs = ensemble.submit(made, options.out)
    write_text(options.submission, text)
    for note in notes:
        print(f"note: {note}")
    print(f"Written: {options.submission} ({len(text.splitlines()):,} people), {outputs}")
    return 0


def _ensemble(options: argparse.Namespace):
    """The ensemble of the options, or of the config."""
    from emojax.sweeps import ensemble

    if options.config is None:
        if options.changes:
            raise ConfigError("--config.FIELD=VALUE changes a config: give --config, too.")
        weights = None if options.weights is None else _numbers(options.weights)
        method = options.method or ("mean" if weights is None else "weighted_mean")
        return ensemble.combined(
            options.runs, weights, method, options.split, space=options.space, name=options.name
        )
    if options.weights or options.method or options.name:
        raise ConfigError(
            "The config names weights, method and name: leave out --weights, --method and --name."
        )
    if len(options.runs) != 1:
        raise ConfigError(
            "With --config, --runs is one folder: that below which the runs of its members lie."
        )
    config = cli.read_config(options)
    if config.get("family") != "ensemble":
        raise ConfigError(
            f"{options.config} is no ensemble but a system: train it with python -m emojax.train."
        )
    members: Mapping[str, float] = config.members.to_dict()
    runs = ensemble.find(options.runs[0], list(members), options.split)
    weights = list(members.values()) if config.method == "weighted_mean" else None
    return ensemble.combined(
        runs, weights, config.method, options.split, space=options.space, name=config.name
    )


def _numbers(texts: Sequence[str]) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise ConfigError(f"--weights are numbers, e.g. 0.4,0.4,0.2, not {','.join(texts)!r}.") from None


def _groups(ids: Mapping, column: str | None):
    name = column or next((name for name in _GROUPS if name in ids), None)
    if name not in ids:
        raise DataError(
            f"The outputs hold no {name or 'people or videos'!r} of the examples. They hold: "
            f"{', '.join(ids) or 'none'}. Give one with --groups."
        )
    return name, ids[name]


if __name__ == "__main__":
    sys.exit(main())
