"""`Model`: a trained system as an object that predicts pictures."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence

import cv2
import jax
import numpy as np

from emojax import systems
from emojax.data.recipe import Recipe
from emojax.data.select import Pictures
from emojax.engine.mesh import data_mesh, put_batch, replicated
from emojax.engine.restore import read_variables
from emojax.engine.step import make_predict_step
from emojax.engine.workdir import require_run
from emojax.errors import ConfigError, DataError, Skip
from emojax.labels import Labels
from emojax.vision.detectors import Detector, make_detector
from emojax.vision.face_crop import FaceCrop
from emojax.vision.images import read_image

Picture = np.ndarray | str | os.PathLike
_BATCHES = (1, 8, 32)  # one compiled program each: a batch is padded to the next
_OPTIONAL = ("face_mask",)  # what a network reads where it is there, for its metrics alone


@dataclasses.dataclass(frozen=True)
class FacePrediction:
    """One face of a picture.

    Attributes:
        box: x, y, width, height in pixels.
        score: of the detector, in [0, 1].
        probabilities: class name -> probability; empty for a system that tells no classes apart.
        values: dimension name -> value, e.g. valence and arousal in [-1, 1]; empty for a system without.
    """

    box: tuple[float, float, float, float]
    score: float
    probabilities: dict[str, float]
    values: dict[str, float]

    @property
    def label(self) -> str:
        """The most probable class; empty without classes."""
        return max(self.probabilities, key=self.probabilities.get, default="")


class Model:
    """A trained system; see `load`.

    Attributes:
        labels: class names and dimension names in the order of the outputs.
        config: the resolved config of the run.
        recipe: what is known of the training data: labels, sizes, statistics, parameters of the preparation.
        crop: how a face is cut out of a picture, as the training data were.
        step: of the checkpoint.
    """

    labels: Labels
    recipe: Recipe

    def __init__(self, restored, *, detector: str | Detector = "auto"):
        self.config, self.recipe, self.step = restored.config, restored.recipe, restored.step
        self._system = systems.build(self.config, self.recipe)
        self.labels = self._system.labels
        _require_single_pictures(self._system)
        image = self.recipe.feature("image")
        self.crop = FaceCrop.from_build(self.recipe.build, image.shape[0], image.encoding)
        self._detector = detector
        self._mesh = data_mesh(jax.devices()[:1])
        self._variables = jax.device_put(restored.variables, replicated(self._mesh))
        self._step = make_predict_step(self._system.predict, self._mesh)

    @functools.cached_property
    def detector(self) -> Detector:
        """Finds the faces of `detect_and_predict`."""
        return make_detector(self._detector) if isinstance(self._detector, str) else self._detector

    def predict(self, images: Picture | Sequence[Picture]) -> dict[str, np.ndarray]:
        """Predicts pictures that show one face each, cut out as the training data were.

        Args:
            images: N pictures: uint8 RGB arrays ``[H, W, 3]`` of any size, or paths; or one array ``[N, H, W, 3]``.
                Pictures of another size than `crop.size` are resized.

        Returns:
            Float32 arrays, those of the following that the system has: ``probabilities [N, C]`` in the order of
            `labels.classes`; ``valence_arousal [N, 2]`` in [-1, 1].

        Raises:
            DataError: a picture cannot be read, or is no such array.
        """
        outputs = self._outputs(self._prepared(images), ("probabilities", "valence_arousal"))
        return {name: np.asarray(value, np.float32) for name, value in outputs.items()}

    def embed(self, images: Picture | Sequence[Picture]) -> np.ndarray:
        """Features ``[N, D]`` float32 of pictures before the last layer; takes what `predict` takes."""
        return np.asarray(self._outputs(self._prepared(images), ("embedding",))["embedding"], np.float32)

    def detect_and_predict(self, image: Picture) -> list[FacePrediction]:
        """The faces of one picture, as the detector orders them; an empty list without any.

        Args:
            image: uint8 RGB array ``[H, W, 3]``, or a path; a file is turned upright as its EXIF orientation says.

        Raises:
            DataError: the picture cannot be read, or is no such array.
        """
        picture = cv2.cvtColor(_as_rgb(image), cv2.COLOR_RGB2BGR)
        faces, crops = [], []
        for face in self.detector(picture):
            try:
                crops.append(self.crop(picture, face))
            except Skip:
                continue  # the detector's box lies outside the picture
            faces.append(face)
        return [FacePrediction(face.box, face.score, *named) for face, named in zip(faces, self.name(crops))]

    def name(self, crops: Sequence[np.ndarray]) -> list[tuple[dict[str, float], dict[str, float]]]:
        """Predicts crops ``[size, size, 3]`` uint8 RGB; each becomes (probabilities by class, values by dimension)."""
        if not crops:
            return []
        outputs = self.predict(list(crops))
        return [
            (
                _by_name(self.labels.classes, outputs.get("probabilities"), i),
                _by_name(self.labels.dimensions, outputs.get("valence_arousal"), i),
            )
            for i in range(len(crops))
        ]

    def _prepared(self, images: Picture | Sequence[Picture]) -> np.ndarray:
        """Pictures as one array ``[N, size, size, 3]`` uint8."""
        is_one = isinstance(images, (str, os.PathLike)) or (
            isinstance(images, np.ndarray) and images.ndim == 3
        )
        pictures = [_as_rgb(image) for image in ([images] if is_one else images)]
        size = self.crop.size
        if not pictures:
            return np.zeros((0, size, size, 3), np.uint8)
        return np.stack([_resized(picture, size) for picture in pictures])

    def _outputs(self, images: np.ndarray, wanted: Sequence[str]) -> dict[str, np.ndarray]:
        if not len(images):
            shapes = jax.eval_shape(self._step, self._variables, self._batch(images, 1))
            return {k: np.zeros((0, *v.shape[1:]), np.float32) for k, v in shapes.items() if k in wanted}
        parts, start = [], 0
        while start < len(images):
            size = next((b for b in _BATCHES if b >= len(images) - start), _BATCHES[-1])
            part = images[start : start + size]
            outputs = self._step(self._variables, put_batch(self._batch(part, size), self._mesh))
            parts.append({k: np.asarray(outputs[k])[: len(part)] for k in wanted if k in outputs})
            start += size
        return {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}

    def _batch(self, images: np.ndarray, size: int) -> dict[str, np.ndarray]:
        """Rows padded to `size`; mask 0 where they are padding."""
        padded = np.zeros((size, *images.shape[1:]), np.uint8)
        padded[: len(images)] = images
        mask = np.zeros(size, np.float32)
        mask[: len(images)] = 1
        return {"image": padded, "mask": mask}


def load(run_or_model: str | os.PathLike, which: str = "best", *, detector: str | Detector = "auto") -> Model:
    """Reads a trained system: the work directory of a run, or a folder that `emojax.export` wrote.

    The data that it was trained on are not needed.

    Args:
        run_or_model: the folder.
        which: checkpoint of a run: ``best``, ``latest`` or a step number.
        detector: finds faces for `Model.detect_and_predict`: ``auto``, ``blazeface``, ``haar``, ``none`` (each picture
            is one face), ``package.module:function``, or a function from a picture ``[H, W, 3]`` uint8 BGR to a list of
            `emojax.vision.faces.DetectedFace`.

    Raises:
        CheckpointError: no such checkpoint, or a damaged one.
        ConfigError: a system that does not predict single pictures of faces.
    """
    folder = pathlib.Path(run_or_model).expanduser()
    require_run(folder)
    return Model(read_variables(folder, which), detector=detector)


def _require_single_pictures(system) -> None:
    needs = [name for name in system.inputs.features if name not in ("image", *_OPTIONAL)]
    if needs or "image" not in system.inputs.features or not isinstance(system.inputs.select, Pictures):
        reads = ", ".join(system.inputs.features) or "no pictures"
        raise ConfigError(
            f"The system {system.config.name!r} (family {system.config.family}) reads {reads} of each example; only "
            "systems that read one picture of a face can predict your own files. Evaluate this one on prepared data: "
            "python -m emojax.evaluate"
        )


def _as_rgb(image: Picture) -> np.ndarray:
    if isinstance(image, (str, os.PathLike)):
        try:
            return cv2.cvtColor(read_image(image, upright=True), cv2.COLOR_BGR2RGB)
        except Skip as skip:
            raise DataError(f"Cannot predict: {skip.detail}.") from None
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise DataError(
            f"A picture is an array [H, W, 3] of uint8 in the order RGB, not {list(array.shape)} of {array.dtype}."
        )
    return array


def _resized(picture: np.ndarray, size: int) -> np.ndarray:
    if picture.shape[:2] == (size, size):
        return picture
    shrinks = picture.shape[0] * picture.shape[1] > size * size
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _by_name(names: Sequence[str], values: np.ndarray | None, row: int) -> dict[str, float]:
    return {} if values is None else dict(zip(names, values[row].tolist()))
