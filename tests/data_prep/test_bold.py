"""BoLD: what is read of a clip, what becomes of it, and what happens to the clips that are damaged."""

from __future__ import annotations

import pathlib
import struct

import cv2
import numpy as np
import pytest

from configs import bold
from data_prep.bold.clips import count_frames, read_frames, stream_pictures
from data_prep.bold.door import main, print_unseen
from data_prep.bold.flow import decode_flow, encode_flow, with_flow
from data_prep.bold.people import Options, sampled_frames
from data_prep.bold.prepare import prepare
from data_prep.bold.raw import find_bold, read_joints, require_frames, rows_outside, track
from data_prep.bold.sizes import size_table
from data_prep.check.command import main as check
from data_prep.pipeline import sum_skipped
from data_prep.synthetic.bold.clip import draw_clip, plan_clip
from data_prep.synthetic.bold.generate import Settings, generate
from data_prep.synthetic.bold.motion import MOTIONS
from emojax.data.dataset import load_dataset
from emojax.data.decode import read_features
from emojax.errors import DataError, Skip
from emojax.figures import main as figures
from emojax.graphs.statistics import body_statistics
from emojax.labels import BOLD_CATEGORIES, BOLD_LABELS
from emojax.report import clips
from emojax.report.clips import modality_pictures
from emojax.systems.bodies.inputs import inputs_of
from emojax.vision.laban import laban_descriptor, laban_features
from emojax.vision.skeleton_boxes import Margins, body_box, face_box, mask_box

SIZE = (96, 72)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bold") / "raw"
    generate(folder, Settings(4, 2, 2, shortest=6, longest=10, size=SIZE, faults=True), workers=1)
    return folder


@pytest.fixture(scope="module")
def prepared(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("bold") / "data"
    return prepare(raw, out, Options(size=32, encoding="raw"), workers=1)


def test_every_frame_of_every_annotated_person_is_a_record_and_sequences_follow_the_clips(raw, prepared):
    dataset, _ = prepared
    for split, labelled in (("train", True), ("validation", True), ("test", False)):
        columns = dataset.columns(split)
        layout = columns.layout
        assert len(layout.starts) == len(columns.sequences["source_id"])
        for start, length in zip(layout.starts, layout.lengths):
            np.testing.assert_array_equal(columns["frame"][start : start + length], np.arange(length))
        assert columns.sequences["categories"].shape == (len(layout.starts), 26)
        for name in ("categories", "vad"):
            assert np.isfinite(columns.sequences[name]).all() == labelled
            assert np.isnan(columns.sequences[name]).all() != labelled
    assert dataset.labels == BOLD_LABELS


def test_folds_keep_the_people_of_a_clip_together_and_make_their_own_statistics(prepared):
    dataset, _ = prepared
    assert dataset.statistics == body_statistics(dataset.columns("train"), BOLD_LABELS)
    folds = [dataset.fold(k, 2, by="clip") for k in (1, 2)]
    clips = [set(fold.columns("validation").of_records("clip")) for fold in folds]
    assert not clips[0] & clips[1]
    for fold, (one, other) in zip(folds, (clips, clips[::-1])):
        train = fold.columns("train")
        assert set(train.sequences["clip"]) == other and not one & other
        assert fold.statistics == body_statistics(train, BOLD_LABELS) != dataset.statistics
        positive = (train.sequences["categories"] >= 0.5).sum(axis=0)
        assert list(fold.split("train").class_counts.values()) == positive.tolist()


def test_labels_are_those_of_the_annotation_in_bold_s_order(raw, prepared):
    dataset, _ = prepared
    line = (raw / "annotations" / "val.csv").read_text().splitlines()[0].split(",")
    sequences = dataset.columns("validation").sequences
    row = list(sequences["source_id"]).index(f"{line[0]} person {line[1]}")
    np.testing.assert_allclose(sequences["categories"][row], np.array(line[4:30], float), atol=1e-6)
    np.testing.assert_allclose(sequences["vad"][row], np.array(line[30:33], float) / 10, atol=1e-6)


def test_joints_and_laban_features_are_those_of_the_joint_file(raw, prepared):
    dataset, _ = prepared
    columns = dataset.columns("validation")
    clip, person = columns.sequences["clip"][0], int(columns.sequences["person"][0])
    start, length = columns.layout.starts[0], columns.layout.lengths[0]
    table = np.load((raw / "joints" / str(clip)).with_suffix(".npy"))
    for row in table[table[:, 1] == person]:
        frame = int(row[0] - table[0, 0])
        np.testing.assert_allclose(columns["joints"][start + frame], row[2:].reshape(18, 3), atol=1e-4)
    features = laban_features(columns["joints"][start : start + length])
    np.testing.assert_array_equal(columns["laban"][start : start + length], features)
    np.testing.assert_array_equal(columns.sequences["laban_descriptor"][0], laban_descriptor(features))


def test_each_fault_is_left_out_and_counted_by_its_reason(prepared):
    _, results = prepared
    counted = {reason: count for reason, (count, _) in sum_skipped(results)["train"].items()}
    reasons = (
        "confidence_out_of_range no_category value_out_of_range bad_row unknown_person person_never_visible "
    )
    reasons += "fewer_frames_than_annotated missing_clip unreadable_clip missing_joints unreadable_joints"
    assert counted == dict.fromkeys(reasons.split(), 1)


def test_without_pictures_the_columns_are_the_same(raw, prepared, tmp_path):
    dataset, _ = prepared
    skeleton, _ = prepare(raw, tmp_path / "data", Options(modalities=("skeleton",)), workers=1)
    assert list(skeleton.features) == ["source_id"]
    for name in ("joints", "laban", "frame"):
        np.testing.assert_array_equal(skeleton.columns("train")[name], dataset.columns("train")[name])


def test_context_hides_the_person_and_face_is_black_without_a_head(prepared):
    frame = np.full((100, 200, 3), 200, np.uint8)
    joints = np.zeros((18, 3), np.float32)
    joints[8:14] = [
        [80, 50, 0.9],
        [82, 70, 0.9],
        [80, 90, 0.9],
        [120, 50, 0.9],
        [118, 70, 0.9],
        [120, 90, 0.9],
    ]
    pictures = stream_pictures(frame, joints, 50)
    x1, y1, x2, y2 = mask_box(joints, 200, 100)
    assert (x1, y1, x2, y2) == (76, 46, 124, 94)
    inside = pictures["context"][y1 // 2 + 1 : y2 // 2 - 1, x1 // 4 + 1 : x2 // 4 - 1]
    assert not inside.any() and pictures["context"][:10].all() and not pictures["face"].any()
    assert body_box(joints, 200, 100) == (40, 10, 160, 100) and face_box(joints, 200, 100) is None
    nobody = stream_pictures(frame, np.zeros((18, 3), np.float32), 50)
    assert nobody["body"].all() and nobody["context"].all()


def test_a_killed_preparation_run_again_gives_the_same_bytes(raw, prepared, tmp_path):
    dataset, _ = prepared
    out = tmp_path / "data"
    prepare(raw, out, Options(size=32, encoding="raw"), workers=1)
    for file in [*out.glob("*.tfrecord-*-of-*"), *out.glob("columns-*.npz")][1::2]:
        file.unlink()
    again, _ = prepare(raw, out, Options(size=32, encoding="raw"), workers=2)
    assert again.splits == dataset.splits


def test_records_hold_what_the_frame_shows(raw, prepared):
    dataset, _ = prepared
    columns = dataset.columns("validation")
    path = raw / "videos" / str(columns.sequences["clip"][0])
    frame = list(read_frames(path))[3]
    record = read_features(dataset, "validation", ("body", "context", "face"), [3])
    for name, picture in stream_pictures(frame, columns["joints"][3], 32).items():
        np.testing.assert_array_equal(record[name][0], cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def test_frames_count_from_that_of_the_first_row_and_an_unknown_person_is_told_with_those_there_are():
    table = np.zeros((3, 56))
    table[:, 0], table[:, 1] = (1000, 1000, 1002), (0, 4, 4)
    table[:, 2:] = 0.5
    joints = track(table, 4, 4)
    assert [rows_outside(table, 4, n) for n in (4, 3, 2)] == [0, 0, 1]
    assert joints.shape == (4, 18, 3) and joints[0].all() and not joints[1].any() and joints[2].all()
    with pytest.raises(Skip, match="there are 0, 4"):
        track(table, 7, 4)


@pytest.mark.parametrize("last", [19, 20, 1019, 1020])
def test_the_last_frame_of_an_annotation_counts_from_0_or_1_in_the_clip_or_its_film(last):
    """The distribution does not say which; joints count from that of their first row."""
    table = np.zeros((1, 56))
    table[0, 0] = 1000
    require_frames("clip.mp4", last, table, 20)
    with pytest.raises(Skip, match=f"goes to frame {last + 2}, clip.mp4 has 20"):
        require_frames("clip.mp4", last + 2, table, 20)


def test_joints_that_are_not_finite_count_as_missing():
    table = np.full((1, 56), 5.0)
    table[0, :2], table[0, 2] = 0, np.nan
    joints = track(table, 0, 1)
    assert not joints[0, 0].any() and joints[0, 1:].all()


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY\x01\x00garbage", b"\x93NUMPY\x01\x00\x09\x00{'a': (\x001", b"PK\x03\x04"]
)
def test_a_damaged_joint_file_is_a_skip(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(Skip, match="unreadable_joints"):
        read_joints(tmp_path / "a.npy")


def _write_clip(path: pathlib.Path, frames: int) -> pathlib.Path:
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, SIZE)
    for number in range(frames):
        video.write(np.full((SIZE[1], SIZE[0], 3), 20 * number, np.uint8))
    video.release()
    return path


@pytest.mark.parametrize(
    "frames, reason", [(1, "one_frame_clip"), (2, None), (5, None), (6, "long_clip")], ids=str
)
def test_clips_of_one_frame_and_endless_ones_are_skips(tmp_path, monkeypatch, frames, reason):
    monkeypatch.setattr("data_prep.bold.clips.MAX_FRAMES", 5)
    path = _write_clip(tmp_path / "a.mp4", frames)
    if reason is None:
        assert count_frames(path) == frames
    else:
        with pytest.raises(Skip, match=reason):
            count_frames(path)


def _boxes(data: bytes, names: str) -> list[int]:
    """Where each of the nested boxes of an MP4 file begins."""
    starts = []
    for name in names.split():
        starts.append(data.index(name.encode(), starts[-1] if starts else 0) - 4)
    return starts


def _pauses(path: pathlib.Path) -> set[float]:
    """The different numbers of milliseconds from a frame to the next."""
    video, times = cv2.VideoCapture(str(path)), []
    while video.read()[0]:
        times.append(video.get(cv2.CAP_PROP_POS_MSEC))
    return set(np.diff(times).round(1).tolist())


def test_a_variable_frame_rate_changes_no_frame(tmp_path):
    """Joints and annotations count frames, so the times at which a player shows them must not matter."""
    path = _write_clip(tmp_path / "a.mp4", 8)
    data = bytearray(path.read_bytes())
    *parents, table = _boxes(data, "moov trak mdia minf stbl stts")
    assert data.index(b"mdat") < parents[0]  # offsets into the pictures stay as they are
    count, samples, duration = struct.unpack(">3I", data[table + 12 : table + 24])
    assert (count, samples) == (1, 8)
    data[table + 12 : table + 24] = struct.pack(">5I", 2, 4, duration // 2, 4, 3 * duration // 2)
    for start in (*parents, table):
        data[start : start + 4] = struct.pack(">I", struct.unpack(">I", data[start : start + 4])[0] + 8)
    other = tmp_path / "variable.mp4"
    other.write_bytes(data)
    assert len(_pauses(path)) == 1 and len(_pauses(other)) > 1
    for frame, same in zip(read_frames(path), read_frames(other), strict=True):
        np.testing.assert_array_equal(frame, same)


def test_a_box_thinner_than_two_pixels_counts_as_a_body_that_is_not_there():
    joints = np.zeros((18, 3), np.float32)
    joints[:2] = [[50, 20, 0.9], [50, 60, 0.9]]  # one above the other
    assert body_box(joints, 100, 100) is None and face_box(joints, 100, 100) is None
    frame = np.full((100, 100, 3), 200, np.uint8)
    pictures = stream_pictures(frame, joints, 32)
    assert (pictures["body"] == 200).all() and not pictures["face"].any()
    joints[1, 0] = 52
    assert body_box(joints, 100, 100) == (48, 0, 54, 100)


def test_frames_without_a_body_are_counted(prepared, capsys):
    dataset, _ = prepared
    print_unseen(dataset)
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    dataset.build["joints_outside"]["validation"] += 2
    print_unseen(dataset)
    line = "validation: people with joints outside of the frames of their clip, which are left out: 2"
    assert line in capsys.readouterr().out
    dataset.build["joints_outside"]["validation"] -= 2
    for line, split in zip(lines, dataset.splits, strict=True):
        columns = dataset.columns(split)
        boxes = [body_box(joints, *SIZE) for joints in columns["joints"]]
        assert line.startswith(f"{split}: {boxes.count(None)} of {len(boxes)} frames show no body")
    assert any(line.split()[1] != "0" for line in lines)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda raw: (raw / "annotations" / "train.csv").write_text("a.mp4,0,0,5\n"), "4 columns"),
        (lambda raw: (raw / "annotations" / "val.csv").unlink(), "val.csv"),
        (lambda raw: (raw / "joints").rename(raw / "points"), "joints"),
        (lambda raw: raw.rename(raw.with_name("moved")), "There is no folder"),
    ],
)
def test_a_folder_that_is_no_bold_is_one_clear_line(tmp_path, capsys, damage, message):
    raw = tmp_path / "raw"
    generate(raw, Settings(1, 1, 1, shortest=2, longest=2, size=SIZE), workers=1)
    damage(raw)
    assert main(["--raw", str(raw), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_a_folder_one_too_high_is_found(raw):
    assert find_bold(raw.parent).videos == raw / "videos"
    with pytest.raises(DataError, match="is no BoLD"):
        find_bold(raw / "videos")


def test_the_same_seed_draws_the_same_clip_and_another_seed_another():
    first, again, other = (plan_clip("train", 0, seed, 4, 4, SIZE) for seed in (0, 0, 1))
    for (image, joints), (same, same_joints) in zip(draw_clip(first), draw_clip(again), strict=True):
        np.testing.assert_array_equal(image, same)
        np.testing.assert_array_equal(joints, same_joints)
    assert first.actors != other.actors


@pytest.mark.parametrize("one, other", [("slump", "rise"), ("reach", "withdraw")])
def test_only_the_order_of_frames_tells_a_motion_from_its_reverse(one, other):
    shares = np.linspace(0, 1, 9)
    forwards = [MOTIONS[one](0, s, 1.0).posture for s in shares]
    backwards = [MOTIONS[other](0, s, 1.0).posture for s in shares]
    assert all(np.allclose(a.right, b.right) for a, b in zip(forwards, backwards[::-1]))
    assert not np.allclose(forwards[0].right, forwards[-1].right)


def test_every_category_has_a_cause():
    from data_prep.synthetic.bold.rule import RULES

    assert set(RULES) == set(BOLD_CATEGORIES)


def test_parts_are_joined_to_the_same_records_and_the_check_is_content(raw, prepared, tmp_path, capsys):
    dataset, _ = prepared
    out = tmp_path / "parts"
    arguments = ["--raw", str(raw), "--out", str(out), "--size", "32", "--encoding", "raw", "--workers", "1"]
    for part in ("2/2", "1/2"):
        assert main([*arguments, "--part", part]) == 0
        assert f"Part {part} of" in capsys.readouterr().out and not (out / "dataset.json").exists()
    assert main(arguments) == 0
    assert (out / "dataset.json").read_text() == (pathlib.Path(dataset.path) / "dataset.json").read_text()
    assert check([str(out), "--workers", "1"]) == 0
    assert "statistics are right" in capsys.readouterr().out


def test_flow_is_stored_from_minus_to_plus_20_pixels():
    field = np.array([[-99, -20], [0, 0.05], [20, 31]], np.float32)
    np.testing.assert_array_equal(encode_flow(field), [[0, 0], [128, 128], [255, 255]])
    moves = np.linspace(-20, 20, 997)
    assert np.abs(decode_flow(encode_flow(moves)) - moves).max() <= 20 / 255 + 1e-6


@pytest.mark.parametrize("side", [0, 48])
def test_flow_of_a_shifted_picture_is_its_shift_and_the_last_frame_repeats_the_pair_before(side):
    rng = np.random.default_rng(1)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (96, 120, 3), np.uint8), (0, 0), 4)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    frames = [np.roll(picture, (-2 * i, 3 * i), (0, 1)) for i in range(3)]
    flows = [decode_flow(flow) for _, flow in with_flow(frames, side)]
    assert len(flows) == 3
    for flow in flows:
        np.testing.assert_allclose(np.median(flow[20:-20, 20:-20], axis=(0, 1)), (3, -2), atol=0.35)
    np.testing.assert_array_equal(flows[2], flows[1])


@pytest.fixture(scope="module")
def with_flow_data(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("bold") / "flow"
    options = Options(32, "raw", ("rgb", "flow", "skeleton"), flow_side=32, frames="sampled")
    return prepare(raw, out, options, workers=1)


def test_flow_is_a_feature_of_its_own_and_changes_nothing_else(raw, prepared, with_flow_data):
    dataset, _ = with_flow_data
    plain, _ = prepared
    names = ("body", "flow_body", "flow_context", "flow_face")
    records = read_features(dataset, "train", names, [2])
    np.testing.assert_array_equal(records["body"], read_features(plain, "train", ("body",), [2])["body"])
    joints = dataset.columns("train")["joints"][2]
    path = raw / "videos" / str(dataset.columns("train").sequences["clip"][0])
    _, flow = list(with_flow(read_frames(path), 32))[2]
    expected = stream_pictures(flow, joints, 32, fill=flow.min(axis=(0, 1)))
    for name, picture in expected.items():
        np.testing.assert_array_equal(
            records[f"flow_{name}"][0].reshape(2, 32, 32), np.moveaxis(picture, -1, 0)
        )
    for name in ("joints", "laban"):
        np.testing.assert_array_equal(dataset.columns("train")[name], plain.columns("train")[name])


def test_sampled_frames_are_those_that_evaluation_reads_and_others_are_empty(
    prepared, with_flow_data, capsys
):
    # Of 200 frames 199 count, so that snippets of 5 have 195 places (spec 1.5).
    assert sampled_frames(200)["rgb"] == frozenset(int(195 / 50 + 195 / 25 * k) + 2 for k in range(25))
    dataset, plain = with_flow_data[0], prepared[0]
    layout = dataset.columns("validation").layout
    rgb, flow = (inputs_of(bold.get_config(name)).evaluate for name in ("bold_rgb_b", "bold_flow_b"))
    for select, name in ((rgb, "body"), (flow, "flow_context")):
        records = np.unique(select.plan(layout, False).table)
        assert len(read_features(dataset, "validation", (name,), records)[name]) == len(records)
    read = np.unique(rgb.plan(layout, False).table)
    left_out = np.setdiff1d(np.arange(len(dataset.columns("validation")["frame"])), read)
    assert len(left_out)
    with pytest.raises(DataError, match="left this picture out"):
        read_features(dataset, "validation", ("body",), left_out[:1])
    read_features(plain, "validation", ("body",), left_out)
    assert check([str(dataset.path)]) == 0
    dataset_json = pathlib.Path(dataset.path, "dataset.json")
    text = dataset_json.read_text()
    dataset_json.write_text(text.replace('"frames": "sampled"', '"frames": "all"'))
    assert check([str(dataset.path)]) != 0 and "body has 0 bytes" in capsys.readouterr().out
    dataset_json.write_text(text)


def test_the_size_table_counts_pictures_of_every_layout(with_flow_data):
    dataset, _ = with_flow_data
    lines = size_table(dataset)
    this = [line for line in lines if line.endswith("this one")]
    assert len(this) == 2 and all("raw sampled" in line for line in this)
    sizes = dataset.build["sizes"]["validation"]
    assert sizes["rgb"]["stored"] == sizes["rgb"]["read"] < sizes["frames"]
    assert sizes["rgb"]["bytes"] == sizes["rgb"]["stored"] * 3 * 3 * 32 * 32
    assert sizes["flow"]["bytes"] == sizes["flow"]["stored"] * 3 * 2 * 32 * 32


def test_boxes_are_made_with_other_margins_and_without_the_neck(raw, prepared, tmp_path):
    joints = np.zeros((18, 3), np.float32)
    joints[[0, 1, 14]] = [[50, 30, 0.9], [50, 60, 0.9], [60, 30, 0.9]]
    wide = Margins(body=0.5, mask=0.0, face=0.0, neck=False)
    assert body_box(joints, 200, 100, wide) == (45, 15, 65, 75) and mask_box(joints, 200, 100, wide) == (
        50,
        30,
        60,
        60,
    )
    assert face_box(joints, 200, 100, wide) is None  # nose and eye at one height: no box without the neck
    assert face_box(joints, 200, 100) == (47, 21, 63, 69)
    typed = ["--raw", str(raw), "--size", "32", "--encoding", "raw", "--workers", "1", "--mask_margin", "0.5"]
    assert main([*typed, "--face_joints", "no_neck", "--out", str(tmp_path / "data")]) == 0
    made = load_dataset(tmp_path / "data")
    assert made.build["margins"] == {"body": 1.0, "mask": 0.5, "face": 0.3, "neck": False}
    other, usual = (read_features(d, "train", ("body", "context"), [2]) for d in (made, prepared[0]))
    assert (other["body"] == usual["body"]).all() and (other["context"] != usual["context"]).any()
    assert main([*typed, "--body_margin", "-1", "--out", str(tmp_path / "no")]) == 2


def test_the_track_alone_is_kept_where_that_is_asked_for(raw, prepared, tmp_path):
    tracked, _ = prepare(raw, tmp_path / "data", Options(32, "raw", track=True), workers=1)
    columns, whole = tracked.columns("train"), prepared[0].columns("train")
    starts, of_clip = whole.layout.starts, np.split(whole["joints"], whole.layout.starts[1:])
    seen = [np.flatnonzero(joints[..., 2].any(axis=1)) for joints in of_clip]
    np.testing.assert_array_equal(columns.layout.lengths, [s[-1] - s[0] + 1 for s in seen])
    np.testing.assert_array_equal(columns["frame"][columns.layout.starts], 0)
    for start, first, s in zip(columns.layout.starts, starts, seen):
        np.testing.assert_array_equal(columns["joints"][start], whole["joints"][first + s[0]])
    (picture,), (same,) = (
        read_features(d, "train", ("body",), [i])["body"]
        for d, i in ((tracked, 0), (prepared[0], seen[0][0]))
    )
    assert (picture == same).all()


def test_a_clip_is_decoded_once_for_all_its_people(raw, monkeypatch, tmp_path):
    from data_prep.bold import people

    opened = []
    read = people.read_frames
    monkeypatch.setattr(people, "read_frames", lambda path: opened.append(path) or read(path))
    dataset, _ = prepare(raw, tmp_path / "data", Options(16, "raw"), num_shards=1, workers=1)
    clips = [clip for split in dataset.splits for clip in dataset.columns(split).sequences["clip"]]
    good = [path for path in opened if any(str(path).endswith(str(clip)) for clip in clips)]
    assert len(set(clips)) < len(clips) and len(good) == len(set(good)) == len(set(clips))


def test_a_frame_is_shown_in_all_modalities(with_flow_data, prepared):
    dataset, _ = with_flow_data
    pictures = modality_pictures(dataset, 0)
    rows, streams = ("RGB", "flow", "vertical flow", "difference"), ("body", "context", "face")
    assert list(pictures) == [f"{row}, {stream}" for row in rows for stream in streams]
    first, second = read_features(dataset, "train", ("body",), [0, 1])["body"].astype(int)
    np.testing.assert_array_equal(pictures["difference, body"], np.clip(128 + second - first, 0, 255))
    assert list(modality_pictures(prepared[0], 0)) == [p for p in pictures if "flow" not in p]
    with pytest.raises(DataError, match="no record 5000"):
        modality_pictures(dataset, 5000)


def test_shares_of_categories_are_of_people_not_of_labels(prepared, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        clips.classification,
        "label_distribution_figure",
        lambda path, counts, names, **options: drawn.update(options) or path,
    )
    clips.clip_sections(tmp_path, prepared[0], 0)
    assert drawn["totals"] == {s: len(prepared[0].columns(s).layout.starts) for s in ("train", "validation")}


def test_figures_of_clips_are_drawn_by_the_command(prepared, tmp_path):
    assert figures(["--data_dir", str(prepared[0].path), "--out", str(tmp_path)]) == 0
    assert {p.name for p in tmp_path.glob("*.png")} == {"categories.png", "modalities.png"}
