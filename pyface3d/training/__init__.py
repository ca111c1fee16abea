"""Training: ``train`` for every method, on Lightning, and the run that made the embedded weights."""

from pyface3d.training.batches import StepLoader, StepSampler
from pyface3d.training.callbacks import LastCheckpoint, MovingAverage, StepRate
from pyface3d.training.maps import MapLabels
from pyface3d.training.module import MethodModule
from pyface3d.training.run import run_training, train
from pyface3d.training.sources import open_source

__all__ = [
    "LastCheckpoint",
    "MapLabels",
    "MethodModule",
    "MovingAverage",
    "StepLoader",
    "StepRate",
    "StepSampler",
    "open_source",
    "run_training",
    "train",
]
