import csv
import json
import weakref

import cv2
import numpy as np
import pytest
import torch
import trimesh
from typer.testing import CliRunner

from pyface3d.camera import pose_to_angles
from pyface3d.cli import app
from pyface3d.methods import create_method
from pyface3d.morphable import ARKIT_NAMES
from pyface3d.reconstructor import Reconstructor


@pytest.fixture(scope="module")
def reconstructor():
    return Reconstructor(faces="all")


@pytest.fixture(scope="module")
def tracked(reconstructor, clip):
    return {kind: list(reconstructor.track(clip["images"], smooth=kind)) for kind in ("off", "one-euro", "zero-phase")}


def owners(frames, clip):
    """For each frame, the number of the track nearest to each person's true landmarks, and how far it is."""
    told = []
    for frame, true in zip(frames, clip["landmarks"]):
        found = {}
        for face in frame.faces:
            apart = np.linalg.norm(face.landmarks[:, :2] - true, axis=2).mean(1)
            found[int(apart.argmin())] = (face.index, float(apart.min()))
        told.append(found)
    return told


def test_two_people_keep_their_numbers_through_a_board_and_a_crossing(tracked, clip):
    for kind, frames in tracked.items():
        told = owners(frames, clip)
        assert [frame.index for frame in frames] == list(range(len(clip["images"])))
        assert {index for found in told for index, _ in found.values()} == {0, 1}, kind
        first, second = told[0][0][0], told[0][1][0]
        assert all(found[1][0] == second for found in told)  # the one in front, in every frame
        seen = [k for k, found in enumerate(told) if 0 in found]
        assert all(told[k][0][0] == first for k in seen)
        assert set(seen).isdisjoint(range(*clip["hidden"])) and {clip["hidden"][0] - 1, clip["hidden"][1], 59} <= set(
            seen
        )
        assert all(told[k][person][1] < 5 for k in range(45, 60) for person in (0, 1))


def points_of(frames, index):
    """(T, 68, 2) landmarks of a track."""
    return np.stack([face.landmarks[:, :2] for frame in frames for face in frame.faces if face.index == index])


def roughness(frames, index):
    """Root mean square of the landmarks' second differences, in pixels."""
    return np.sqrt((np.diff(points_of(frames, index), 2, axis=0) ** 2).sum(-1).mean())


def test_smoothing_takes_the_jitter_without_lag(tracked, clip):
    front = owners(tracked["off"], clip)[0][1][0]
    raw = roughness(tracked["off"], front)
    assert roughness(tracked["zero-phase"], front) < raw / 3
    assert roughness(tracked["one-euro"], front) < raw / 1.5
    speed = np.gradient(clip["landmarks"][:, 1], axis=0)
    single = points_of(tracked["off"], front)
    for kind, most in (("zero-phase", 0.2), ("one-euro", 1.0)):
        behind = single - points_of(tracked[kind], front)
        assert abs((behind * speed).sum() / (speed**2).sum()) < most, kind  # frames


def test_a_person_has_one_identity(tracked, clip):
    front = owners(tracked["off"], clip)[0][1][0]
    faces = [face for frame in tracked["zero-phase"] for face in frame.faces if face.index == front]
    identities = torch.cat([face.reconstruction.coeffs[:, :40] for face in faces])
    singles = identities[-10:].std(0).mean(), identities.std(0).mean()
    assert singles[0] < 0.02
    assert torch.allclose(faces[-1].reconstruction.params[:, 12:52], identities[-1:])
    angles = pose_to_angles(faces[-1].reconstruction.crop_pose)[0]
    assert np.degrees(angles[1].item()) == pytest.approx(faces[-1].angles["yaw"], abs=1e-3)


def test_largest_is_one_face_and_a_stream_is_lazy(clip):
    taken = []

    def frames():
        for k, image in enumerate(clip["images"]):
            taken.append(k)
            yield k / 25, image

    stream = Reconstructor().track(frames(), smooth="zero-phase")
    first = [next(stream) for _ in range(3)]
    assert all(len(frame.faces) == 1 for frame in first)
    assert len(taken) == 3 + 5 + 2 and first[2].seconds == pytest.approx(0.08)


@pytest.mark.parametrize("smooth", ["off", "zero-phase"])
def test_a_face_that_jumps_at_a_cut_is_followed_at_once(clip, smooth):
    """The front person's face alone, and from the cut on 180 pixels away."""
    images, true = [], []
    for image, landmarks in zip(clip["images"][:30], clip["landmarks"][:30]):
        low, high = landmarks[1].min(0).astype(int) - 70, landmarks[1].max(0).astype(int) + 50
        low = low.clip(0)
        shift = 180 if len(images) >= 15 else 0
        canvas = np.full_like(image, 100)
        canvas[low[1] : high[1], low[0] - shift : high[0] - shift] = image[low[1] : high[1], low[0] : high[0]]
        images.append(canvas), true.append(landmarks[1] - [shift, 0])
    frames = list(Reconstructor().track(images, smooth=smooth))
    assert all([face.index for face in frame.faces] == [0] for frame in frames)
    for k, frame in enumerate(frames):
        assert np.linalg.norm(frame.faces[0].landmarks[:, :2] - true[k], axis=1).mean() < 5, k


def test_a_hidden_face_does_not_jump_to_another_person(clip):
    """The largest is followed, and when a board hides it, nobody takes its place."""
    images = list(clip["images"][:24])
    frames = list(Reconstructor().track(images, smooth="off"))
    whose = {owner for found in owners(frames, clip) for owner in found}
    assert len(whose) == 1
    board = [image.copy() for image in images]
    for k in range(*clip["hidden"]):
        low, high = clip["landmarks"][k][1].min(0).astype(int) - 50, clip["landmarks"][k][1].max(0).astype(int) + 30
        board[k][max(0, low[1]) : high[1], low[0] : high[0]] = (90, 110, 80)
    told = owners(list(Reconstructor().track(board, smooth="off")), clip)
    assert {owner for found in told for owner in found} == whose == {1}
    assert not any(told[k] for k in range(*clip["hidden"])) and told[-1]


def test_threads_do_not_change_the_answers(reconstructor, clip):
    runs = [list(reconstructor.track(clip["images"][:16], smooth="zero-phase")) for _ in range(2)]
    params = [np.stack([face.params for frame in frames for face in frame.faces]) for frames in runs]
    assert len(params[0]) > 16
    assert np.array_equal(*params)


@pytest.mark.parametrize("smooth", ["one-euro", "zero-phase"])
def test_frames_are_let_go(reconstructor, clip, smooth):
    kept, most = [], 0

    def frames():
        for image in clip["images"][:40]:
            frame = image.copy()
            kept.append(weakref.ref(frame))
            yield frame

    for _ in reconstructor.track(frames(), smooth=smooth):
        most = max(most, sum(ref() is not None for ref in kept))
    assert most <= 12  # the window, a frame in each thread and those at hand, whatever the length


def test_bad_frames_and_methods_are_refused(reconstructor):
    with pytest.raises(ValueError, match="uint8 RGB"):
        next(reconstructor.track([np.zeros((4, 4))]))
    black = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(ValueError, match="seconds"):
        list(reconstructor.track([(0.0, black), (0.0, black)]))
    with pytest.raises(ValueError, match="kind"):
        reconstructor.track([], smooth="some")
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="position maps"):
        Reconstructor(create_method("prnet")).track([])


@pytest.fixture(scope="module")
def written(clip, tmp_path_factory):
    """What the command line writes for a video file of the clip."""
    folder = tmp_path_factory.mktemp("tracked")
    video = cv2.VideoWriter(str(folder / "my clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 360))
    for image in clip["images"]:
        video.write(np.ascontiguousarray(image[:, :, ::-1]))
    video.release()
    out = folder / "faces"
    arguments = ["reconstruct", str(folder / "my clip.mp4"), "--out", str(out), "--faces", "all", "--json"]
    result = CliRunner().invoke(app, [*arguments, "--save", "blendshapes,parquet,glb,overlay"])
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)


def test_the_command_line_writes_tables_animations_and_a_video(written, clip):
    out, report = written
    names = ["my clip-face1.glb", "my clip-face2.glb", "my clip-overlay.mp4", "my clip.csv", "my clip.parquet"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert report["frames"] == len(clip["images"]) and report["problems"] == []
    rows = list(csv.DictReader((out / "my clip.csv").open(encoding="utf-8")))
    assert len(rows) == report["faces"]
    assert list(rows[0])[:3] == ["frame", "time", "face"] and tuple(rows[0])[3:55] == ARKIT_NAMES
    assert list(rows[0])[55:] == ["pitch", "yaw", "roll", "x", "y", "z"]
    assert {row["face"] for row in rows} == {"0", "1"}
    assert float(rows[-1]["time"]) == pytest.approx((len(clip["images"]) - 1) / 25, abs=0.02)
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in ARKIT_NAMES)
    assert all(-3 < float(row["z"]) < -0.3 for row in rows)  # meters before a camera of 53 degrees
    parquet = pytest.importorskip("pyarrow.parquet").read_table(out / "my clip.parquet")
    assert parquet.num_rows == len(rows) and parquet.column_names == list(rows[0])
    video = cv2.VideoCapture(str(out / "my clip-overlay.mp4"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == len(clip["images"])
    there, frame = video.read()
    assert there and np.abs(frame[:, :, ::-1].astype(int) - clip["images"][0]).mean() > 2


def test_the_animation_carries_the_rows_of_the_table(written):
    out, _ = written
    rows = [r for r in csv.DictReader((out / "my clip.csv").open(encoding="utf-8")) if r["face"] == "0"]
    content = (out / "my clip-face1.glb").read_bytes()
    length = int.from_bytes(content[12:16], "little")
    document, binary = json.loads(content[20 : 20 + length]), content[20 + length + 8 :]

    def values(number):
        accessor = document["accessors"][number]
        view = document["bufferViews"][accessor["bufferView"]]
        size = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        return np.frombuffer(binary, "<f4", accessor["count"] * size, view["byteOffset"]).reshape(-1, size)

    (animation,) = document["animations"]
    paths = {channel["target"]["path"]: channel["sampler"] for channel in animation["channels"]}
    times = values(animation["samplers"][paths["weights"]]["input"])[:, 0]
    names = document["meshes"][0]["extras"]["targetNames"]
    weights = values(animation["samplers"][paths["weights"]]["output"]).reshape(len(times), len(names))
    assert names == [name for name in ARKIT_NAMES if name != "tongueOut"]
    assert np.allclose(times, [float(row["time"]) for row in rows], atol=1e-4)
    assert np.allclose(weights, [[float(row[name]) for name in names] for row in rows], atol=1e-4)
    moved = values(animation["samplers"][paths["translation"]]["output"])
    assert (moved[:, 2] < -0.3).all() and document["nodes"][1]["camera"] == 0
    assert trimesh.load(out / "my clip-face1.glb").geometry


def test_what_cannot_be_tracked_is_said(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    common = ["--out", str(tmp_path / "o"), "--save", "blendshapes"]
    result = CliRunner().invoke(app, ["reconstruct", str(tmp_path / "broken.mp4"), *common])
    assert result.exit_code == 1 and "broken.mp4" in result.stderr and "Traceback" not in result.output
    result = CliRunner().invoke(app, ["reconstruct", str(tmp_path / "none.mp4"), *common])
    assert result.exit_code == 1 and "none.mp4" in result.stderr
    wrong = ["reconstruct", str(tmp_path / "none.mp4"), "--out", str(tmp_path / "o"), "--save", "blendshapes,depth"]
    result = CliRunner().invoke(app, wrong)
    assert result.exit_code == 1 and "depth" in result.stderr
