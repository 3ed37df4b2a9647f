"""Files of cropped faces: which frame each shows."""

from __future__ import annotations

import functools
import os
import re

_FACE_FILE = re.compile(r"(?:frame_det_\d+_)?(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE)


@functools.lru_cache(maxsize=4)
def face_files(folder: str) -> dict[int, str]:
    """Frame number -> path of its face, by rising number; numbers of any width (affwild_gan spec G20).

    Of several files with one number the last by name is taken.
    """
    found = {}
    for name in sorted(os.listdir(folder)):
        if match := _FACE_FILE.fullmatch(name):
            found[int(match[1])] = os.path.join(folder, name)
    return dict(sorted(found.items()))
