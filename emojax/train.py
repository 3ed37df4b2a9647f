"""Trains a system, or goes on where a stopped run of the same command was.

  python -m emojax.train --config configs/affectnet_gcn.py --workdir runs/gcn --config.data_dir=data/affectnet
  python -m emojax.train --config configs/affectnet_gcn.py:demo --workdir runs/demo

Any field of the config can be set: --config.batch_size=64 --config.optimizer.learning_rate=0.002.
The work directory gets config.json, log.jsonl, events/ (TensorBoard) and checkpoints/ (the best by validation
accuracy and the latest). SIGTERM and Ctrl-C save and exit; the same command goes on from there, bit for bit.
"""

from __future__ import annotations

import pathlib

import jax
from absl import flags

from emojax import cli, systems
from emojax.engine import compile_cache
from emojax.engine.loop import TrainResult, train
from emojax.engine.mesh import initialize_processes
from emojax.errors import ConfigError

_CONFIG = cli.define_config()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; made when missing.")


def main(argv) -> int:
    config = cli.require_config(_CONFIG.value)
    if not _WORKDIR.value:
        raise ConfigError("Where shall the run live? Give --workdir, e.g. --workdir runs/" + config.name)
    initialize_processes()
    compile_cache.enable()
    dataset = systems.load_data(config)
    system = systems.build(config, dataset.recipe)
    print(describe(config, system, dataset))
    result = train(config, system, dataset, _WORKDIR.value)
    print(closing_words(result, _WORKDIR.value))
    return 0


def describe(config, system, dataset) -> str:
    """What is about to be trained, on what, from which weights."""
    counts = {s: dataset.splits[s].num_records for s in ("train", "validation")}
    shapes = jax.eval_shape(system.init, jax.random.key(0))["params"]
    parameters = sum(x.size for x in jax.tree.leaves(shapes))
    lines = [
        f"system   {config.name}: {parameters:,} parameters, batches of {config.batch_size}",
        f"data     {dataset.path}: {counts['train']:,} train, {counts['validation']:,} validation records",
        f"devices  {jax.device_count()} x {jax.devices()[0].device_kind}",
        *(f"note     {note}" for note in system.notes),
    ]
    return "\n".join(lines)


def closing_words(result: TrainResult, workdir: str) -> str:
    """How the run ended, what it left, and the next command."""
    if not result.finished:
        saved = "saved" if result.step else "nothing to save"
        return (
            f"Stopped at step {result.step}, {saved}. The same command goes on from there. ({result.ending})"
        )
    best = f"best checkpoint: step {result.best_step}" if result.best_step is not None else "no evaluation"
    return (
        f"Finished at step {result.step} ({result.ending}); {best}, in {pathlib.Path(workdir) / 'checkpoints'}.\n"
        f"Next: python -m emojax.evaluate --workdir {workdir}"
    )


if __name__ == "__main__":
    cli.run(main)
