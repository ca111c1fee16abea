"""The rows of the result: one for each face, and one for each photo that gave none."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pyface3d.reconstructor import PhotoFaces

NO_FACE = "no face found"


def _numbers(length: int = -1) -> pa.DataType:
    return pa.list_(pa.float32(), length)


#: Points are pixels of the upright photo: x right, y down, larger z nearer.
SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),  # of the photo; <archive>/<entry> inside zips and tars
        pa.field("face", pa.int32()),  # number of the face in its photo, best detection first; null without a face
        pa.field("box", _numbers(4)),  # left, top, right, bottom of the landmarks
        pa.field("params", _numbers()),  # 62-vector in the crop, un-whitened; null for methods that answer maps
        pa.field("roi", _numbers(4)),  # left, top, right, bottom of the crop
        pa.field("landmarks", _numbers(204)),  # (68, 3), row by row
        pa.field("pose", _numbers(12)),  # (3, 4) [f R | t] from the model to the photo with y up, row by row
        pa.field("score", pa.float32()),  # of the detector; 1 where the place was given
        pa.field("error", pa.string()),  # why there is no face; null where there is one
    ]
)


def rows_of(photo: PhotoFaces) -> Iterator[dict[str, Any]]:
    """The rows of one photo, at least one."""
    name = photo.source.name
    if not photo.faces:
        yield {"path": name, "error": photo.error or photo.problem or NO_FACE}
    for face in photo.faces:
        yield {
            "path": name,
            "face": face.index,
            "box": face.box,
            "params": face.params,
            "roi": face.roi,
            "landmarks": face.landmarks.ravel(),
            "pose": face.pose.ravel(),
            "score": face.score,
        }


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table of :data:`SCHEMA`."""
    return pa.Table.from_pylist(rows, SCHEMA)
