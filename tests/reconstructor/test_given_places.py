import numpy as np
import pytest

from pyface3d.reconstructor.given_places import Places, find_places, read_places


def test_places_from_files(tmp_path):
    (tmp_path / "boxes.csv").write_text("name,left,top,right,bottom\na.jpg,1,2,3,4\na.jpg,5,6,7,8\nsub/b.jpg,1,2,3,5\n")
    places = read_places(tmp_path / "boxes.csv", "boxes")
    assert places["a.jpg"].crops().shape == (2, 4)
    assert find_places(places, "/photos/x/a.jpg") is places["a.jpg"]
    (tmp_path / "rois.json").write_text('{"a": [1, 2, 31, 32]}')
    rois = read_places(tmp_path / "rois.json", "rois")
    assert find_places(rois, "z.zip/a.jpg").crops().tolist() == [[1, 2, 31, 32]]
    np.savez(tmp_path / "dev.npz", names=np.array(["a"]), landmarks=np.ones((1, 68, 2)) * np.arange(68)[:, None])
    assert read_places(tmp_path / "dev.npz", "landmarks")["a"].crops().shape == (1, 4)
    (tmp_path / "bad.csv").write_text("a.jpg,1,2,three,4\nb,x,1,1,1\n")
    with pytest.raises(ValueError, match="bad.csv"):
        read_places(tmp_path / "bad.csv", "boxes")


def test_wrong_places():
    with pytest.raises(ValueError, match="one of"):
        Places(boxes=[1, 2, 3, 4], rois=[1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"\(F, 4\)"):
        Places(boxes=[1, 2, 3]).crops()
    with pytest.raises(ValueError, match="finite"):
        Places(rois=[1, 2, np.nan, 4]).crops()
