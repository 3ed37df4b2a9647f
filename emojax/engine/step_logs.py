"""The logs of a training step in one array, so that the host fetches them with one copy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class StepLogs(Mapping):
    """Scalars by name, as one array; what reads it sees a mapping.

    Attributes:
        names: of the scalars.
        vector: ``[len(names)]`` float32.
    """

    names: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    vector: jax.Array

    @classmethod
    def of(cls, logs: Mapping[str, jax.Array]) -> StepLogs:
        """Packs scalars, in the order of `logs`; traceable."""
        values = [jnp.asarray(value, jnp.float32) for value in logs.values()]
        return cls(tuple(logs), jnp.stack(values))

    def __getitem__(self, name: str) -> jax.Array:
        if name not in self.names:
            raise KeyError(name)
        return self.vector[self.names.index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)
