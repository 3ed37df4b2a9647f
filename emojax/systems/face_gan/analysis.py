"""What a Regression GAN has learned, in figures (affwild_gan spec 7: figs 6.2 to 6.17)."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emojax.data.dataset import Dataset
from emojax.report.page import Section
from emojax.systems.face_gan.report import GanReport, training_section

_SHEETS = 4


@dataclasses.dataclass(frozen=True)
class GanAnalysis:
    """Figures of one run.

    Attributes:
        system: a `FaceGanSystem`.
        variables: trained.
        dataset: its data.
        split: of the data.
    """

    system: Any
    variables: Mapping
    dataset: Dataset
    split: str

    def sections(
        self, folder: pathlib.Path, outputs: Mapping[str, np.ndarray], log: Sequence[Mapping] = ()
    ) -> list[Section]:
        """Curves, the generator over the iterations, and sheets of faces with what the discriminator sees in them.

        Args:
            folder: of the PNGs.
            outputs: what the system predicts of the split.
            log: of the run.
        """
        folder.mkdir(parents=True, exist_ok=True)
        report = GanReport(self.system)
        pictures = [
            picture for i in range(_SHEETS) for picture in report.sheet(folder, self.variables, i + 1)
        ]
        found = [
            training_section(folder, log),
            report.evolution(folder, self.variables),
            Section("Generated faces, and what the discriminator sees in them", pictures=pictures),
        ]
        return [section for section in found if section.pictures]
