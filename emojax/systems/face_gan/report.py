"""The report of a Regression GAN: curves, sheets of faces, what the discriminator sees in them."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import numpy as np

from emojax.engine.runlog import curve_statistics
from emojax.report import curves, sheets, valence_arousal
from emojax.report.page import Picture, Section, Table
from emojax.systems.face_gan.network import SHEET, noise
from emojax.systems.face_gan.program import SHEETS
from emojax.systems.face_videos.inputs import VALUES
from emojax.systems.face_videos.measure import truth_of
from emojax.systems.face_videos.report import write_page

_LOSSES = (
    "kind",
    "step",
    "epoch",
    "loss",
    "generator_loss",
    "ccc_loss",
    "mse_loss",
    "ccc_valence",
    "ccc_arousal",
)
_TABLE = {  # tables 6.2, 6.3, 6.5 and 6.6 of the thesis
    "generator error": ("train", "generator_loss"),
    "discriminator error, both terms": ("train", "loss"),
    "discriminator error, real or fake": ("train", "unsupervised_loss"),
    "training error (1 - CCC)": ("train", "ccc_loss"),
    "testing error (1 - CCC), validation split": ("eval", "loss"),
}


@dataclasses.dataclass(frozen=True)
class GanReport:
    """See `emojax.systems.measure.Report`."""

    system: Any
    columns: ClassVar = ()
    reads: ClassVar = ()

    def write(self, folder, variables, outputs, results, log, read_records) -> None:
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = valence_arousal.prediction_figure(
            folder / "predictions.png", np.asarray(outputs["dimensions"]), truth_of(outputs), VALUES
        )
        sections = [
            training_section(folder, log),
            self.evolution(folder, variables),
            self._samples(folder, variables, results["metrics"]),
            Section("Valence and arousal", pictures=[Picture(path, "Real frames of the split.", wide=True)]),
        ]
        write_page(folder, self.system, results, sections)

    def evolution(self, folder: pathlib.Path, variables: Mapping) -> Section:
        """The same noise at the iterations of `config.model.sheet_steps` that the checkpoint has seen."""
        kept, pictures = np.asarray(variables.get(SHEETS, ())), []
        for step, faces in zip(self.system.config.model.sheet_steps, kept):
            if faces.any():
                path = sheets.sheet_picture(folder / f"sheet_{step:06d}.png", faces)
                pictures.append(Picture(path, f"Iteration {step:,}, the same noise in every sheet."))
        return Section("How the generator develops", pictures=pictures)

    def sheet(self, folder: pathlib.Path, variables: Mapping, number: int) -> tuple[Picture, Picture]:
        """64 faces of new noise, and their valence and arousal."""
        keys = jax.random.split(jax.random.key(self.system.config.seed + number), SHEET)
        faces, seen = self.system.draw(variables, noise(keys, self.system.config.model.noise))
        picture = sheets.sheet_picture(folder / f"samples_{number}.png", faces)
        title = "Valence and arousal of the sheet"
        grid = sheets.value_grid(folder / f"samples_{number}_values.png", seen[:, :2], title=title)
        return Picture(picture, "New noise."), Picture(grid, "What the discriminator sees in them.")

    def _samples(self, folder: pathlib.Path, variables: Mapping, metrics: Mapping) -> Section:
        rows = [
            ("taken for real, real faces", metrics["judged_real_real"], metrics["p_real_real"]),
            ("taken for real, generated faces", metrics["judged_real_fake"], metrics["p_real_fake"]),
        ]
        text = (
            f"Generated faces differ from one another {metrics['diversity']:.2f} times as much as real ones "
            "(standard deviation of grey pictures of 8 x 8); near 0 the generator has collapsed."
        )
        return Section(
            "Generated faces",
            text,
            tables=[Table(rows, ("judgement of the discriminator", "share", "mean probability"))],
            pictures=list(self.sheet(folder, variables, 1)),
        )


def training_section(folder: pathlib.Path, log: Sequence[Mapping]) -> Section:
    if not log:
        return Section("Training")
    rows = [{k: v for k, v in row.items() if k in _LOSSES} for row in log]
    path, of_run = curves.training_figure(folder / "training.png", rows), curve_statistics(log)
    found = [
        (title, *(known[name][statistic] for statistic in ("minimum", "mean", "std")))
        for title, (kind, name) in _TABLE.items()
        if name in (known := of_run[kind])
    ]
    caption = "Over the whole run, as logged (tables 6.2, 6.3, 6.5, 6.6 of the thesis)."
    return Section(
        "Training",
        tables=[Table(found, ("curve", "minimum", "mean", "standard deviation"), caption)],
        pictures=[Picture(path, "Losses of both networks, and validation scores.", wide=True)],
    )
