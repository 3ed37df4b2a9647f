"""Draws a synthetic database of faces in films, in the raw layout that `data_prep.affwild` reads."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from data_prep.parallel import parallel_map
from data_prep.synthetic.affwild.film import Film, write_film
from data_prep.synthetic.affwild.play import MEMORY
from data_prep.synthetic.claim import claim, mark
from emojax.errors import ConfigError, DataError

_TWO_EVERY = 5  # so many films, one shows two people
_OTHER_RATE_EVERY = 4  # so many films, one has not 30 frames a second
_EXTRA_SHARE = 0.3  # of the training films


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides the content of the database.

    Attributes:
        train: training films, the small set `extra` among them.
        validation, test: films.
        frames: of a film at 30 frames a second.
        size: height of a film in pixels, and width for each person in it.
        memory: frames over which arousal is built up; 0: it is that of the moment.
        seed: the same seed draws the same bytes.
    """

    train: int = 40
    validation: int = 10
    test: int = 10
    frames: int = 300
    size: int = 96
    memory: int = MEMORY
    seed: int = 0

    def __post_init__(self):
        if min(self.train, self.validation, self.test) < 2 or self.frames < 20 or not 48 <= self.size <= 800:
            raise ConfigError(
                "A synthetic Aff-Wild needs --train, --val and --test >= 2 films, --frames >= 20 and --size 48..800, "
                f"not {self.train}, {self.validation}, {self.test}, {self.frames} and {self.size}."
            )


def plan_films(settings: Settings) -> list[Film]:
    """All films; every person is in one."""
    extra = max(round(_EXTRA_SHARE * settings.train), 1)
    splits = ["train"] * (settings.train - extra) + ["extra"] * extra
    splits += ["validation"] * settings.validation + ["test"] * settings.test
    films, people = [], 0
    rng = np.random.default_rng((settings.seed, 31))
    for i, split in enumerate(splits):
        count = 2 if i % _TWO_EVERY == _TWO_EVERY - 1 else 1
        rate = float(rng.choice((24, 25, 60))) if i % _OTHER_RATE_EVERY == 2 else 30.0
        films.append(
            Film(f"video{i + 1}", split, tuple(range(people, people + count)), settings.frames, rate)
        )
        people += count
    return films


@dataclasses.dataclass(frozen=True)
class _Task:
    out: str
    settings: Settings
    film: Film


def _write(task: _Task) -> None:
    settings = task.settings
    write_film(pathlib.Path(task.out), task.film, settings.size, settings.seed, settings.memory)


def generate(out: pathlib.Path, settings: Settings, workers: int) -> list[Film]:
    """Draws the whole database into `out`.

    Does nothing when `out` already holds the same. Raises DataError when it holds something else or cannot be written.
    """
    films = plan_films(settings)
    content = {"dataset": "affwild", **dataclasses.asdict(settings)}
    try:
        if not claim(out, "Aff-Wild", content):
            tasks = [_Task(str(out), settings, film) for film in films]
            total = sum(round(film.num_frames * film.rate / 30) for film in films)
            list(parallel_map(_write, tasks, workers=workers, total=total, title="generating films"))
            rows = "".join(f"{film.name},{film.split}\n" for film in films)
            (out / "splits.csv").write_text("video,split\n" + rows)
            mark(out, content, complete=True)
    except OSError as error:
        raise DataError(f"Cannot write a synthetic Aff-Wild to {out}: {error.strerror or error}.") from error
    return films
