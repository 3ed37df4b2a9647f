"""Errors a user can mend. A door prints the message alone (no traceback) and exits with status 2.

A message says what is wrong, where (file, record, field), and how to mend it.
"""


class EmojaxError(Exception):
    """Base of every error whose message is meant for the user."""


class ConfigError(EmojaxError):
    """A config field is unknown, of the wrong type, or does not go together with another."""


class DataError(EmojaxError):
    """A file, shard, record or label is missing, damaged, or not what the run expects."""


class CheckpointError(EmojaxError):
    """A checkpoint is missing, damaged, or belongs to another run, class order or network."""


class OutputError(EmojaxError):
    """A file cannot be written: the disk is full, or a permission is missing. What was there before is unchanged."""


class TrainingError(EmojaxError):
    """Training cannot go on, e.g. the loss is no longer finite."""


class Skip(Exception):
    """Raised for a picture or person that cannot be used: leave it out and count it under `reason` (snake_case)."""

    def __init__(self, reason: str, detail: str):
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
