"""What a system is built from besides its config: label names, shapes and statistics of the training data.

A recipe is small JSON. It is saved beside a run and in each of its checkpoints, so a system can be built again
without the data it was trained on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypedDict

from emojax.errors import DataError
from emojax.labels import Labels

_KINDS = {"image": ("jpeg", "png", "raw"), "int": ("",), "float": ("",), "bytes": ("",)}


@dataclasses.dataclass(frozen=True)
class Feature:
    """One named value of a record.

    Attributes:
        kind: `image` (uint8), `int` (int64 in the record, int32 in a batch), `float` (float32), or `bytes` (a
            text such as `source_id`, which never goes to the device).
        shape: of one record: `(H, W, 3)` RGB or `(H, W)` grey for an image, `()` for a scalar, `(136,)`, ...
        encoding: of an image: `jpeg`, `png` or `raw` (the pixels themselves, C order); else empty.
    """

    kind: str
    shape: tuple[int, ...] = ()
    encoding: str = ""

    def __post_init__(self):
        if self.kind not in _KINDS:
            raise ValueError(f"Feature kind {self.kind!r} is not one of {list(_KINDS)}.")
        if self.encoding not in _KINDS[self.kind]:
            raise ValueError(
                f"Encoding {self.encoding!r} of a feature of kind {self.kind!r} is not one of "
                f"{list(_KINDS[self.kind])}."
            )
        if self.kind == "image" and len(self.shape) != 2 and self.shape[2:] != (3,):
            raise ValueError(f"An image has shape (H, W, 3) or (H, W), not {self.shape}.")

    @classmethod
    def from_json(cls, value: Mapping) -> Feature:
        return cls(value["kind"], tuple(value["shape"]), value["encoding"])


class LabelsJson(TypedDict):
    """`Labels` as JSON."""

    classes: list[str]
    dimensions: list[str]


class FeatureJson(TypedDict):
    """`Feature` as JSON."""

    kind: str
    shape: list[int]
    encoding: str


class RecipeJson(TypedDict):
    """`Recipe` as JSON."""

    name: str
    labels: LabelsJson
    features: dict[str, FeatureJson]
    statistics: dict[str, Any]
    build: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Labels, shapes and statistics of the data that a system is trained on.

    Attributes:
        name: of the data set.
        labels: class and dimension names in index order.
        features: what every record holds.
        statistics: what systems derive from the training labels (Spearman matrix, ...), JSON values.
        build: parameters and version of the preparation, JSON values.
        origin: where the recipe was read, for error messages; not saved.
    """

    name: str
    labels: Labels
    features: Mapping[str, Feature]
    statistics: Mapping = dataclasses.field(default_factory=dict)
    build: Mapping = dataclasses.field(default_factory=dict)
    origin: str = dataclasses.field(default="", compare=False)

    def feature(self, name: str) -> Feature:
        """The feature called `name`; DataError with the names there are."""
        if name not in self.features:
            raise DataError(
                f"The records of {self.origin or self.name} hold no {name!r}. They hold: {', '.join(self.features)}. "
                "Prepare the data again with the option that stores it, or choose a system that does without."
            )
        return self.features[name]

    def to_json(self) -> dict:
        return {
            "name": self.name,
            "labels": self.labels.to_json(),
            "features": {k: dataclasses.asdict(v) for k, v in self.features.items()},
            "statistics": dict(self.statistics),
            "build": dict(self.build),
        }

    @classmethod
    def from_json(cls, value: Mapping, *, origin: str = "") -> Recipe:
        """From what `to_json` gives, after JSON; its shape is `RecipeJson`."""
        return cls(
            name=value["name"],
            labels=Labels.from_json(value["labels"]),
            features={k: Feature.from_json(v) for k, v in value["features"].items()},
            statistics=value["statistics"],
            build=value["build"],
            origin=origin,
        )
