"""Training: one ``train`` for every method, on Lightning; on a CPU or GPUs, in one process or several.

Needs the extra ``train``: ``pip install 'pyface3d[train]'``.
"""

try:
    import lightning  # noqa: F401
except ImportError as error:
    raise ImportError(f"pyface3d.training needs Lightning ({error}): pip install 'pyface3d[train]'") from error

from pyface3d.training.batches import StepLoader, StepSampler
from pyface3d.training.callbacks import LastCheckpoint, MovingAverage
from pyface3d.training.job import read_recipe, run_training
from pyface3d.training.log import TrainingLog
from pyface3d.training.maps import MapLabels
from pyface3d.training.module import MethodModule
from pyface3d.training.run import train
from pyface3d.training.sources import open_source
from pyface3d.training.start import Start, start_from

__all__ = [
    "LastCheckpoint",
    "MapLabels",
    "MethodModule",
    "MovingAverage",
    "Start",
    "StepLoader",
    "StepSampler",
    "TrainingLog",
    "open_source",
    "read_recipe",
    "run_training",
    "start_from",
    "train",
]
