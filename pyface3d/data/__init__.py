"""Data sets: files and rendered faces as one documented sample dict (:class:`Sample`)."""

from pyface3d.data.archive import Archive
from pyface3d.data.augment import Augment, Strength
from pyface3d.data.celeba import CelebA
from pyface3d.data.check import FolderReport, check, open_sets
from pyface3d.data.cropped_faces import CroppedFaces, TrainAug
from pyface3d.data.dataset import FaceDataset, Report
from pyface3d.data.landmark_files import LandmarkFaces
from pyface3d.data.mat import MatFaces, MatLabel, read_mat
from pyface3d.data.mirror import Mirror
from pyface3d.data.pictures import Pictures, UnreadableError, decode_image
from pyface3d.data.pool import Pool
from pyface3d.data.sample import Sample, collate, select
from pyface3d.data.schemes import convert_landmarks, mirror_permutation

__all__ = [
    "Archive",
    "Augment",
    "CelebA",
    "CroppedFaces",
    "FaceDataset",
    "FolderReport",
    "LandmarkFaces",
    "MatFaces",
    "MatLabel",
    "Mirror",
    "Pictures",
    "Pool",
    "Report",
    "Sample",
    "Strength",
    "TrainAug",
    "UnreadableError",
    "check",
    "collate",
    "convert_landmarks",
    "decode_image",
    "mirror_permutation",
    "open_sets",
    "read_mat",
    "select",
]
