import io
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from pyface3d.images import find_sources


def test_sources_of_folders_zips_patterns_and_files(tmp_path):
    folder = tmp_path / "räum one"
    (folder / "deep").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    picture = stream.getvalue()
    for name in ("b.png", "a.PNG", "deep/c.png", "notes.txt"):
        (folder / name).write_bytes(picture)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("in/d.png", picture)
        archive.writestr("../out.png", picture)
        archive.writestr("notes.txt", b"")
    stems = [source.stem for source in find_sources([folder])]
    assert stems == ["a", "b", "deep/c"]
    archived = list(find_sources([tmp_path / "z.zip"]))
    assert [source.stem for source in archived] == ["out", "in/d"]  # nothing may leave the output folder
    assert [source.stem for source in find_sources([str(folder / "*.png")])] == ["b"]
    for source in [*find_sources([folder]), *archived]:
        assert np.array_equal(source.read().pixels, pixels)


def test_missing_and_broken_inputs_become_sources_that_say_so(tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"PK nothing")
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    inputs = [tmp_path / "broken.zip", tmp_path / "broken.mp4", tmp_path / "none.mp4", tmp_path / "none.jpg"]
    sources = list(find_sources(inputs))
    assert len(sources) == 4
    for source in sources:
        with pytest.raises((ValueError, OSError)):
            source.read()


@pytest.mark.parametrize("count", [1, 3])
def test_videos_give_their_frames(tmp_path, count):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for i in range(count):
        writer.write(np.full((48, 64, 3), (0, 0, 80 * i + 60), np.uint8))
    writer.release()
    photos = [source.read() for source in find_sources([path])]
    assert len(photos) == count
    for i, photo in enumerate(photos):
        assert abs(int(photo.pixels[..., 0].mean()) - (80 * i + 60)) < 12 and photo.pixels[..., 2].mean() < 12


def test_results_below_a_searched_folder_are_left_out(tmp_path):
    for name in ("a.jpg", "faces/a-overlay.jpg", "faces2/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = [source.stem for source in find_sources([tmp_path], results=tmp_path / "faces2" / ".." / "faces")]
    assert names == ["a", "faces2/b"]
    assert [source.stem for source in find_sources([tmp_path / "faces2"], results=tmp_path)] == ["b"]
    with pytest.raises(ValueError, match="name another one"):
        list(find_sources([tmp_path], results=tmp_path))
    with pytest.raises(ValueError, match="must not be empty"):
        list(find_sources([""]))
