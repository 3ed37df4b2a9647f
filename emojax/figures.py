"""Makes figures of prepared data, and of several runs side by side.

  python -m emojax.figures --data_dir data/affectnet --out figures        # labels in the plane, augmentation, mask
  python -m emojax.figures --data_dir data/bold --record 40 --out figures # clips: categories, a frame in each modality
  python -m emojax.figures --workdir runs/mtl --workdir runs/gcn --out figures    # confusion matrices, predictions,
                                                                          # label vectors and features side by side
  python -m emojax.figures --workdir runs/comb_vgg19_fc1 --out figures    # one run of a family with analyses: t-SNE,
                                                                          # units, traces (films)
  python -m emojax.figures --workdir runs/cat --workdir runs/comb --out figures   # films: what categories gain from VA
  python -m emojax.figures --workdir runs/bcf --workdir runs/bcfsa --out figures  # BoLD: what each run says of people
  python -m emojax.figures --data_dir data/affwild_both --out figures     # films: labels of each split, VA by category
  python -m emojax.figures --data_dir data/sasefe --out figures           # expressions: a face of each class, its views
  python -m emojax.figures --workdir runs/oulu6_cnn_frontal --split test --video P001/Anger --out figures
                                                                          # frames of videos, their classes, the vote
  python -m emojax.figures --workdir runs/gan --out figures       # a GAN: curves, sheets of faces over the iterations
  python -m emojax.figures --shares affwild_lstm/C.1 --shares affwild_lstm/C.3 --out figures   # do the rows add up?
  python -m emojax.figures --out figures                                  # without data: focal loss, karate club

These can be given together. Writes PNGs and one page that holds them all, index.html, into --out.
From a raw picture to the aligned face: python -m data_prep.affectnet.steps --help.
The figures of one run are in its report: python -m emojax.evaluate --workdir RUN.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

from emojax import cli
from emojax.data.dataset import Dataset, load_dataset
from emojax.errors import ConfigError
from emojax.report.page import Picture, Section, write_report
from emojax.wording import counted


def parser() -> cli.Parser:
    options = cli.Parser("python -m emojax.figures", __doc__)
    add = options.add_argument
    add("--out", type=cli.path, metavar="DIR", help="folder of the figures; made when missing")
    add("--data_dir", type=cli.path, metavar="DIR", help="prepared data; the runs' too, if theirs has moved")
    add(
        "--record",
        type=cli.whole_number(0),
        default=0,
        metavar="N",
        help="training record that is augmented and masked [0]",
    )
    add(
        "--workdir",
        type=cli.path,
        metavar="DIR",
        action="append",
        default=[],
        help="folder of a run; several of faces, films or bodies stand side by side",
    )
    add(
        "--shares",
        metavar="TABLE",
        action="append",
        default=[],
        help="class shares that the recalls of a table allow: the name of a thesis table, or a table.csv of "
        "scripts/reproduce; several of one split are taken together",
    )
    add(
        "--video",
        metavar="NAME",
        action="append",
        default=[],
        help="of a run on videos of expressions: a video of the split whose frames are shown with their predicted "
        "classes and the vote; can be given several times",
    )
    add("--step", default="best", help="checkpoint of the runs: best, latest, or a step number [best]")
    add("--split", default="validation", help="split that the runs predict [validation]")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(parser(), draw_figures, argv)


def draw_figures(options: argparse.Namespace) -> int:
    if options.out is None:
        raise ConfigError("Where shall the figures go? Give --out, e.g. --out runs/figures.")
    if options.video and len(options.workdir) != 1:
        raise ConfigError("--video shows videos as one run sees them: give one --workdir.")
    sections: list[Section] = []
    if options.data_dir:
        sections += draw_data(options.out, load_dataset(options.data_dir), options.record)
    if options.workdir:
        which = (options.data_dir, options.step, options.split)
        if len(options.workdir) > 1:
            sections += draw_runs(options.out, options.workdir, *which)
        else:
            sections += draw_run(options.out, options.workdir[0], *which, options.video)
    if options.shares:
        sections.append(draw_shares(options.out, options.shares))
    sections = sections or draw_without_data(options.out)
    page = write_report(options.out, "Figures", sections)
    print(f"Written: {page} and {counted(sum(len(s.pictures) for s in sections), 'PNG')} beside it")
    return 0


def draw_data(folder: pathlib.Path, dataset: Dataset, record: int) -> list[Section]:
    """Labels of a prepared data set, and one of its training records; of films the labels of their frames; of clips a
    frame in all modalities; of videos of expressions a face of each class."""
    from emojax.report import clips, expressions, film_database, films, prepared

    if dataset.name == "affwild":
        return [*films.film_sections(folder, dataset), *film_database.database_sections(folder, dataset)]
    if "laban" in dataset.columns("train"):
        return clips.clip_sections(folder, dataset, record)
    if "geometry" in dataset.columns("train"):
        return expressions.expression_sections(folder, dataset)
    return [prepared.label_section(folder, dataset), prepared.record_section(folder, dataset, record)]


def draw_shares(folder: pathlib.Path, tables: Sequence[str]) -> Section:
    """The consistency check of affwild_cnn_rnn spec 1.3."""
    from emojax.report.shares import share_section
    from emojax.sweeps.recalls import read_recalls

    found = read_recalls(tables)
    title = f"Class shares of the {found.split} split: {', '.join(tables)}"
    return share_section(folder, title, found.systems, found.recalls, found.totals, found.classes)


def draw_run(
    folder: pathlib.Path,
    workdir: pathlib.Path,
    data_dir: pathlib.Path | None,
    which: str,
    split: str,
    videos: Sequence[str] = (),
) -> list[Section]:
    """The analyses of a run, where its family has any; of a run on videos of expressions the frames of `videos`.

    Raises:
        ConfigError: it has none: all figures of the run are in its report.
    """
    from emojax import systems
    from emojax.engine import compile_cache
    from emojax.engine.inference import Predictor
    from emojax.engine.restore import read_variables
    from emojax.engine.runlog import read_log
    from emojax.engine.workdir import require_run

    require_run(workdir)
    restored = read_variables(workdir, which)
    system = systems.build(restored.config, restored.recipe)
    if videos and system.show_videos is None:
        raise ConfigError(
            f"--video is for runs on videos of expressions; {workdir} is one of {restored.config.family!r}."
        )
    if system.analysis is None and not videos:
        more = (
            "Show a video with --video NAME."
            if system.show_videos
            else "Give another --workdir to compare it with."
        )
        raise ConfigError(
            f"{workdir} is a run of the family {restored.config.family!r}, whose figures are in its report: "
            f"python -m emojax.evaluate --workdir {workdir}. {more}"
        )
    compile_cache.enable()
    dataset = systems.load_data(restored.config, data_dir)
    dataset.split(split)
    system.require_data(dataset.recipe)
    predictor = Predictor(system, dataset)
    outputs = predictor.predict(predictor.place(restored.variables), split, title=split)
    if videos:
        return system.show_videos(folder, system, outputs, dataset, split, videos)
    return system.analysis(system, restored.variables, dataset, split).sections(
        folder, outputs, read_log(workdir)
    )


def draw_runs(
    folder: pathlib.Path,
    workdirs: Sequence[pathlib.Path],
    data_dir: pathlib.Path | None,
    which: str,
    split: str,
) -> list[Section]:
    """Several runs of face systems side by side; of films, what categories gain from valence and arousal; of bodies in
    clips, what each run says of the same people."""
    from emojax.data.decode import read_features
    from emojax.engine import compile_cache
    from emojax.engine.restore import read_variables
    from emojax.engine.workdir import require_run
    from emojax.systems.bodies import comparison as bodies_comparison
    from emojax.systems.face_videos import comparison as films_comparison
    from emojax.systems.faces import comparison as faces_comparison

    compile_cache.enable()
    names = faces_comparison.run_names(workdirs)
    for workdir in workdirs:
        require_run(workdir)
    restored = {name: read_variables(workdir, which) for name, workdir in zip(names, workdirs)}
    if all(one.config.family == "face_videos" for one in restored.values()):
        return films_comparison.compare(folder, restored, data_dir, split)
    if all(one.config.family == "bodies" for one in restored.values()):
        return bodies_comparison.compare(folder, restored, data_dir, split)
    runs = faces_comparison.load_runs(workdirs, data_dir, which, split)
    dataset = next(iter(runs.values())).dataset
    return faces_comparison.compare(
        folder, runs, lambda records, names: read_features(dataset, split, names, records)
    )


def draw_without_data(folder: pathlib.Path) -> list[Section]:
    """What needs neither data nor training (thesis 001, figs 5.4.1, 6.1.1)."""
    import jax
    import numpy as np

    from emojax import systems
    from emojax.report.curves import focal_figure, regression_figure
    from emojax.report.karate import karate_figure

    focal = focal_figure(folder / "focal.png")
    regression = regression_figure(folder / "regression_losses.png")
    config = cli.load_config_file("configs/karate_demo.py")
    karate = systems.build(config, None)
    outputs = karate.predict(karate.init(jax.random.key(config.seed)), {})
    points = np.asarray(outputs["embedding"])
    club = karate_figure(folder / "karate.png", points, karate.friendships, karate.club)
    share = karate.measure.metrics(outputs)["nearest_mean_accuracy"]
    caption = f"Random weights; {share:.0%} of the members lie nearer to the mean of their own later club."
    return [
        Section("Focal loss", pictures=[Picture(focal, "Well classified samples cost less as gamma grows.")]),
        Section(
            "Losses of a difference",
            pictures=[Picture(regression, "Huber's is quadratic near 0 and linear beyond 1.")],
        ),
        Section("Karate club", pictures=[Picture(club, caption)]),
    ]


if __name__ == "__main__":
    sys.exit(main())
