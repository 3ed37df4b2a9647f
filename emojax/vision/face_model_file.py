"""A user's own generic face for frontalisation, from a file (image_sequences spec 1.6).

A ``.npz`` or ``.mat`` file with the arrays of the published implementations: ``threedee [68, 3]``, the landmarks in
three dimensions, and ``refU [320, 320, 3]``, the point of the face that each pixel of the frontal view shows, zero
where there is none; perhaps ``eyemask [320, 320]`` or ``[320, 320, 3]``, 1 on the eyes. In a ``.mat`` they may stand
in a struct. Units and axes do not matter: the face is laid on ours by the similarity that brings its landmarks nearest.
"""

from __future__ import annotations

import functools
import os
import pathlib

import numpy as np

from emojax.errors import DataError
from emojax.vision.face_model import SIDE, FaceModel, eye_mask, generic_face

_SHAPES = {"threedee": (68, 3), "refU": (SIDE, SIDE, 3)}


def named_face(path: str) -> FaceModel:
    """The face of a file; ours without a name."""
    return _read(os.path.abspath(path)) if path else generic_face()


@functools.cache
def _read(path: str) -> FaceModel:
    """The face of a file.

    Raises:
        DataError: it cannot be read, or lacks an array.
    """
    arrays = _arrays(pathlib.Path(path))
    for name, shape in _SHAPES.items():
        found = np.shape(arrays.get(name, ()))
        if found != shape:
            raise DataError(
                f"{path} is no model of a face: it needs {name} of {list(shape)}, and has "
                f"{list(found) if name in arrays else ', '.join(arrays) or 'nothing'}."
            )
    points, reference = (np.asarray(arrays[name], np.float64) for name in _SHAPES)
    foreground = reference.any(axis=2)
    if not np.isfinite(points).all() or not np.isfinite(reference).all() or not foreground.any():
        raise DataError(f"{path} is no model of a face: threedee or refU is empty or not finite.")
    rotation, scale, shift = _similarity(points, generic_face().points)
    points, surface = (scale * x @ rotation.T + shift for x in (points, reference[foreground]))
    if "eyemask" in arrays:
        given = np.asarray(arrays["eyemask"], np.float32)
        eyes = given if given.ndim == 2 else given[..., 0]
        if eyes.shape != (SIDE, SIDE):
            raise DataError(f"{path}: eyemask is {list(given.shape)}, not [{SIDE}, {SIDE}].")
    else:
        rows, columns = np.nonzero(foreground)
        nearest = [int(np.square(surface[:, :2] - p[:2]).sum(axis=1).argmin()) for p in points]
        eyes = eye_mask(np.column_stack([columns, rows])[nearest])
    return FaceModel(points, surface, foreground, np.clip(eyes, 0, 1))


def _arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        if path.suffix == ".mat":
            from scipy.io import loadmat  # here: only who brings such a file pays for it

            content = {
                n: v for n, v in loadmat(path, squeeze_me=True, struct_as_record=False).items() if n[0] != "_"
            }
            for value in list(content.values()):
                content |= {name: getattr(value, name) for name in getattr(value, "_fieldnames", ())}
            return content
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except OSError as error:
        raise DataError(f"{path} cannot be read as a model of a face: {error.strerror or error}.") from None
    except Exception as error:  # loadmat raises what its parts raise
        raise DataError(
            f"{path} cannot be read as a model of a face: it is no .npz or .mat of arrays."
        ) from error


def _similarity(points: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Rotation or reflection, scale and shift that bring `points` nearest to `target`, both ``[N, 3]``."""
    a, b = points - points.mean(axis=0), target - target.mean(axis=0)
    left, values, right = np.linalg.svd(b.T @ a)
    rotation, scale = left @ right, float(values.sum() / np.square(a).sum())
    return rotation, scale, target.mean(axis=0) - scale * rotation @ points.mean(axis=0)
