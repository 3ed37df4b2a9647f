"""Draws figures of prepared data, of raw data, and of several runs side by side.

  python -m emojax.figures --data_dir data/affectnet --out figures        # labels in the plane, augmentation, mask
  python -m emojax.figures --raw /path/to/AffectNet --out figures         # from a raw picture to the aligned face
  python -m emojax.figures --workdir runs/mtl --workdir runs/gcn --out figures    # confusion matrices, predictions,
                                                                          # label vectors and features side by side
  python -m emojax.figures --out figures                                  # without data: focal loss, karate club

These can be given together. Writes PNGs and one page that holds them all, index.html, into --out.
The figures of one run are in its report: python -m emojax.evaluate --workdir RUN.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import jax
import numpy as np
from absl import flags

from emojax import cli, systems
from emojax.data.dataset import Dataset, load_dataset
from emojax.data.decode import read_features
from emojax.engine import compile_cache
from emojax.errors import ConfigError
from emojax.report.page import Picture, Section, write_report

_OUT = flags.DEFINE_string("out", None, "Folder of the figures; made when missing.")
_DATA = flags.DEFINE_string("data_dir", None, "Prepared data; the runs' too, if theirs has moved.")
_RECORD = flags.DEFINE_integer("record", 0, "Training record that is augmented and masked.")
_RAW = flags.DEFINE_string("raw", None, "AffectNet as downloaded, or drawn by data_prep.synthetic.")
_WORKDIRS = flags.DEFINE_multi_string("workdir", [], "Folder of a run; twice or more.")
_STEP = flags.DEFINE_string("step", "best", "Checkpoint of the runs: best, latest, or a step number.")
_SPLIT = flags.DEFINE_string("split", "validation", "Split that the runs predict.")


def main(argv) -> int:
    if not _OUT.value:
        raise ConfigError("Where shall the figures go? Give --out, e.g. --out runs/figures.")
    if len(_WORKDIRS.value) == 1:
        raise ConfigError(
            "One --workdir has nothing to stand beside it. Give another, or see the run's own report: "
            f"python -m emojax.evaluate --workdir {_WORKDIRS.value[0]}"
        )
    folder = pathlib.Path(_OUT.value)
    sections: list[Section] = []
    if _DATA.value:
        sections += draw_data(folder, load_dataset(_DATA.value), _RECORD.value)
    if _RAW.value:
        sections.append(draw_alignment(folder, pathlib.Path(_RAW.value)))
    if _WORKDIRS.value:
        sections += draw_runs(folder, _WORKDIRS.value, _DATA.value, _STEP.value, _SPLIT.value)
    sections = sections or draw_without_data(folder)
    page = write_report(folder, "Figures", sections)
    print(f"Written: {page} and {sum(len(s.pictures) for s in sections)} PNGs beside it")
    return 0


def draw_data(folder: pathlib.Path, dataset: Dataset, record: int) -> list[Section]:
    """Labels of a prepared data set, and one of its training records."""
    from emojax.report import prepared

    return [prepared.label_section(folder, dataset), prepared.record_section(folder, dataset, record)]


def draw_alignment(folder: pathlib.Path, raw: pathlib.Path) -> Section:
    """The steps from a raw picture to the network's input (thesis 001, fig. 3.1.2)."""
    from data_prep.alignment_steps import alignment_steps, most_tilted_face
    from emojax.report.preparation import alignment_figure

    face, image, box = most_tilted_face(raw)
    pictures, points = alignment_steps(image, box, face.landmarks())
    path = alignment_figure(folder / "alignment.png", pictures, points)
    caption = f"{face.source}, the most tilted of the first training faces; its 68 landmarks as dots."
    return Section("Alignment", pictures=[Picture(path, caption, wide=True)])


def draw_runs(
    folder: pathlib.Path, workdirs: Sequence[str], data_dir: str | None, which: str, split: str
) -> list[Section]:
    """Several runs of face systems side by side."""
    from emojax.systems.faces import comparison as faces_comparison

    compile_cache.enable()
    runs = faces_comparison.load_runs(workdirs, data_dir, which, split)
    dataset = next(iter(runs.values())).dataset
    return faces_comparison.compare(
        folder, runs, lambda records, names: read_features(dataset, split, names, records)
    )


def draw_without_data(folder: pathlib.Path) -> list[Section]:
    """What needs neither data nor training (thesis 001, figs 5.4.1, 6.1.1)."""
    from emojax.report.curves import focal_figure
    from emojax.report.karate import karate_figure

    focal = focal_figure(folder / "focal.png")
    config = cli.load_config_file("configs/karate_demo.py")
    karate = systems.build(config, None)
    outputs = karate.predict(karate.init(jax.random.key(config.seed)), {})
    points = np.asarray(outputs["embedding"])
    club = karate_figure(folder / "karate.png", points, karate.friendships, karate.club)
    share = karate.metrics(outputs)["nearest_mean_accuracy"]
    told = f"Random weights; {share:.0%} of the members lie nearer to the mean of their own later club."
    return [
        Section("Focal loss", pictures=[Picture(focal, "Well classified samples cost less as gamma grows.")]),
        Section("Karate club", pictures=[Picture(club, told)]),
    ]


if __name__ == "__main__":
    cli.run(main)
