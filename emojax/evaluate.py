"""Evaluates a trained run on one split and writes metrics, predictions and the report.

  python -m emojax.evaluate --workdir runs/demo                # the best checkpoint, validation split
  python -m emojax.evaluate --workdir runs/demo --step latest
  python -m emojax.evaluate --workdir runs/emotic --split test
  python -m emojax.evaluate --workdir runs/demo --data_dir data/other --split test
  python -m emojax.evaluate --workdir runs/bold --split test --submission bold.csv   # for BoLD's evaluation server
  python -m emojax.evaluate --model exported --data_dir data/other --out results

Config, labels, label graph, word vectors, data folder and fold come from the checkpoint; nothing else has to be named,
and other data changes none of them. Writes into the work directory: metrics.json, predictions.csv (one row a record:
id, truth, probabilities, values), outputs_validation.npz (the same in full precision, with all that identifies the
records and the system; see emojax/engine/outputs.py) and report/index.html; for another split than the validation
split metrics_SPLIT.json, predictions_SPLIT.csv, outputs_SPLIT.npz and report_SPLIT/.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.errors import ConfigError, DataError


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.evaluate", __doc__)
    add = options.add_argument
    add("--workdir", type=cli.path, metavar="DIR", help="folder of a run of emojax.train")
    add("--model", type=cli.path, metavar="DIR", help="folder that emojax.export wrote, instead of a run")
    add("--out", type=cli.path, metavar="DIR", help="folder of the results [that of the run]")
    add("--step", default="best", help="best, latest, or a step number [best]")
    add(
        "--data_dir",
        type=cli.path,
        metavar="DIR",
        help="other prepared data, or the run's own where it has moved",
    )
    add("--split", default="validation", help="split of the data to evaluate [validation]")
    add(
        "--all_outputs",
        action="store_true",
        help="store every output of the network in outputs_SPLIT.npz, e.g. features [N, D], not only what is measured",
    )
    add(
        "--submission",
        type=cli.path,
        metavar="FILE",
        help="write the file that the evaluation server of the data set takes, of a split without public labels; "
        "nothing is measured",
    )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), evaluate_run, argv)


def evaluate_run(options: argparse.Namespace) -> int:
    workdir = options.workdir or options.model
    if workdir is None:
        raise ConfigError(
            "Which run? Give --workdir, the folder that emojax.train wrote, or --model, one that emojax.export wrote."
        )
    if options.model and not options.out:
        raise ConfigError(
            f"Where to? Give --out: {options.model} is a model, results are not written into it."
        )
    out = options.out or workdir

    from emojax import systems  # here and not above: --help and mistakes answer without waiting for JAX
    from emojax.engine import compile_cache
    from emojax.engine.evaluation import evaluate
    from emojax.engine.restore import read_variables
    from emojax.engine.workdir import require_run, result_paths

    require_run(workdir)
    compile_cache.enable()
    restored = read_variables(workdir, options.step)
    moved = "" if options.data_dir else " If it has moved, give --data_dir FOLDER."
    dataset = _data(restored, options.data_dir, moved)
    system = systems.build(restored.config, restored.recipe)
    if options.submission:
        return _submit(options, restored, system, dataset)
    asked = {"out": out, "which": options.step, "all_outputs": options.all_outputs}
    metrics = evaluate(workdir, restored, system, dataset, options.split, **asked)
    print(f"{metrics['protocol']}, checkpoint of step {metrics['step']}")
    for name, value in metrics["metrics"].items():
        if isinstance(value, float):
            print(f"  {name:24} {value:.4f}")
    print(f"Written: {', '.join(str(path) for path in result_paths(out, options.split))}")
    return 0


def _data(restored, folder, moved: str):
    """The run's own data and fold, or all of other data: these are not divided as the run's were."""
    from emojax import systems
    from emojax.data.folds import read_fold

    config = restored.config
    if not (folder and config.get("fold")):
        return systems.load_data(config, folder, moved=moved)
    fold, config.fold = config.fold, ""
    whole = systems.load_data(config, folder)
    try:
        view = read_fold(whole, fold, config.fold_by)
        own = view.split("train").content_hash == restored.meta["dataset"]["content_hash"]
    except (ConfigError, DataError):  # other data may have no such fold
        own = False
    if own:
        return view
    print(f"{folder} is not the data of the run, so its own splits are evaluated, and not fold {fold} of it.")
    return whole


def _submit(options: argparse.Namespace, restored, system, dataset) -> int:
    from emojax.engine.evaluation import store_outputs
    from emojax.engine.workdir import result_paths
    from emojax.files import write_text

    write = getattr(system.measure, "submission", None)
    if write is None:
        raise ConfigError(
            f"{dataset.name} has no evaluation server that emojax knows: leave out --submission."
        )
    text, notes = write(store_outputs(options.workdir, restored, system, dataset, options.split))
    write_text(options.submission, text)
    for note in notes:
        print(f"note: {note}")
    outputs = result_paths(options.workdir, options.split).outputs
    print(f"Written: {options.submission} ({len(text.splitlines()):,} people), {outputs}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
