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
from emojax.data.decode import BatchDecoder
from emojax.engine import compile_cache
from emojax.engine.run import Run, read_config
from emojax.errors import ConfigError, DataError
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
    """Several runs side by side.

    Args:
        folder: where the PNGs go.
        workdirs: two or more folders of runs.
        data_dir: prepared data; None: what each run was trained on.
        which: ``best``, ``latest`` or a step number.
        split: name of the split to predict.

    Raises:
        ConfigError: a run is no face system.
        DataError: the runs do not have the same labels and the same records.
    """
    from emojax.systems import faces_comparison
    from emojax.systems.faces import FaceSystem

    compile_cache.enable()
    configs = {name: read_config(pathlib.Path(path)) for name, path in run_names(workdirs).items()}
    datasets = {name: load_dataset(data_dir or config.data_dir) for name, config in configs.items()}
    require_same_records(datasets, split)
    runs = {}
    for (name, config), workdir in zip(configs.items(), workdirs):
        system = systems.build(config, datasets[name])
        if not isinstance(system, FaceSystem):
            raise ConfigError(
                f"{workdir} is a run of the family {config.family!r}; runs of faces are compared here."
            )
        run = Run(config, system, datasets[name])
        step, state = run.restore(pathlib.Path(workdir), which)
        outputs = run.predict(state.variables, split, title=name)
        runs[name] = faces_comparison.EvaluatedRun(system, step, jax.device_get(state.variables), outputs)
    dataset = next(iter(datasets.values()))
    source = dataset.source(split)

    def read_records(records: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        return BatchDecoder(source, {n: dataset.feature(n) for n in names}, len(records))(records)

    return faces_comparison.compare(folder, runs, read_records)


def run_names(workdirs: Sequence[str]) -> dict[str, str]:
    """Name to show -> folder: the last part of the path, or the whole where that is not unique."""
    last = [pathlib.Path(path).name for path in workdirs]
    if len({pathlib.Path(path).resolve() for path in workdirs}) < len(workdirs):
        raise ConfigError(f"A run is given twice: --workdir {' --workdir '.join(workdirs)}.")
    return dict(zip(last if len(set(last)) == len(last) else workdirs, workdirs))


def require_same_records(datasets: dict[str, Dataset], split: str) -> None:
    """Raises DataError when the runs' data differ in labels or in the records of the split."""
    (first, one), *others = datasets.items()
    for name, other in others:
        one.labels.require_equal(other.labels, mine=f"the run {first}", theirs=f"the run {name}")
        hashes = one.split(split).content_hash, other.split(split).content_hash
        if hashes[0] != hashes[1]:
            raise DataError(
                f"The runs {first} and {name} have other records in their split {split!r}: {one.path} (content hash "
                f"{hashes[0][:12]}) and {other.path} ({hashes[1][:12]}). Predictions of other records cannot stand "
                "side by side: name data that fits both with --data_dir."
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
