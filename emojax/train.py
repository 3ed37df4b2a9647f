"""Trains a system; the same command resumes a stopped run.

  python -m emojax.train --config configs/affectnet_gcn.py --workdir runs/gcn --config.data_dir=data/affectnet
  python -m emojax.train --config configs/affectnet_gcn.py:demo --workdir runs/demo

Every field of the config can be set with a flag: --config.batch_size=64 --config.optimizer.learning_rate=0.002.
The work directory gets recipe.json (config and recipe), log.jsonl, events/ (TensorBoard) and checkpoints/ (the best
by the monitored metric and the latest). SIGTERM and Ctrl-C save and exit; the same command resumes, bit
for bit.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

from emojax import cli, systems
from emojax.errors import ConfigError


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.train", __doc__)
    options.add_config()
    options.add_argument(
        "--workdir", type=cli.path, metavar="DIR", help="folder of the run; made when missing"
    )
    options.add_argument(
        "--fold", metavar="K/N", help="validate on the K-th of N folds, or K/all: leave one out"
    )
    options.add_argument(
        "--distributed",
        action="store_true",
        help="join the other processes of a cluster job (Slurm, Open MPI, TPU pod): one task a process",
    )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    resumes = "the same command resumes from the last checkpoint"
    return cli.run(parser(), train_run, argv, interrupted=resumes)


def train_run(options: argparse.Namespace) -> int:
    config = cli.read_config(options)
    if options.fold:
        cli.change(config, f"fold={options.fold}")
    if options.workdir is None:
        raise ConfigError("Where shall the run live? Give --workdir, e.g. --workdir runs/" + config.name)

    from emojax.engine import compile_cache, processes  # here and not above: --help does not wait for JAX
    from emojax.engine.fit import fit_estimator
    from emojax.engine.loop import train
    from emojax.engine.restore import read_variables

    processes.initialize(distributed=options.distributed)
    compile_cache.enable()
    known = (options.workdir / "recipe.json").exists()
    moved = " If it has moved, give --config.data_dir=FOLDER." if known else ""
    with processes.ending_at_once(cli.fail):
        with processes.agreed():
            dataset = systems.load_data(config, moved=moved)
            system = systems.build(config, dataset.recipe)
        if processes.leads():
            print(describe(config, system, dataset, options.workdir), flush=True)
        result = train(config, system, dataset, options.workdir)
        if result.finished and system.estimator and processes.alone():  # else the first evaluation fits it
            fit_estimator(options.workdir, read_variables(options.workdir), system, dataset)
        if processes.leads():
            print(closing_words(result, options.workdir, config))
    return 0


def describe(config, system, dataset, workdir: pathlib.Path) -> str:
    """What is about to be trained, on what, from which weights."""
    import jax

    from emojax.engine.precision import described
    from emojax.engine.restore import Stored

    counts = {s: dataset.split(s).num_records for s in ("train", "validation")}
    fold = f", fold {config.fold} by {config.fold_by}" if config.get("fold") else ""
    stored = Stored(workdir)
    if steps := stored.steps():
        shapes = stored.variable_shapes(steps[-1])  # a run that resumes needs no file of word vectors
    else:
        shapes = jax.eval_shape(system.init, jax.random.key(0))
    parameters = sum(x.size for x in jax.tree.leaves(shapes["params"]))
    size = f"{parameters:,} parameters, batches of {config.batch_size}"
    lines = [
        f"system   {config.name}: {'fitted at once on all training examples' if system.is_fitted else size}",
        f"data     {dataset.path}{fold}: {counts['train']:,} train, {counts['validation']:,} validation records",
        f"devices  {jax.device_count()} x {jax.devices()[0].device_kind}, {described(config.precision)}",
        *(f"note     {note}" for note in system.notes),
    ]
    return "\n".join(lines)


_MORE = "It was finished before. For more epochs, give the same command with --config.num_epochs=N.\n"
_NO_MORE = (
    "It was finished before. For more epochs, take another --workdir: the schedule {!r} depends on them.\n"
)


def closing_words(result, workdir: pathlib.Path, config) -> str:
    """How a run (its `TrainResult`) ended, what it left, and the next command."""
    from emojax.engine.workdir import fixed_length

    if not result.finished:
        saved = "saved" if result.step else "nothing to save"
        return f"Stopped at step {result.step}, {saved}. The same command resumes. ({result.ending})"
    more = _NO_MORE.format(config.optimizer.schedule) if fixed_length(config) else _MORE
    best = f"best checkpoint: step {result.best_step}" if result.best_step is not None else "no evaluation"
    return (
        f"Finished at step {result.step} ({result.ending}); {best}, in {workdir / 'checkpoints'}.\n"
        f"{more if not result.compilations else ''}Next: python -m emojax.evaluate --workdir {workdir}"
    )


if __name__ == "__main__":
    sys.exit(main())
