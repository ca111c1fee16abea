"""Fitting a face model to 2-D landmarks without a network."""

from pyface3d.fitting.calibration import Calibration, calibrate_landmarks
from pyface3d.fitting.contour import contour_candidates
from pyface3d.fitting.correspondence import (
    Correspondence,
    read_correspondence,
    register_models,
    save_correspondence,
)
from pyface3d.fitting.landmark_tables import read_landmarks
from pyface3d.fitting.landmarks import LandmarkFit, fit_landmarks
from pyface3d.fitting.perspective import PerspectiveFit, fit_perspective
from pyface3d.fitting.placing import place_on_surface
from pyface3d.fitting.pose import fit_pose
from pyface3d.fitting.shape import fit_shape

__all__ = [
    "Calibration",
    "Correspondence",
    "LandmarkFit",
    "PerspectiveFit",
    "calibrate_landmarks",
    "contour_candidates",
    "fit_landmarks",
    "fit_perspective",
    "fit_pose",
    "fit_shape",
    "place_on_surface",
    "read_correspondence",
    "read_landmarks",
    "register_models",
    "save_correspondence",
]
