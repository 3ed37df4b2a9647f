"""One card a data set: its names, commands, class orders and published sizes.

Whatever names a data set (messages, sweeps, tables, checks) reads the card, so a new data set is one card here and one
package of `data_prep` with the card's name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from emojax.errors import ConfigError
from emojax.labels import (
    AFFECTNET_CLASSES,
    AFFWILD_CLASSES,
    BOLD_CATEGORIES,
    EMOTIC_CATEGORIES,
    OULU_LABELS,
    SASE_LABELS,
)

RAW = "RAW_FOLDER"


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of the preparation that a config asks for.

    Attributes:
        flag: e.g. ``--classes``.
        field: of the config, dotted.
        usual: values of the field that need no option.
        value: what follows the flag; ``{value}`` is that of the field.
        synthetic: what follows it on synthetic data, whatever the field is; ``{raw}`` is the raw folder. Empty: as
            on real data.
    """

    flag: str
    field: str
    usual: tuple = ()
    value: str = "{value}"
    synthetic: str = ""


@dataclasses.dataclass(frozen=True)
class Published:
    """Images or people of each class as somebody counted them.

    Attributes:
        counts: split -> numbers in the order of the first class order of the card.
        source: short, for a column of a table.
        wording: in a sentence: "the class counts are (not) ...".
    """

    counts: Mapping[str, tuple[int, ...]]
    source: str = "published"
    wording: str = "the published ones"


@dataclasses.dataclass(frozen=True)
class Card:
    """A data set.

    Attributes:
        name: of the package of `data_prep` that prepares it, and in its dataset.json.
        title: in tables and messages.
        classes: of its largest task, in index order.
        num_classes: sizes of its tasks; a smaller one has the first of `classes`.
        raw: options of the preparation that name the raw data; ``{raw}`` is its folder.
        options: options of the preparation that depend on the config.
        synthetic: whether ``python -m data_prep.synthetic NAME`` draws its raw layout.
        published: counts of its classes, if somebody gave them.
        records: of all splits together, one number a published release or number of classes.
        counted: what `records` counts, as an evaluation has it: ``records``, or ``sequences`` (a person in a video).
        subjects: pattern of what a video's name says of the person in it; without it the name is the video's.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    num_classes: tuple[int, ...]
    raw: str = "--raw {raw}"
    options: tuple[Option, ...] = ()
    synthetic: bool = True
    published: Published | None = None
    records: tuple[int, ...] = ()
    counted: str = "records"
    subjects: str = ""

    def class_order(self, num_classes: int) -> tuple[str, ...]:
        """Names in index order of the task with so many classes; empty if there is no such task."""
        return self.classes[:num_classes] if num_classes in self.num_classes else ()

    def known_counts(self, classes: Sequence[str]) -> dict[str, dict[str, int]]:
        """Split -> class -> published number, for those of `classes` that were counted; empty if nothing was."""
        if self.published is None:
            return {}
        counted = {split: dict(zip(self.classes, n)) for split, n in self.published.counts.items()}
        return {split: {c: n[c] for c in classes if c in n} for split, n in counted.items()}

    def video_of(self, name: str) -> str:
        """The video of a sequence: two people in one video are two sequences."""
        return re.sub(self.subjects, "", name) if self.subjects else name

    def prepare_command(
        self, out, raw: str = RAW, *, configs: Sequence = (), size: int | None = None, synthetic: bool = False
    ) -> str:
        """What prepares the data that all `configs` train on.

        Args:
            out: folder of the prepared data.
            raw: folder of the raw data.
            configs: that share the data; their fields choose the options.
            size: side of the pictures in pixels; None for the preparation's own.
            synthetic: the raw data is drawn; pixels are kept packed, as decoding would take longer than training.
        """
        parts = [f"python -m data_prep.{self.name}", self.raw.format(raw=raw)]
        if size:
            parts.append(f"--size {size}")
        for option in self.options:
            values = [v for c in configs if (v := _field(c, option.field)) not in ("", *option.usual)]
            if synthetic and option.synthetic:
                parts.append(f"{option.flag} {option.synthetic.format(raw=raw)}")
            elif values:
                parts.append(f"{option.flag} {option.value.format(value=values[0])}")
        return " ".join([*parts, f"--out {out}", *(["--encoding raw"] if synthetic else [])])

    def draw_command(self, out: str = RAW) -> str:
        """What draws synthetic people in the raw layout of the data set."""
        return f"python -m data_prep.synthetic {self.name} --out {out}"


def _field(config, name: str):
    """A field of a config, e.g. ``model.modality``; empty where it has none of that name."""
    for part in name.split("."):
        config = config.get(part, "") if config else ""
    return config


# Sources: spec emotion_gcn 1.2 (AffectNet) and 1.4 (Aff-Wild2, counted by a user of the authors' script), spec
# context_emotion 1.2 and 1.3 (EMOTIC, first and second release).
AFFECTNET = Card(
    name="affectnet",
    title="AffectNet",
    classes=AFFECTNET_CLASSES,
    num_classes=(7, 8),
    options=(
        Option("--align", "align", usual=("rotate_crop",)),
        Option("--classes", "num_classes", usual=(7,)),
        Option("--ages", "sampler", ("none", "expression"), value="AGES.csv", synthetic="{raw}/ages.csv"),
    ),
    published=Published(
        {"train": (74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750), "validation": (500,) * 8}
    ),
    records=(287_401, 291_651),
)
AFFWILD2 = Card(
    name="affwild2",
    title="Aff-Wild2",
    classes=AFFECTNET_CLASSES[:7],
    num_classes=(7,),
    raw="--videos {raw}/cropped_aligned --annotations {raw}/annotations",
    published=Published(
        {
            "train": (132_756, 75_328, 68_256, 26_065, 8_080, 5_470, 13_834),
            "validation": (69_498, 24_417, 20_070, 7_197, 7_787, 625, 5_874),
        },
        source="third-party",
        wording="the third-party ones, which are not verified",
    ),
    records=(465_257,),
    subjects=r"_(left|right)$",
)
EMOTIC = Card(
    name="emotic",
    title="EMOTIC",
    classes=EMOTIC_CATEGORIES,
    num_classes=(len(EMOTIC_CATEGORIES),),
    records=(23_788, 34_320),
)
# Spec context_emotion 1.4: lengths of the arrays that come with the authors' code.
BOLD = Card(
    name="bold",
    title="BoLD",
    classes=BOLD_CATEGORIES,
    num_classes=(len(BOLD_CATEGORIES),),
    options=(
        Option(
            "--modalities",
            "model.modality",
            usual=("rgb", "diff"),
            value="rgb,flow,skeleton",
            synthetic="rgb,flow,skeleton --flow_side 64",
        ),
    ),
    records=(13_239,),
    counted="sequences",
)
# Videos, image_sequences spec 1.2 and 1.3; landmarks are not part of the data sets.
_WITH_LANDMARKS = "--raw {raw} --landmarks {raw}/landmarks"
SASEFE = Card(
    name="sasefe",
    title="SASE-FE",
    classes=SASE_LABELS.classes,
    num_classes=(len(SASE_LABELS.classes),),
    raw=_WITH_LANDMARKS,
    records=(643,),
    counted="sequences",
)
OULU_CASIA = Card(
    name="oulu_casia",
    title="OULU-CASIA",
    classes=OULU_LABELS.classes,
    num_classes=(len(OULU_LABELS.classes),),
    raw=_WITH_LANDMARKS,
    records=(480,),
    counted="sequences",
)
# Specs affwild_gan 1.5 and affwild_cnn_rnn 1.3: frames after face detection, and those of them with a category.
AFFWILD = Card(
    name="affwild",
    title="Aff-Wild",
    classes=AFFWILD_CLASSES,
    num_classes=(len(AFFWILD_CLASSES),),
    options=(
        Option("--train", "train_set", usual=("big",)),
        Option("--labels", "labels", usual=("va",)),
    ),
    records=(507_208, 104_506, 107_640),
    subjects=r"_(left|right)$",
)
# Any pictures; their classes are in their own dataset.json.
FOLDER = Card(
    name="folder",
    title="your own pictures",
    classes=(),
    num_classes=(),
    raw="--images {raw}",
    synthetic=False,
)
CARDS = {card.name: card for card in (AFFECTNET, AFFWILD2, EMOTIC, BOLD, SASEFE, OULU_CASIA, AFFWILD, FOLDER)}


def card(name: str) -> Card:
    """The card of a name or title; raises ConfigError with the names there are."""
    for one in CARDS.values():
        if name in (one.name, one.title):
            return one
    raise ConfigError(f"There is no data set {name!r}; there are {', '.join(CARDS)} (emojax/datasets.py).")


def find(name: str) -> Card | None:
    """The card of a name; None for data that emojax does not know."""
    return CARDS.get(name)


def how_to_make(folder, card: Card | None = None, config=None) -> str:
    """The commands that make prepared data in `folder`: of one data set, or of all; `config` chooses the options."""
    cards, configs = CARDS.values() if card is None else (card,), () if config is None else (config,)
    size = None if config is None else config.image_size
    lines = ["Make it from the raw data with" if card else "Make it from the raw data with one of"]
    lines += [f"  {one.prepare_command(folder, configs=configs, size=size)}" for one in cards]
    lines.append(f"where {RAW} is the data set as distributed")
    if draw := [f"  {one.draw_command()}" for one in cards if one.synthetic]:
        lines[-1] += ", or synthetic people in its layout by"
        lines += draw
    return "\n".join([*lines, "More: data_prep/README.md. The whole way on synthetic faces: scripts/demo"])
