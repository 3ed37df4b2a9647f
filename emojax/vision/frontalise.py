"""Turns a face to the front (Hassner, Harel, Paz and Enbar, CVPR 2015; image_sequences spec 1.6).

The pose of a generic face that has the landmarks of the picture is found; each pixel of a frontal reference view then
takes the colour that its point of the face has in the picture. Where the turned head hides a side, soft symmetry mixes
in the other side.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from emojax.errors import Skip
from emojax.vision.face_model import PIXELS, SIDE, FaceModel, generic_face, reference_pixels

_INNER = slice(17, 68)  # landmarks of the jaw follow the outline that is seen, not points of the head
_DISTANCE = 12.0  # of the camera, in units of the face: perspective is mild
_FLAT = 0.05  # least ratio of the shortest to the longest axis of the landmarks' cloud
_MISFIT = 0.2  # largest RMS distance of landmarks and projected points, in units of the face
MAX_YAW = 75.0  # degrees
_OUTSIDE = 0.5  # largest share of the face that may lie outside the picture
_NOWHERE = -1e4  # pixels: read as black
_SYMMETRIC_FROM = 800  # difference of the halves' visibility sums from which one counts as hidden


@dataclasses.dataclass(frozen=True)
class HeadPose:
    """Where a head is.

    Attributes:
        projection: float64 ``[3, 4]``: pixels of a point X of the face are q[:2] / q[2] with q = projection [X, 1].
        rotation: float64 ``[3, 3]``, from the face to the camera (x right, y down, z towards the viewer).
        scale: pixels a unit of the face.
        misfit: RMS distance of landmarks and projected points, in units of the face.
    """

    projection: np.ndarray
    rotation: np.ndarray
    scale: float
    misfit: float

    @property
    def yaw(self) -> float:
        """Degrees; positive where the face looks to the right of the picture."""
        return float(np.degrees(np.arctan2(self.rotation[0, 2], self.rotation[2, 2])))

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels ``[N, 2]`` of points of the face ``[N, 3]``."""
        q = points @ self.projection[:, :3].T + self.projection[:, 3]
        return q[:, :2] / q[:, 2:]


@dataclasses.dataclass(frozen=True)
class Frontal:
    """A frontalised face.

    Attributes:
        raw: uint8 ``[SIDE, SIDE, 3]``, no symmetry; black where the picture shows nothing.
        pose: of the head in the picture.
        sources: float64 ``[F, 2]``, the pixel of the picture that each foreground pixel shows.
        valid: bool ``[F]``, whether that pixel lies in the picture.
    """

    raw: np.ndarray
    pose: HeadPose
    sources: np.ndarray
    valid: np.ndarray


def head_pose(landmarks: np.ndarray, model: FaceModel | None = None) -> HeadPose:
    """The pose in which the inner 51 points of the model lie nearest to the landmarks ``[68, 2]``.

    Raises:
        Skip: `degenerate_landmarks` (not finite, or on one line), `no_head_pose` (the points do not fit a face), or
            `turned_away` (by more than `MAX_YAW`).
    """
    model = model or generic_face()
    points, shape = np.asarray(landmarks, np.float64)[_INNER], model.points[_INNER]
    if not np.isfinite(points).all():
        raise Skip("degenerate_landmarks", "a landmark is not a finite number")
    centre, size = points.mean(axis=0), np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=1).mean())
    axes = np.linalg.svd(points - centre, compute_uv=False)
    if not size > 1e-3 or axes[1] < _FLAT * axes[0]:
        raise Skip("degenerate_landmarks", "the landmarks lie on one line")
    camera = np.diag((_DISTANCE, _DISTANCE, 1.0))
    flipped = shape * (1, 1, -1)  # OpenCV's camera looks along z
    normal = (points - centre) / size
    try:
        found, turn, shift = cv2.solvePnP(flipped, normal, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        turn, shift = cv2.solvePnPRefineLM(flipped, normal, camera, None, turn, shift)
    except cv2.error:
        found = False
    if not found or not np.isfinite(turn).all() or shift[2, 0] <= 1.0:
        raise Skip("no_head_pose", "no pose of a head has these landmarks")
    rotation = cv2.Rodrigues(turn)[0]
    back = np.array(((size, 0, centre[0]), (0, size, centre[1]), (0, 0, 1.0)))
    flip = np.diag((1.0, 1.0, -1.0))
    projection = back @ camera @ np.column_stack([rotation @ flip, shift])
    scale = size * _DISTANCE / shift[2, 0]
    pose = HeadPose(projection, flip @ rotation @ flip, scale, 0.0)
    misfit = float(np.sqrt(np.square(pose.project(shape) - points).sum(axis=1).mean()) / scale)
    if misfit > _MISFIT:
        raise Skip(
            "no_head_pose", f"the landmarks are {misfit:.2f} face units away from those of the nearest pose"
        )
    if not abs(pose.yaw) <= MAX_YAW:
        raise Skip("turned_away", f"the head is turned by {pose.yaw:.0f} degrees")
    return dataclasses.replace(pose, misfit=misfit)


def frontalise(image: np.ndarray, landmarks: np.ndarray, model: FaceModel | None = None) -> Frontal:
    """The frontal view of a face, without symmetry.

    Args:
        image: uint8 ``[H, W, 3]``.
        landmarks: ``[68, 2]`` in its pixels.
        model: of the face; the generic one if None.

    Raises:
        Skip: as `head_pose`, or `face_outside` (most of the face is not in the picture).
    """
    model = model or generic_face()
    pose = head_pose(landmarks, model)
    sources = pose.project(model.surface)
    height, width = image.shape[:2]
    valid = ((sources >= 0) & (sources <= (width - 1, height - 1))).all(axis=1)
    if valid.mean() < _OUTSIDE:
        raise Skip("face_outside", f"{1 - valid.mean():.0%} of the face lie outside the picture")
    maps = np.full((SIDE, SIDE, 2), _NOWHERE, np.float32)
    maps[model.foreground] = np.where(valid[:, None], sources, _NOWHERE)
    raw = cv2.remap(
        image,
        maps,
        None,
        interpolation=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0),
    )
    return Frontal(raw, pose, sources, valid)


def soft_symmetry(frontal: Frontal, model: FaceModel | None = None) -> np.ndarray:
    """The frontal view with its hidden side filled from the other, uint8 ``[SIDE, SIDE, 3]``; the eyes stay."""
    model = model or generic_face()
    counts = _reads(frontal, model)
    half = SIDE // 2
    difference = counts[:, :half].sum() - counts[:, half + 1 :].sum()
    if abs(difference) <= _SYMMETRIC_FROM:
        return frontal.raw
    weight = np.zeros((SIDE, SIDE), np.float32)
    weight[:, half:] = 1
    if difference < 0:
        weight = weight[:, ::-1].copy()
    weight = cv2.GaussianBlur(weight, (33, 33), 60.5, borderType=cv2.BORDER_REPLICATE)
    original = np.exp(-(0.5 + counts / counts.max()))
    other = weight[:, ::-1]
    original, mirrored = original * other, (1 - original) * other
    raw = frontal.raw.astype(np.float32)
    mixed = (weight + original)[..., None] * raw + mirrored[..., None] * raw[:, ::-1]
    mixed /= (weight + original + mirrored)[..., None]
    eyes = model.eyes[..., None]
    return np.clip(np.rint(mixed * (1 - eyes) + raw * eyes), 0, 255).astype(np.uint8)


def frontal_points(frontal: Frontal, points: np.ndarray, model: FaceModel | None = None) -> np.ndarray:
    """Where points ``[N, 2]`` of the picture come to lie in the frontal view, pixels ``[N, 2]``.

    The pixel of the reference view that shows the point; of several, as where a nose hides a cheek, the foremost.
    """
    model = model or generic_face()
    towards = model.surface @ frontal.pose.rotation[2]
    places = reference_pixels(model.surface)
    found = []
    for point in points:
        distance = np.square(frontal.sources - point).sum(axis=1) / frontal.pose.scale**2
        near = distance <= distance.min() + 1e-4
        found.append(places[near][towards[near] >= towards[near].max() - 0.05].mean(axis=0))
    return np.array(found)


def _reads(frontal: Frontal, model: FaceModel) -> np.ndarray:
    """How many pixels of the reference view read the same place of the picture, blurred, ``[SIDE, SIDE]`` float32.

    Many do where the head hides itself. Places are those of a picture as large as the reference view, so the size of
    the face does not matter.
    """
    places = np.rint(frontal.sources[frontal.valid] * (PIXELS / frontal.pose.scale)).astype(np.int64)
    places -= places.min(axis=0)
    keys = places[:, 1] * (places[:, 0].max() + 1) + places[:, 0]
    values = np.zeros(len(frontal.valid), np.float32)
    values[frontal.valid] = np.bincount(keys)[keys]
    reads = np.zeros((SIDE, SIDE), np.float32)
    reads[model.foreground] = values
    return cv2.GaussianBlur(reads, (15, 15), 30, borderType=cv2.BORDER_REPLICATE)
