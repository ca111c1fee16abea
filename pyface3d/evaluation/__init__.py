"""Predictions and truth to numbers, tables and curves."""

from pyface3d.evaluation.bins import YAW_BINS, bin_of_yaw, summarise
from pyface3d.evaluation.metric import ImageMetric, LandmarkError
from pyface3d.evaluation.nme import align_depth, box_size, normalised_mean_error, outer_interocular
from pyface3d.evaluation.published import PUBLISHED, PublishedRow, published_rows

__all__ = [
    "PUBLISHED",
    "YAW_BINS",
    "ImageMetric",
    "LandmarkError",
    "PublishedRow",
    "align_depth",
    "bin_of_yaw",
    "box_size",
    "normalised_mean_error",
    "outer_interocular",
    "published_rows",
    "summarise",
]
