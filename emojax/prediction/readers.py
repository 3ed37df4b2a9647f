"""What a system reads of a face or a person in a frame, as the preparation of its data made it.

A reader is called with a frame ``[H, W, 3]`` uint8 BGR, one detection and all detections of the frame; it returns the
features of a record as in a batch, pictures uint8 RGB, and raises Skip where the detection shows nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from emojax.data.recipe import Recipe
from emojax.errors import ConfigError, Skip
from emojax.vision.boxes import usable_box
from emojax.vision.detectors import Detector, make_detector
from emojax.vision.face_crop import FaceCrop
from emojax.vision.face_model_file import named_face
from emojax.vision.face_views import MODALITIES, USUAL, ViewOptions, face_pictures
from emojax.vision.faces import DetectedFace, choose_face, cut_face, detect_faces
from emojax.vision.images import encode_jpeg
from emojax.vision.people_detector import make_people_detector
from emojax.vision.person_views import person_views
from emojax.vision.skeleton_boxes import PUBLISHED, Margins

Record = Mapping[str, np.ndarray]
_PERSON = ("body", "context", "face", "body_box", "people_boxes")
_OPTIONAL = ("face_mask",)  # what a network reads where it is there, for its metrics alone
_CORNERS = ((0.0, 0.0), (1.0, 1.0))  # of a face box, in the place of landmarks
# What cannot be found in a picture -> what it is.
_NOT_SEEN = {
    "pose": "the joints of OpenPose",
    "joints": "the joints of OpenPose",
    "laban": "the joints of OpenPose",
    "laban_descriptor": "the joints of OpenPose",
    "scene_scores": "scene scores of another network",
    "attribute_scores": "scene attributes of another network",
    "depth": "depth maps",
    "trunk": "features that emojax.cache stored",
    "flow_body": "optical flow",
    "flow_context": "optical flow",
    "flow_face": "optical flow",
}


@dataclasses.dataclass(frozen=True)
class FaceReader:
    """One crop of a face."""

    crop: FaceCrop
    things = "faces"
    needs_landmarks = False

    def make_detector(self, name: str) -> Detector:
        return make_detector(name)

    def __call__(self, image: np.ndarray, face: DetectedFace, others: Sequence[DetectedFace]) -> Record:
        return {"image": self.crop(image, face)}


@dataclasses.dataclass(frozen=True)
class SequenceFaceReader:
    """The streams of a face in a video (image_sequences spec 1.5, 1.6).

    Attributes:
        size: side of the pictures.
        jpeg: whether pictures go through JPEG of quality 95, as stored records did.
        streams: of `emojax.vision.face_views.MODALITIES`; without landmarks there is `face` alone, cut at the box.
        geometry: whether the landmarks themselves are read.
        options: of the training data.
    """

    size: int
    jpeg: bool
    streams: tuple[str, ...]
    geometry: bool = False
    options: ViewOptions = USUAL
    things = "faces"

    @property
    def needs_landmarks(self) -> bool:
        return self.geometry or self.streams != ("face",)

    def make_detector(self, name: str) -> Detector:
        if name != "auto" or not self.needs_landmarks:
            return make_detector(name)
        try:
            return make_detector("dlib")
        except ConfigError as error:
            raise ConfigError(f"{error}; or give the landmarks: --boxes FILE.csv.") from None

    def __call__(self, image: np.ndarray, face: DetectedFace, others: Sequence[DetectedFace]) -> Record:
        points = face.landmarks
        if points is None or len(points) != 68:
            if self.needs_landmarks:
                raise Skip("no_landmarks", "a face without its 68 landmarks")
            x, y, width, height = face.box
            points = np.array([(x + u * width, y + v * height) for u, v in _CORNERS])
        pictures = {}
        if self.streams:
            pictures = face_pictures(image, points, self.size, self.streams, self.options)
        shape = {"geometry": self.options.geometry(points)} if self.geometry else {}
        return {**{name: _as_stored(picture, self.jpeg) for name, picture in pictures.items()}, **shape}


@dataclasses.dataclass(frozen=True)
class PersonReader:
    """Body, context and face of a person in a picture (context_emotion spec 1.3)."""

    size: int
    jpeg: bool
    features: tuple[str, ...]
    things = "people"
    needs_landmarks = False

    def make_detector(self, name: str) -> Detector:
        return make_people_detector(name)

    def __call__(self, image: np.ndarray, person: DetectedFace, others: Sequence[DetectedFace]) -> Record:
        boxes = [_corners(other.box) for other in others if other is not person]
        views = person_views(image, _corners(person.box), boxes, self.size, find_face="face" in self.features)
        views["context"] = cv2.cvtColor(views["context"], cv2.COLOR_BGR2RGB)  # stored without loss
        for name in ("body", "face"):
            views[name] = _as_stored(views[name], self.jpeg)
        return {name: views[name] for name in self.features}


@dataclasses.dataclass(frozen=True)
class ClipPersonReader:
    """Body, context and face of a person in a clip (context_emotion spec 1.4), from a box in the place of joints."""

    size: int
    jpeg: bool
    features: tuple[str, ...]
    margins: Margins = PUBLISHED
    things = "people"
    needs_landmarks = False

    def make_detector(self, name: str) -> Detector:
        return make_people_detector(name)

    def __call__(self, image: np.ndarray, person: DetectedFace, others: Sequence[DetectedFace]) -> Record:
        height, width = image.shape[:2]
        box = usable_box(_corners(person.box), width, height)
        body, mask = (
            usable_box(_grown(box, margin), width, height)
            for margin in (self.margins.body, self.margins.mask)
        )
        made = {"body": lambda: _linear(image[body[1] : body[3], body[0] : body[2]], self.size)}
        made["context"] = lambda: _linear(_hidden(image, mask), self.size)
        made["face"] = lambda: _face_of(image, box, self.size)
        return {name: _as_stored(made[name](), self.jpeg) for name in self.features}


Reader = Callable[[np.ndarray, DetectedFace, Sequence[DetectedFace]], Record]


def reader_of(system, recipe: Recipe):
    """The reader of a system.

    Raises:
        ConfigError: it reads what cannot be found in a picture or a video (one line says what).
    """
    needs, columns = [name for name in system.inputs.features if name not in _OPTIONAL], system.inputs.columns
    for name in (*needs, *columns):
        if name in _NOT_SEEN:
            _refuse(system, f"reads {_NOT_SEEN[name]}")
    streams, geometry = set(needs), "geometry" in columns
    if streams == {"image"}:
        image = recipe.feature("image")
        return FaceReader(FaceCrop.from_build(recipe.build, image.shape[0], image.encoding))
    if streams and streams <= set(_PERSON) and "body" in recipe.features:
        stored = (*_stored(recipe, "body"), tuple(needs))
        if not system.inputs.select.time:
            return PersonReader(*stored)
        return ClipPersonReader(*stored, Margins(**recipe.build.get("margins", {})))
    if (streams or geometry) and streams <= set(MODALITIES):
        options = ViewOptions.of_build(recipe.build)
        named_face(options.face_model)  # not only at the first face
        return SequenceFaceReader(
            *_stored(recipe, needs[0] if needs else ""), tuple(needs), geometry, options
        )
    _refuse(system, f"reads {', '.join(needs) or 'no pictures'}")


def _stored(recipe: Recipe, name: str) -> tuple[int, bool]:
    """Side of the pictures, and whether they are stored as JPEG."""
    picture = recipe.feature(name) if name else None
    return (picture.shape[0], picture.encoding == "jpeg") if picture else (0, False)


def _refuse(system, reason: str):
    raise ConfigError(
        f"The system {system.config.name!r} (family {system.config.family}) {reason}, which nothing here finds in "
        "pictures and videos of your own. Evaluate it on prepared data: python -m emojax.evaluate"
    )


def _as_stored(picture: np.ndarray, jpeg: bool) -> np.ndarray:
    """RGB of a BGR picture, through JPEG where the records were."""
    if jpeg:
        picture = cv2.imdecode(np.frombuffer(encode_jpeg(picture), np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _corners(box: Sequence[float]) -> tuple[float, ...]:
    x, y, width, height = box
    return x, y, x + width, y + height


def _grown(box: Sequence[float], margin: float) -> tuple[float, ...]:
    dx, dy = margin * (box[2] - box[0]), margin * (box[3] - box[1])
    return box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy


def _hidden(image: np.ndarray, box: Sequence[int]) -> np.ndarray:
    shown = image.copy()
    shown[box[1] : box[3], box[0] : box[2]] = 0
    return shown


def _linear(picture: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)


def _face_of(image: np.ndarray, box, size: int) -> np.ndarray:
    found = choose_face(detect_faces(image, box), box)
    face = None if found is None else cut_face(image, found, size)
    return np.zeros((size, size, 3), np.uint8) if face is None else face
