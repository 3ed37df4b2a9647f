"""What the streams of a person in a scene see, from a whole picture (context_emotion spec 1.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emojax.vision.boxes import context_box, crop, people_boxes, resize, usable_box
from emojax.vision.faces import choose_face, cut_face, detect_faces


def person_views(
    image: np.ndarray, box: Sequence[float], others: Sequence[Sequence[float]], size: int, *, find_face: bool
) -> dict[str, np.ndarray]:
    """The pictures and boxes of one person.

    Args:
        image: ``[H, W, 3]`` uint8 BGR.
        box: x1, y1, x2, y2 of the body in pixels.
        others: boxes of the other people of the picture.
        size: side of the pictures.
        find_face: whether a face is looked for in the body box.

    Returns:
        ``body``, ``context``, ``face`` ``[size, size, 3]`` uint8 BGR; ``body_box [4]`` in pixels of the context,
        ``people_boxes [32, 4]``, ``people_count``; ``face_valid`` 1, or 0 and a black face where none was found.

    Raises:
        Skip: the box has no area in the picture.
    """
    height, width = image.shape[:2]
    usable = usable_box(box, width, height)
    people, count = people_boxes(usable, others, width, height)
    found = choose_face(detect_faces(image, usable), usable) if find_face else None
    face = None if found is None else cut_face(image, found, size)
    return {
        "context": resize(image, size),
        "body": crop(image, usable, size),
        "body_box": context_box(usable, width, height, size),
        "people_boxes": people,
        "people_count": np.int64(count),
        "face": np.zeros((size, size, 3), np.uint8) if face is None else face,
        "face_valid": np.float32(face is not None),
    }
