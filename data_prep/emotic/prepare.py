"""Prepares EMOTIC: `python -m data_prep.emotic --raw DIR --out DIR` (context_emotion spec 1.2-1.3, 1.8,
10)."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import math
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from data_prep.door import INTERRUPTED, add_output_options
from data_prep.emotic.box import MAX_PEOPLE, context_box, crop, people_boxes, resize, usable_box
from data_prep.emotic.face import DETECTORS
from data_prep.emotic.pose import POSE_SIZE, pose_vector
from data_prep.emotic.raw import SPLITS, Person, image_path, read_emotic
from data_prep.emotic.side import (
    NUM_ATTRIBUTES,
    NUM_SCENES,
    SideInputs,
    Status,
    depth_map,
    face_crop,
    pose_joints,
    scene_scores,
    signature,
)
from data_prep.emotic.statistics import SIDE_INPUTS, category_bits, describe, print_summary
from data_prep.images import encode_jpeg, read_image
from data_prep.pipeline import (
    Record,
    Shard,
    ShardResult,
    Skip,
    default_num_shards,
    file_digest,
    split_evenly,
    write_shards,
)
from emojax import cli
from emojax.data.dataset import Dataset, Feature, save_dataset, shard_name, write_tfds_metadata
from emojax.errors import DataError
from emojax.graphs.openpose import NUM_JOINTS
from emojax.labels import EMOTIC_LABELS

NAME = "emotic"
SIDE_FOLDERS = {"faces": "openface", "poses": "openpose", "depth": "depth", "scenes": "scenes"}
VAD_SCALES = ("tenth", "unit")
_RAW_ITEMS_PER_SHARD = 512  # packed pixels: about 230 MB a shard at 224 px
_SAME_ASPECT = 0.02
_ALIASES = {"disconnect": "disconnection"}  # BoLD's spelling, found in copies of the list


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the content of the records. Sources: spec 1.3 (size), 10 G2 (vad_scale)."""

    size: int = 224
    encoding: str = "jpeg"
    vad_scale: str = "tenth"

    @property
    def context_encoding(self) -> str:
        """Never JPEG: its blocks of 16 px carry the agent beyond the body box, past what masking hides."""
        return "png" if self.encoding == "jpeg" else self.encoding


@dataclasses.dataclass(frozen=True)
class EmoticSource:
    """Converts EMOTIC's people to records; see `data_prep.pipeline.Source`."""

    images: str
    sides: SideInputs
    options: Options

    def read(self, items: Sequence[Person]) -> Iterator[tuple[str, Person]]:
        for person in items:
            yield person.source, person

    def signature(self, item: Person) -> bytes:
        return signature([image_path(self.images, item), *self.sides.paths(item)])

    def convert(self, item: Person) -> Record:
        """Raises Skip; the cheap reasons come before the image is read."""
        bits = _checked_labels(item)
        image = _read_image_once(image_path(self.images, item))
        height, width = image.shape[:2]
        box = usable_box(box_in_image(item, width, height), width, height)
        size = self.options.size
        people, count = people_boxes(box, item.others, width, height)
        features = {
            "context": _encode(resize(image, size), self.options.context_encoding),
            "body_box": context_box(box, width, height, size),
            "body": _encode(crop(image, box, size), self.options.encoding),
            "people_boxes": people,
            "people_count": count,
            "categories": _multi_hot(bits),
            "vad": np.float32(scale_vad(np.array(item.vad), self.options.vad_scale)),
            "vad_raw": np.float32(item.vad),
            "annotations": item.annotations.encode(),
            "source_id": item.source.encode("utf-8", "surrogateescape"),
        }
        columns = {name: features[name] for name in ("categories", "vad", "vad_raw")}
        columns |= {"source_id": item.source, "image_id": item.image}
        self._add_side_inputs(item, image, box, features, columns)
        return Record(features, columns)

    def _add_side_inputs(self, item: Person, image: np.ndarray, box, features: dict, columns: dict) -> None:
        size = self.options.size
        face, columns["face_status"] = face_crop(self.sides, item, image, box, size)
        joints, columns["pose_status"] = pose_joints(self.sides, item, box)
        scenes, attributes, *found = scene_scores(self.sides, item)
        columns["scene_status"], columns["attribute_status"] = found
        depth, columns["depth_status"] = depth_map(self.sides, item, size)
        features |= {
            "face": _encode(face, self.options.encoding),
            "pose": pose_vector(joints),
            "joints": joints.astype(np.float32),
            "scene_scores": scenes,
            "attribute_scores": attributes,
            "depth": _encode(depth, "png"),
        }
        for name in SIDE_INPUTS:
            status = columns[f"{name}_status"] = int(columns[f"{name}_status"])
            features[f"{name}_valid"] = float(status == Status.VALID)
        share = depth.astype(np.float64) / 255
        columns |= {"_depth_mean": float(share.mean()), "_depth_square": float((share * share).mean())}


def _encode(image: np.ndarray, encoding: str) -> bytes:
    """A BGR image, or a grey one as PNG, as `Feature.encoding` names it."""
    if encoding == "jpeg":
        return encode_jpeg(image)
    if encoding == "png":
        return cv2.imencode(".png", image)[1].tobytes()
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).tobytes()


# People of one image follow each other: each worker decodes the image once for all of them.
_read_image_once = functools.lru_cache(maxsize=1)(read_image)


def _checked_labels(person: Person) -> int:
    """The categories as bits, or Skip: `no_categories`, `unknown_category`, `nan_vad`, `vad_out_of_range`."""
    if not person.categories:
        raise Skip("no_categories", "the person has no category")
    names = ["".join(name.split()).lower() for name in person.categories]
    try:
        bits = category_bits(_ALIASES.get(name, name) for name in names)
    except ValueError:
        odd = sorted({name for name in names if _ALIASES.get(name, name) not in EMOTIC_LABELS.classes})
        raise Skip("unknown_category", f"{', '.join(odd)} is none of EMOTIC's 26 categories") from None
    if any(math.isnan(value) for value in person.vad):
        raise Skip("nan_vad", f"valence, arousal, dominance are {list(person.vad)}")
    if not all(1 <= value <= 10 for value in person.vad):
        raise Skip("vad_out_of_range", f"valence, arousal, dominance are {list(person.vad)}, not in 1..10")
    return bits


def box_in_image(person: Person, width: int, height: int) -> tuple[float, ...]:
    """The body box in pixels of the image as it is, if that is a larger or smaller copy of the annotated one.

    Raises Skip, `image_size_differs`, where it has other proportions.
    """
    if (width, height) == person.size or not all(person.size):
        return person.box
    across, down = width / person.size[0], height / person.size[1]
    if abs(across / down - 1) > _SAME_ASPECT:
        raise Skip(
            "image_size_differs",
            f"the image has {width} x {height} pixels, "
            f"not the {person.size[0]:.0f} x {person.size[1]:.0f} annotated",
        )
    return tuple(value * (across, down)[i % 2] for i, value in enumerate(person.box))


def _multi_hot(bits: int) -> np.ndarray:
    return np.array([bits >> i & 1 for i in range(len(EMOTIC_LABELS.classes))], np.float32)


def scale_vad(vad: np.ndarray, scale: str) -> np.ndarray:
    """Valence, arousal, dominance from 1..10 to [0, 1]: x / 10 (`tenth`) or (x - 1) / 9 (`unit`), spec 10
    G2."""
    return vad / 10 if scale == "tenth" else (vad - 1) / 9


def record_features(options: Options) -> dict[str, Feature]:
    """The features of `dataset.json`. Pixels are RGB; `*_valid` is 1 or 0, and 0 comes with zeros."""
    picture = Feature("image", (options.size, options.size, 3), options.encoding)
    return {
        "context": dataclasses.replace(picture, encoding=options.context_encoding),
        "body_box": Feature("float", (4,)),
        "body": picture,
        "face": picture,
        "face_valid": Feature("float"),
        "pose": Feature("float", (POSE_SIZE,)),
        "joints": Feature("float", (NUM_JOINTS, 3)),
        "pose_valid": Feature("float"),
        "scene_scores": Feature("float", (NUM_SCENES,)),
        "scene_valid": Feature("float"),
        "attribute_scores": Feature("float", (NUM_ATTRIBUTES,)),
        "attribute_valid": Feature("float"),
        # Always PNG: depth maps of people who have none take 100 bytes, whatever --encoding says.
        "depth": Feature("image", (options.size, options.size), "png"),
        "depth_valid": Feature("float"),
        "people_boxes": Feature("float", (MAX_PEOPLE, 4)),
        "people_count": Feature("int"),
        "categories": Feature("float", (len(EMOTIC_LABELS.classes),)),
        "vad": Feature("float", (3,)),
        "vad_raw": Feature("float", (3,)),
        "annotations": Feature("bytes"),
        "source_id": Feature("bytes"),
    }


def prepare(
    raw: pathlib.Path,
    out: pathlib.Path,
    options: Options,
    sides: SideInputs,
    *,
    num_shards: int | None = None,
    workers: int = 1,
) -> tuple[Dataset, list[ShardResult]]:
    """Writes the shards and `dataset.json` of EMOTIC; finished shards of an earlier run are kept.

    Args:
        raw: folder of EMOTIC.
        out: folder to write to.
        options: see `Options`.
        sides: side inputs.
        num_shards: of the training split, by default from its size; the other splits get their share.
        workers: processes.

    Raises:
        DataError: `raw` is no EMOTIC, a folder of side inputs does not exist, `out` belongs to another run or
            cannot be written, or a split has no usable person.
    """
    _require_folders(sides)
    found, people = read_emotic(raw)
    shards = plan_shards(people, options, num_shards)
    parameters = {
        "dataset": NAME,
        **dataclasses.asdict(options),
        "context_encoding": options.context_encoding,
        **_side_parameters(sides),
        "shards": len(shards),
    }
    results = write_shards(
        out,
        EmoticSource(os.fspath(found.images), sides, options),
        shards,
        parameters=parameters,
        inputs=file_digest(found.annotations),
        workers=workers,
        title="preparing EMOTIC",
    )
    dataset = describe(out, NAME, record_features(options), parameters, people, results)
    save_dataset(dataset)
    write_tfds_metadata(dataset)
    return dataset, results


def plan_shards(people: dict[str, list[Person]], options: Options, num_shards: int | None) -> list[Shard]:
    """Cuts the people of every split into shards, in file order."""
    per_shard = {"items_per_shard": _RAW_ITEMS_PER_SHARD} if options.encoding == "raw" else {}
    shards = []
    for split, items in people.items():
        wanted = default_num_shards(len(items), **per_shard)
        if num_shards is not None:
            wanted = max(1, round(num_shards * len(items) / len(people["train"])))
        ranges = split_evenly(len(items), wanted)
        for i, part in enumerate(ranges):
            chosen = tuple(items[part.start : part.stop])
            shards.append(Shard(split, shard_name(NAME, split, i, len(ranges)), chosen, len(chosen)))
    return shards


def _require_folders(sides: SideInputs) -> None:
    for name in SIDE_FOLDERS:
        folder = getattr(sides, name)
        if folder is not None and not os.path.isdir(folder):
            raise DataError(f"There is no folder {folder} (--{name}). Leave the option out to do without.")


def _side_parameters(sides: SideInputs) -> dict[str, Any]:
    """What of the side inputs decides the content: which there are, not where they are."""
    given = {name: getattr(sides, name) is not None for name in SIDE_FOLDERS}
    return {**given, "face_detector": "none" if given["faces"] else sides.face_detector}


_EPILOG = f"""side inputs:
  Faces, poses, depth maps and scene scores come from other tools. Their files are named after the images, in
  folders like the images' own (data_prep/emotic/side.py lists them). Folders RAW/openface, RAW/openpose,
  RAW/depth and RAW/scenes are taken without being named. A person without one of them gets zeros and a flag;
  the report counts them.

examples:
  python -m data_prep.emotic --raw ~/EMOTIC --out data/emotic_224 --poses ~/EMOTIC_openpose
      224 x 224 pixels, faces found by OpenCV, poses by OpenPose, JPEG
  python -m data_prep.emotic.crops --raw ~/EMOTIC --out ~/EMOTIC_crops
      the body crops, to run OpenPose on
  python -m data_prep.emotic --raw data/synthetic_emotic --out data/emotic_synthetic_64 --size 64
      the synthetic people of `python -m data_prep.synthetic emotic`, small

The splits are called {", ".join(SPLITS)}. The same command continues an interrupted run.
Afterwards: python -m data_prep.check DIR
"""


def _parser() -> cli.Parser:
    parser = cli.Parser(
        "python -m data_prep.emotic",
        "Turns EMOTIC (Annotations.mat and images) into TFRecord shards, one record a person.",
        epilog=_EPILOG,
    )
    default = Options()
    add, folder = parser.add_argument, {"type": cli.path, "metavar": "DIR"}
    add("--raw", **folder, required=True, help="folder of the unpacked EMOTIC")
    add_output_options(parser, default_size=default.size)
    add("--vad_scale", choices=VAD_SCALES, default=default.vad_scale, help="x / 10, or (x - 1) / 9 [tenth]")
    add("--faces", **folder, help="OpenFace CSV files; instead of --face_detector")
    add("--poses", **folder, help="OpenPose JSON files (BODY_25, with hands)")
    add("--depth", **folder, help="grey depth PNG files")
    add("--scenes", **folder, help="scene and attribute score .npy files")
    add("--face_detector", choices=DETECTORS, default="haar", help="OpenCV's cascade, or none [haar]")
    return parser


def _side_inputs(args: argparse.Namespace) -> SideInputs:
    folders = {}
    for name, usual in SIDE_FOLDERS.items():
        given, usual_folder = getattr(args, name), args.raw / usual
        folder = given or (usual_folder if usual_folder.is_dir() else None)
        folders[name] = os.fspath(folder) if folder else None
    return SideInputs(**folders, face_detector=args.face_detector)


def main(argv: Sequence[str] | None = None) -> int:
    return cli.run(_parser(), _run, argv, interrupted=INTERRUPTED)


def _run(args: argparse.Namespace) -> None:
    options = Options(args.size, args.encoding, args.vad_scale)
    dataset, results = prepare(
        args.raw, args.out, options, _side_inputs(args), num_shards=args.shards, workers=args.workers
    )
    print_summary(dataset, results)
    print(f"\nCheck it: python -m data_prep.check {args.out}")
