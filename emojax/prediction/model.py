"""`Model`: a trained system as an object that predicts pictures and videos."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping, Sequence

import cv2
import jax
import numpy as np

from emojax import systems
from emojax.data.columns import Layout
from emojax.data.recipe import Recipe
from emojax.engine.mesh import data_mesh, put_batch, replicated
from emojax.engine.restore import read_variables
from emojax.engine.step import make_predict_step
from emojax.engine.thresholds import read_thresholds
from emojax.engine.workdir import require_run
from emojax.errors import ConfigError, DataError, Skip
from emojax.labels import Labels
from emojax.models.constants import CONSTANTS
from emojax.prediction.answers import Answer, named, standardised
from emojax.prediction.readers import FaceReader, Record, reader_of
from emojax.systems.base import FEATURES, OUTPUTS
from emojax.vision.boxes import resize
from emojax.vision.detectors import Detector
from emojax.vision.face_crop import FaceCrop
from emojax.vision.images import read_image

Picture = np.ndarray | str | os.PathLike
_BATCHES = (1, 8, 32)  # one compiled program each: a batch is padded to the next
_CLIP_BATCHES = (1, 4)  # of windows and clips
_CLIP = 240  # frames of one face or person that are predicted together, or a few more


@dataclasses.dataclass(frozen=True)
class FacePrediction:
    """One face, or one person, of a picture.

    Attributes:
        box: x, y, width, height in pixels.
        score: of the detector, in [0, 1].
        probabilities: class name -> probability; empty for a system that tells no classes apart.
        values: dimension name -> value, e.g. valence and arousal in [-1, 1]; empty for a system without.
        labels: of a system of several labels, those whose probability reaches its threshold; empty otherwise.
    """

    box: tuple[float, float, float, float]
    score: float
    probabilities: dict[str, float]
    values: dict[str, float]
    labels: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The most probable class, or all labels of the person, ``a;b``; empty without classes."""
        return ";".join(self.labels) or max(self.probabilities, key=self.probabilities.get, default="")


class Model:
    """A trained system; see `load`.

    Attributes:
        labels: class names and dimension names in the order of the outputs.
        config: the resolved config of the run.
        recipe: what is known of the training data: labels, sizes, statistics, parameters of the preparation.
        reader: what of a face or a person the system reads, see `emojax.prediction.readers`.
        value_range: of the dimensions: -1 to 1, or 0 to 1.
        step: of the checkpoint.
    """

    labels: Labels
    recipe: Recipe
    value_range: tuple[float, float]

    def __init__(self, restored, *, detector: str | Detector = "auto", thresholds: np.ndarray | None = None):
        self.config, self.recipe, self.step = restored.config, restored.recipe, restored.step
        self._system = systems.build(self.config, self.recipe)
        self.labels = self._system.labels
        self.reader = reader_of(self._system, self.recipe)
        self.value_range = (-1.0, 1.0) if self.reader.things == "faces" else (0.0, 1.0)
        self._select = self._system.inputs.selection(False)
        self._detector, self._thresholds = detector, thresholds
        self._mesh = data_mesh(jax.devices()[:1])
        self._variables = jax.device_put(restored.variables, replicated(self._mesh))
        self._step = make_predict_step(self._system.predict, self._mesh)

    @functools.cached_property
    def detector(self) -> Detector:
        """Finds the faces, or the people, of `detect_and_predict`."""
        name = self._detector
        return self.reader.make_detector(name) if isinstance(name, str) else name

    @property
    def crop(self) -> FaceCrop:
        """How a face is cut out of a picture, as the training data were.

        Raises:
            ConfigError: a system that reads other things than one face.
        """
        if not isinstance(self.reader, FaceReader):
            raise ConfigError(
                f"The system {self.config.name!r} reads more than one crop of a face: detect_and_predict gives it that."
            )
        return self.reader.crop

    @property
    def constants(self) -> Mapping:
        """Constants of the network, e.g. its label graph; see `emojax.models.constants`."""
        return jax.device_get(self._variables.get(CONSTANTS, {}))

    @property
    def reads_clips(self) -> bool:
        """Whether an example is several frames of a video."""
        return self._select.time is not None

    @property
    def clip_length(self) -> int:
        """Frames of one face or person that are predicted together; whole windows."""
        window = getattr(self._select, "length", 1)
        return window * -(-_CLIP // window)

    def predict(self, images: Picture | Sequence[Picture]) -> dict[str, np.ndarray]:
        """Predicts pictures that show one face each, cut out as the training data were.

        Args:
            images: N pictures: uint8 RGB arrays ``[H, W, 3]`` of any size, or paths; or one array ``[N, H, W, 3]``.
                Pictures of another size than `crop.size` are resized.

        Returns:
            Float32 arrays, those of the following that the system has: ``probabilities [N, C]`` in the order of
            `labels.classes`; ``valence_arousal [N, 2]`` on the scale from -1 to 1, not clipped.

        Raises:
            DataError: a picture cannot be read, or is no such array.
            ConfigError: a system that reads other things than one face.
        """
        prepared = self._prepared(images)
        if self.reads_clips:
            raise ConfigError(
                f"The system {self.config.name!r} reads clips: python -m emojax.predict takes videos."
            )
        outputs = standardised(self._outputs({"image": prepared}, OUTPUTS), self._links)
        return {_PUBLIC.get(name, name): value for name, value in outputs.items()}

    def embed(self, images: Picture | Sequence[Picture]) -> np.ndarray:
        """Features ``[N, D]`` float32 of pictures before the last layer; takes what `predict` takes."""
        prepared = self._prepared(images)
        if self.reads_clips:
            raise ConfigError(
                f"The system {self.config.name!r} reads clips: a picture alone has no features."
            )
        outputs = self._outputs({"image": prepared}, FEATURES)
        if not outputs:
            raise ConfigError(f"The system {self.config.name!r} has no features.")
        return np.asarray(next(iter(outputs.values())), np.float32)

    def detect_and_predict(self, image: Picture) -> list[FacePrediction]:
        """The faces, or people, of one picture, as the detector orders them; an empty list without any.

        Args:
            image: uint8 RGB array ``[H, W, 3]``, or a path; a file is turned upright as its EXIF orientation says.

        Raises:
            DataError: the picture cannot be read, or is no such array.
        """
        picture = cv2.cvtColor(_as_rgb(image), cv2.COLOR_RGB2BGR)
        found = self.detector(picture)
        faces, records = [], []
        for face in found:
            try:
                records.append(self.reader(picture, face, found))
            except Skip:
                continue  # the detector's box lies outside the picture
            faces.append(face)
        answers = self.answers(records)
        return [FacePrediction(f.box, f.score, *a, self.labels_of(a[0])) for f, a in zip(faces, answers)]

    def labels_of(self, probabilities: Mapping[str, float]) -> tuple[str, ...]:
        """The classes whose probability reaches its threshold; none without `emojax.engine.thresholds`."""
        if self._thresholds is None:
            return ()
        limits = dict(zip(self.labels.classes, self._thresholds.tolist()))
        return tuple(name for name, value in probabilities.items() if value >= limits[name])

    def answers(self, records: Sequence[Record]) -> list[Answer]:
        """What the system says of each of some records, as its reader makes them; of clips each for itself."""
        if not records:
            return []
        if self.reads_clips:
            return [self.answers_of_clip([record])[0] for record in records]
        features = {name: np.stack([record[name] for record in records]) for name in records[0]}
        return named(standardised(self._outputs(features, OUTPUTS), self._links), self.labels)

    def answers_of_clip(self, records: Sequence[Record]) -> list[Answer]:
        """What the system says of each of the records of one face or person in the order of time.

        As in an evaluation: windows are cut one after another, clips have one answer for all of their frames.
        """
        count = len(records)
        layout = Layout(np.array([0]), np.array([count]), np.arange(count, dtype=np.int32))
        table = self._select.plan(layout, False).table  # [E, T], -1 for padding
        features = {name: _taken([record[name] for record in records], table) for name in records[0]}
        outputs = self._outputs(features, OUTPUTS, frame_mask=(table >= 0).astype(np.float32))
        answers = {k: _by_frame(v, table, count) for k, v in standardised(outputs, self._links).items()}
        return named(answers, self.labels)

    @property
    def _links(self) -> Mapping[str, str]:
        return self._system.measure.links

    def _prepared(self, images: Picture | Sequence[Picture]) -> np.ndarray:
        """Pictures as one array ``[N, size, size, 3]`` uint8."""
        is_one = isinstance(images, (str, os.PathLike)) or (
            isinstance(images, np.ndarray) and images.ndim == 3
        )
        pictures = [_as_rgb(image) for image in ([images] if is_one else images)]
        size = self.crop.size
        if not pictures:
            return np.zeros((0, size, size, 3), np.uint8)
        return np.stack(
            [picture if picture.shape[:2] == (size, size) else resize(picture, size) for picture in pictures]
        )

    def _outputs(self, features: Record, wanted: Sequence[str], **more: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs ``[N, ...]`` of features ``[N, ...]``, batch by batch."""
        features, sizes = {**features, **more}, _CLIP_BATCHES if more else _BATCHES
        count = len(next(iter(features.values())))
        if not count:
            shapes = jax.eval_shape(self._step, self._variables, _batch(features, 1))
            return {k: np.zeros((0, *v.shape[1:]), np.float32) for k, v in shapes.items() if k in wanted}
        parts, start = [], 0
        while start < count:
            size = next((b for b in sizes if b >= count - start), sizes[-1])
            part = {name: value[start : start + size] for name, value in features.items()}
            outputs = self._step(self._variables, put_batch(_batch(part, size), self._mesh))
            kept = min(size, count - start)
            parts.append({k: np.asarray(outputs[k])[:kept] for k in wanted if k in outputs})
            start += size
        return {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}


_PUBLIC = {"dimensions": "valence_arousal"}  # names of what `Model.predict` gives


def _batch(features: Record, size: int) -> dict[str, np.ndarray]:
    """Rows padded to `size`; mask 0 where they are padding."""
    batch = {}
    for name, value in features.items():
        batch[name] = np.zeros((size, *value.shape[1:]), value.dtype)
        batch[name][: len(value)] = value
    mask = (np.arange(size) < len(value)).astype(np.float32)
    return {**batch, "mask": mask, "index": np.zeros(size, np.int32)}


def _taken(values: Sequence[np.ndarray], table: np.ndarray) -> np.ndarray:
    """``[E, T, ...]``: the values of the records of each example, zeros for padding."""
    taken = np.stack(values)[np.maximum(table, 0)]
    taken[table < 0] = 0
    return taken


def _by_frame(outputs: np.ndarray, table: np.ndarray, count: int) -> np.ndarray:
    """Outputs ``[E, T, D]`` of frames or ``[E, D]`` of clips -> ``[count, D]`` of the frames.

    Where examples share a frame, the first says it of frames, the mean of the clips counts; a frame in no clip has the
    mean of all.
    """
    if outputs.ndim == 3:
        frames, first = np.unique(table[table >= 0], return_index=True)
        result = np.repeat(outputs.mean(axis=(0, 1))[None], count, axis=0)
        result[frames] = outputs[table >= 0][first]
        return result
    result = np.repeat(outputs.mean(axis=0)[None], count, axis=0)
    for frame in np.unique(table[table >= 0]):
        result[frame] = outputs[(table == frame).any(axis=1)].mean(axis=0)
    return result


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
        ConfigError: a system that reads what nothing here finds in pictures and videos, e.g. joints.
    """
    folder = pathlib.Path(run_or_model).expanduser()
    require_run(folder)
    restored = read_variables(folder, which)
    return Model(restored, detector=detector, thresholds=read_thresholds(folder, restored))


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
