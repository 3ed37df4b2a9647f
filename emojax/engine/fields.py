"""Ranges of the fields that the engine reads; `configs.base` says what each is for."""

from __future__ import annotations

from emojax.ranges import Range, whole

RANGES = {
    "seed": whole(0, 2**32 - 1),
    "image_size": whole(8, 4096),
    "batch_size": whole(1, 65536),
    "eval_batch_size": whole(1, 65536),
    "num_epochs": whole(1, 10**6),
    "num_steps": whole(0),
    "optimizer.learning_rate": Range(0, 1000),
    "optimizer.momentum": Range(0, 1),
    "optimizer.beta1": Range(0, 1),
    "optimizer.beta2": Range(0, 1),
    "optimizer.epsilon": Range(0, 1, above=True),
    "optimizer.weight_decay": Range(0, 1000),
    "optimizer.clip_norm": Range(0),
    "optimizer.warmup_epochs": Range(0, 10**6),
    "optimizer.decay_epochs": Range(0, 10**6, above=True),
    "optimizer.decay_steps": whole(0),
    "optimizer.decay_factor": Range(0, 1, above=True),
    "optimizer.decay_rate": Range(0),
    "optimizer.plateau_patience": whole(0),
    "optimizer.factors.*": Range(0, 1000),
    "early_stopping.patience": whole(0),
    "early_stopping.min_delta": Range(0),
    "run.threads": whole(0, 1024),
    "run.log_every": whole(1),
    "run.checkpoint_every_steps": whole(0),
    "run.eval_every_epochs": whole(1),
    "run.eval_every_steps": whole(0),
    "run.stop_after_steps": whole(0),
}
