"""Predictions and truth to numbers, tables and curves.

:func:`evaluate` measures a method by a named protocol and gives an :class:`EvaluationReport`; every protocol's metric
can be used by itself, as any torchmetrics metric.

Needs the extra ``train``: ``pip install 'pyface3d[train]'``.
"""

try:
    import torchmetrics  # noqa: F401
except ImportError as error:
    raise ImportError(f"pyface3d.evaluation needs torchmetrics ({error}): pip install 'pyface3d[train]'") from error

from pyface3d.evaluation.attributes import AttributeAccuracy
from pyface3d.evaluation.benchmarks import LandmarkBenchmark, open_benchmark
from pyface3d.evaluation.bins import YAW_BINS, bin_of_yaw, summarize
from pyface3d.evaluation.bootstrap import bootstrap_intervals
from pyface3d.evaluation.curves import area_under_curve, draw_curves, error_curve, failure_rate
from pyface3d.evaluation.evaluate import evaluate
from pyface3d.evaluation.head_pose import HeadPoseError
from pyface3d.evaluation.metric import ImageMetric, LandmarkError
from pyface3d.evaluation.nme import align_depth, box_size, normalized_mean_error, outer_interocular
from pyface3d.evaluation.protocols import Protocol, create_protocol, list_protocols
from pyface3d.evaluation.published import PUBLISHED, PublishedRow, published_rows
from pyface3d.evaluation.reconstruction import ReconstructionError
from pyface3d.evaluation.report import EvaluationReport
from pyface3d.evaluation.representation import LinearProbe, draw_representation
from pyface3d.evaluation.scan_error import FlorenceError, MiccError, NowError
from pyface3d.evaluation.speed import Speed

__all__ = [
    "PUBLISHED",
    "YAW_BINS",
    "AttributeAccuracy",
    "FlorenceError",
    "HeadPoseError",
    "ImageMetric",
    "LandmarkBenchmark",
    "LandmarkError",
    "LinearProbe",
    "MiccError",
    "NowError",
    "Protocol",
    "PublishedRow",
    "ReconstructionError",
    "EvaluationReport",
    "Speed",
    "align_depth",
    "area_under_curve",
    "bin_of_yaw",
    "bootstrap_intervals",
    "box_size",
    "create_protocol",
    "draw_curves",
    "draw_representation",
    "error_curve",
    "evaluate",
    "failure_rate",
    "list_protocols",
    "normalized_mean_error",
    "open_benchmark",
    "outer_interocular",
    "published_rows",
    "summarize",
]
