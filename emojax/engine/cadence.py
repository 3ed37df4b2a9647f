"""How long a run is, and at which steps it logs, evaluates and saves."""

from __future__ import annotations

import dataclasses

from emojax.wording import counted


def total_steps(config, steps_per_epoch: int) -> int:
    """Length of a run: `config.num_steps`, or where that is 0 or missing `config.num_epochs`."""
    return config.get("num_steps", 0) or steps_per_epoch * config.num_epochs


def number_and_unit(config) -> tuple[int, str]:
    """The same as the config says it: 10 and ``epoch``, or 18000 and ``step``. Takes a config, or its JSON value."""
    steps = config.get("num_steps", 0)
    return (steps, "step") if steps else (config["num_epochs"], "epoch")


def length(config) -> str:
    """The same in words: ``10 epochs`` or ``18,000 steps``."""
    return counted(*number_and_unit(config))


@dataclasses.dataclass(frozen=True)
class Cadence:
    """The last step of a run is always logged, evaluated and saved.

    Attributes:
        total_steps: of the run.
        steps_per_epoch: of the training split.
        log_every: steps between two rows of the log.
        eval_every_epochs: epochs between two evaluations; holds when `eval_every_steps` is 0.
        eval_every_steps: steps between two evaluations; 0: see `eval_every_epochs`.
        checkpoint_every_steps: steps between two checkpoints besides those of the evaluations; 0: none.
    """

    total_steps: int
    steps_per_epoch: int
    log_every: int
    eval_every_epochs: int
    eval_every_steps: int
    checkpoint_every_steps: int

    @classmethod
    def of(cls, options, steps_per_epoch: int, total_steps: int) -> Cadence:
        """Of `config.run`."""
        names = ("log_every", "eval_every_epochs", "eval_every_steps", "checkpoint_every_steps")
        return cls(total_steps, steps_per_epoch, *(options[name] for name in names))

    def logs(self, step: int) -> bool:
        return self._due(step, self.log_every)

    def evaluates(self, step: int) -> bool:
        return self._due(step, self.eval_every_steps or self.eval_every_epochs * self.steps_per_epoch)

    def saves(self, step: int) -> bool:
        return self.evaluates(step) or self._due(step, self.checkpoint_every_steps)

    def _due(self, step: int, every: int) -> bool:
        return step == self.total_steps or (every > 0 and step % every == 0)
