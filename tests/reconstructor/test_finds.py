import numpy as np

from pyface3d.images import Source, read_photo
from pyface3d.images.detections import Detections
from pyface3d.images.framing import Framing
from pyface3d.reconstructor import Reconstructor


def _finds(points):
    """A detector of two finds that share a box; the first and larger one has these points."""
    box = np.float32([[60, 60, 140, 140], [62, 62, 138, 138]])

    def detector(image, largest):
        found = Detections(box, np.float32([0.9, 0.8]), np.stack([points, points]), Framing.yunet())
        return found[:1] if largest else found

    return detector


def test_finds_without_a_face_are_dropped_and_counted(method):
    photo = np.full((200, 200, 3), 128, np.uint8)
    usual = np.float32([[82, 88], [118, 88], [100, 106], [86, 124], [114, 124]])
    seen = Reconstructor(method, detector=_finds(usual), faces="all")(photo)
    assert len(seen) == 2 and np.array_equal(seen[0].points, usual) and seen[1].index == 1
    upside_down = np.float32([[86, 124], [114, 124], [100, 96], [82, 88], [118, 88]]) * [1, 2] - [0, 110]
    (result,) = Reconstructor(method, detector=_finds(upside_down), faces="all").iter(
        [Source("a", lambda: read_photo(photo))]
    )
    assert result.faces == [] and result.dropped == 2
    assert Reconstructor(method, detector=_finds(upside_down))(photo) == []


def test_the_next_largest_face_is_taken_where_the_largest_find_is_none(method):
    photo = np.full((200, 200, 3), 128, np.uint8)
    usual = np.float32([[82, 88], [118, 88], [100, 106], [86, 124], [114, 124]])

    def detector(image, largest):
        boxes = np.float32([[50, 50, 150, 150], [60, 60, 140, 140]])
        points = np.stack([usual[[3, 4, 2, 0, 1]] * [1, 2] - [0, 110], usual])
        found = Detections(boxes, np.ones(2), points, Framing.yunet())
        return found[:1] if largest else found

    (result,) = Reconstructor(method, detector=detector).iter([Source("a", lambda: read_photo(photo))])
    assert len(result.faces) == 1 and result.dropped == 1 and np.array_equal(result.faces[0].points, usual)
