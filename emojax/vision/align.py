"""Face alignment and cropping (spec emotion_gcn 1.6) and the eye and mouth mask (1.9).

Points are pixels `[N, 2]` (x, y) with y down; the centre of the top-left pixel is (0, 0). Images are
`[H, W, 3]` uint8.
"""

from __future__ import annotations

import cv2
import numpy as np

ALIGNMENTS = ("none", "rotate_crop", "similarity")
CROP_ANCHORS = ("topleft", "center")
IMAGE_LEFT_EYE, IMAGE_RIGHT_EYE, OUTER_LIPS = slice(36, 42), slice(42, 48), slice(48, 60)
MASK_SIZE = 56
MAX_BOX = 4  # times the longer side of the image: no face box is larger, no landmark farther away
_MAX_WINDOW = 1 << 26  # pixels of a box: 200 MB
_MAX_SIDE = 32_000  # OpenCV's warps count pixels in 16 bits
_MASK_DILATION = 3  # pixels of the crop
_EYE_X, _EYE_Y = (
    0.35,
    0.35,
)  # similarity: where the image-left eye goes, as a share of the side; the other mirrors it


class NoFaceError(ValueError):
    """Box or landmarks do not describe a face in this image; `reason` is the name it is counted under."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


def eye_centres(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the six points of the image-left and image-right eye of the 68-point numbering.

    Two points are the eye centres themselves.
    """
    if len(landmarks) == 2:
        return landmarks[0], landmarks[1]
    return landmarks[IMAGE_LEFT_EYE].mean(axis=0), landmarks[IMAGE_RIGHT_EYE].mean(axis=0)


def rotation_about_eyes(landmarks: np.ndarray, scale: float = 1.0, *, integer: bool = False) -> np.ndarray:
    """Affine matrix `[2, 3]` that levels the eyes, turning about their mid-point (spec 1.6, steps 2 and 4).

    The angle is atan2 of the eye line, so eyes one above the other are levelled too. With `integer`, eye centres and
    mid-point are cut down to whole pixels, as the public code does (corrections 22).
    """
    left, right = eye_centres(landmarks)
    cut = np.trunc if integer else np.asarray
    left, right = cut(left), cut(right)
    theta = np.arctan2(right[1] - left[1], right[0] - left[0])
    x, y = cut((left + right) / 2)
    alpha, beta = scale * np.cos(theta), scale * np.sin(theta)
    return np.array([(alpha, beta, (1 - alpha) * x - beta * y), (-beta, alpha, beta * x + (1 - alpha) * y)])


def transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def crop_face(
    image: np.ndarray,
    box: tuple[float, float, float, float],
    landmarks: np.ndarray | None,
    *,
    align: str = "rotate_crop",
    anchor: str = "topleft",
    size: int = 227,
    align_integer: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Cuts a face out of an image.

    Args:
        image: `[H, W, 3]` uint8.
        box: x, y, width, height of the face.
        landmarks: `[68, 2]`, or `[2, 2]` for the centres of the image-left and image-right eye alone; None goes with
            `align` `none`.
        align: `none` crops the box; `rotate_crop` levels the eyes, then crops a window of the box's size;
            `similarity` puts the eye centres at 35 % and 65 % of the width and 35 % of the height.
        anchor: which point of the box `rotate_crop` keeps: `topleft` as the public code, or `center`.
        size: side of the crop.
        align_integer: see `rotation_about_eyes`; of `rotate_crop` alone.

    Returns:
        The crop `[size, size, 3]` uint8, black where it reaches outside the image, and the landmarks in it (None
        without any).

    Raises:
        NoFaceError: `empty_face_box` (no area, or none of it in the image), `huge_face_box` (`MAX_BOX` times the
            image, or more than 67 million pixels) or `bad_landmarks` (not finite, both eyes in one point,
            or far outside the image).
    """
    _require_box(image, box)
    if landmarks is not None or align != "none":
        _require_landmarks(image, landmarks)
    if align == "similarity":
        return _similarity_crop(image, landmarks, size)
    levels = align == "rotate_crop"
    matrix = rotation_about_eyes(landmarks, integer=align_integer) if levels else np.eye(2, 3)
    window, (x, y) = _window(image, box, matrix, anchor)
    height, width = window.shape[:2]
    shrinks = width * height > size * size
    crop = cv2.resize(window, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if landmarks is None:
        return crop, None
    points = transform(landmarks, matrix) - (x, y)
    return crop, (points + 0.5) * (size / width, size / height) - 0.5


def _require_box(image: np.ndarray, box) -> None:
    x, y, width, height = box
    if not (np.isfinite(box).all() and round(width) >= 1 and round(height) >= 1):
        raise NoFaceError("empty_face_box", f"the face box is {width} x {height} pixels")
    if x >= image.shape[1] or y >= image.shape[0] or x + width <= 0 or y + height <= 0:
        raise NoFaceError("empty_face_box", f"the face box at ({x}, {y}) lies outside the image")
    side = min(MAX_BOX * max(image.shape), _MAX_SIDE)
    if max(width, height) > side or width * height > _MAX_WINDOW:
        raise NoFaceError(
            "huge_face_box",
            f"the face box is {width:.6g} x {height:.6g} pixels in an image of {image.shape[1]} x {image.shape[0]}",
        )


def _require_landmarks(image: np.ndarray, landmarks: np.ndarray | None) -> None:
    known = landmarks is not None and landmarks.shape in ((68, 2), (2, 2))
    if not known or not np.isfinite(landmarks).all():
        raise NoFaceError("bad_landmarks", "the landmarks are not 68 finite points")
    left, right = eye_centres(landmarks)
    if np.hypot(*(right - left)) < 1e-3:
        raise NoFaceError("bad_landmarks", "both eyes are in the same place")
    if np.abs(landmarks).max() > MAX_BOX * max(image.shape):
        raise NoFaceError("bad_landmarks", "the landmarks lie far outside the image")


def _window(image: np.ndarray, box, matrix: np.ndarray, anchor: str) -> tuple[np.ndarray, tuple[int, int]]:
    """The box's window of the image warped by `matrix`, and where its corner is in the warped image.

    Only the window is warped, not the image, so nothing is lost that turns beyond the image's frame.
    """
    x, y, width, height = box
    width, height = round(width), round(height)
    if anchor == "center":
        centre = transform(np.array([(x + width / 2, y + height / 2)]), matrix)[0]
        corner = centre - (width / 2, height / 2)
    else:
        corner = transform(np.array([(x, y)], np.float64), matrix)[0]
    left, top = (int(value) for value in np.rint(corner))
    if np.array_equal(matrix, np.eye(2, 3)):
        return _cut(image, left, top, width, height), (left, top)
    shifted = matrix - np.array([(0, 0, left), (0, 0, top)])
    window = cv2.warpAffine(
        image, shifted, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return window, (left, top)


def _cut(image: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray:
    window = np.zeros((height, width, 3), np.uint8)
    rows, columns = image.shape[:2]
    inside = image[max(top, 0) : min(top + height, rows), max(left, 0) : min(left + width, columns)]
    y, x = max(-top, 0), max(-left, 0)
    window[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return window


def _similarity_crop(image: np.ndarray, landmarks: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    left, right = eye_centres(landmarks)
    scale = (1 - 2 * _EYE_X) * size / np.hypot(*(right - left))
    matrix = rotation_about_eyes(landmarks, scale)
    matrix[:, 2] += (0.5 * size, _EYE_Y * size) - (left + right) / 2
    crop = _warp_shrinking(image, matrix, scale, size)
    return crop, transform(landmarks, matrix)


def _warp_shrinking(image: np.ndarray, matrix: np.ndarray, scale: float, size: int) -> np.ndarray:
    """Warps by a similarity; first shrinks the needed part, since a bicubic warp alone would alias."""
    corners = np.array([(0, 0), (size, 0), (size, size), (0, size)], np.float64)
    source = transform(corners, cv2.invertAffineTransform(matrix))
    low = np.clip(np.floor(source.min(axis=0)).astype(int) - 3, 0, None)
    high = np.minimum(np.ceil(source.max(axis=0)).astype(int) + 4, image.shape[1::-1])
    if (high <= low).any():
        raise NoFaceError("bad_landmarks", "the eyes lie outside the image")
    part = image[low[1] : high[1], low[0] : high[0]]
    factor = np.ones(2)
    if scale < 0.8:
        extent = np.maximum(np.rint((high - low) * scale).astype(int), 1)
        factor = extent / (high - low)
        part = cv2.resize(part, tuple(int(v) for v in extent), interpolation=cv2.INTER_AREA)
    # part pixel p comes from image pixel (p + 0.5) / factor - 0.5 + low
    back = np.diag(1 / factor)
    shift = 0.5 / factor - 0.5 + low
    combined = np.column_stack([matrix[:, :2] @ back, matrix[:, :2] @ shift + matrix[:, 2]])
    return cv2.warpAffine(
        part, combined, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )


def eye_mouth_mask(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Mask `[56, 56]` uint8 of crop landmarks `[68, 2]`: 1 in the eyes and the mouth (spec 1.9), else 0.

    The convex hulls of the 6 + 6 eye and 12 outer lip points, grown by 3 pixels of the `size` x `size` crop.
    """
    mask = np.zeros((size, size), np.uint8)
    for group in (IMAGE_LEFT_EYE, IMAGE_RIGHT_EYE, OUTER_LIPS):
        points = np.clip(np.rint(landmarks[group]), -(10**6), 10**6).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(points), 255)
    side = 2 * _MASK_DILATION + 1
    mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    small = cv2.resize(mask, (MASK_SIZE, MASK_SIZE), interpolation=cv2.INTER_AREA)
    return (small >= 128).astype(np.uint8)
