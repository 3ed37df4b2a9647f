"""Whether weights and pixels go together: a network reads pixels in the coding that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emojax.errors import CheckpointError
from emojax.pretrained.architecture import Architecture, InputCoding

_ROUNDING = 1.1  # of statistics that were averaged over batches and rounded


def require_possible_statistics(
    path, arch: Architecture, coding: InputCoding, variables: Mapping[str, np.ndarray]
) -> None:
    """Refuses a file whose first batch norm has seen what pixels in this coding cannot cause.

    A convolution answers at most with the sum of its absolute weights times the largest pixel. A file of the same
    names and shapes that was trained on pixels of 0 to 255, e.g. VGGFace2's, has seen more.

    Raises:
        CheckpointError: a variance is impossible.
    """
    kernel = variables.get(f"params/{arch.first_conv}/kernel")
    variance = variables.get(f"batch_stats/{arch.first_norm}/var")
    if kernel is None or variance is None or kernel.ndim != 4 or kernel.shape[2] != 3:
        return
    weight = np.abs(kernel.astype(np.float64)).sum(axis=(0, 1))
    possible = (weight * np.array(coding.largest())[:, None]).sum(axis=0) ** 2 * _ROUNDING
    beyond = int(np.count_nonzero(variance > possible))
    if beyond:
        worst = int(np.argmax(variance - possible))
        raise CheckpointError(
            f"{path} was trained on other pixels than {arch.name}'s ({coding}): in {arch.first_norm} "
            f"{beyond} of {variance.size} variances are too large for them, e.g. {variance[worst]:.3g}, where "
            f"{possible[worst]:.3g} is possible. VGGFace2's ResNet-50 is such a file; emojax has no network for it."
        )


def to_coding(kernel: np.ndarray, theirs: InputCoding, ours: InputCoding) -> tuple[np.ndarray, str]:
    """A first convolution ``[..., H, W, 3, F]`` for pixels in another coding, and what remains to be told.

    Where the codings differ in the order of channels alone, the kernel is turned: its answers are the same.
    """
    if theirs == ours:
        return kernel, ""
    if theirs.mirrored() == ours:
        return np.ascontiguousarray(kernel[..., ::-1, :]), ""
    return kernel, f"trained on {theirs}; here it reads {ours}: what it begins with is not what it learned"
