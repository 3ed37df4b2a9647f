"""The crop of a face as the preparation of a data set made it, from what its `dataset.json` records."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from emojax.errors import ConfigError, Skip
from emojax.vision.align import ALIGNMENTS, CROP_ANCHORS, NoFaceError, crop_face
from emojax.vision.faces import DetectedFace
from emojax.vision.images import encode_jpeg

_EYES_AT = ((0.30, 0.38), (0.70, 0.38))  # of a face box, where nobody has found them


@dataclasses.dataclass(frozen=True)
class FaceCrop:
    """How a face is cut out.

    Attributes:
        size: side in pixels.
        align: see `emojax.vision.align.crop_face`.
        anchor: the same.
        align_integer: the same.
        margin: share of the box added on each of its sides.
        jpeg: whether the crop goes through JPEG of quality 95, as stored records did.
    """

    size: int
    align: str = "none"
    anchor: str = "topleft"
    align_integer: bool = False
    margin: float = 0.0
    jpeg: bool = False

    @classmethod
    def from_build(cls, build: Mapping[str, Any], size: int, encoding: str) -> FaceCrop:
        """From the parameters of a preparation, the size and the encoding of its pictures.

        Raises:
            ConfigError: parameters that no emojax writes.
        """
        crop = cls(
            size,
            build.get("align", "none"),
            build.get("crop_anchor", "topleft"),
            bool(build.get("align_integer", False)),
            float(build.get("box_margin", 0.0)),
            encoding == "jpeg",
        )
        if crop.align not in ALIGNMENTS or crop.anchor not in CROP_ANCHORS:
            raise ConfigError(
                f"The recipe asks for the alignment {crop.align!r} at {crop.anchor!r}, which this emojax does not know."
            )
        return crop

    def __call__(self, image: np.ndarray, face: DetectedFace) -> np.ndarray:
        """The crop `[size, size, 3]` uint8 RGB of a face in `image` `[H, W, 3]` uint8 BGR.

        Where the alignment needs eyes and the face has none, the face counts as upright.

        Raises:
            Skip: the box or the landmarks describe no face in this image.
        """
        x, y, width, height = face.box
        box = (x - self.margin * width, y - self.margin * height)
        box = (*box, width * (1 + 2 * self.margin), height * (1 + 2 * self.margin))
        points, align = face.landmarks, self.align
        if points is None and align == "similarity":
            points = np.array([(x + u * width, y + v * height) for u, v in _EYES_AT])
        elif points is None:
            align = "none"
        options = {"anchor": self.anchor, "size": self.size, "align_integer": self.align_integer}
        try:
            crop, _ = crop_face(image, box, None if align == "none" else points, align=align, **options)
        except NoFaceError as error:
            raise Skip(error.reason, str(error)) from None
        if self.jpeg:
            crop = cv2.imdecode(np.frombuffer(encode_jpeg(crop), np.uint8), cv2.IMREAD_COLOR)
        return cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)
