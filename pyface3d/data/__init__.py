"""Data sets: files and rendered faces as one documented sample dict (:class:`Sample`)."""

from pyface3d.data.archive import Archive
from pyface3d.data.augment import Augment, Strength
from pyface3d.data.celeba import CelebA
from pyface3d.data.check import FolderReport, check
from pyface3d.data.cropped_faces import CroppedFaces, TrainAug
from pyface3d.data.dataset import FaceDataset, Report
from pyface3d.data.found import find_sets, open_sets
from pyface3d.data.label_folder import LabeledFaces
from pyface3d.data.landmark_files import LandmarkFaces
from pyface3d.data.mat import MatFaces, MatLabel, read_mat
from pyface3d.data.mirror import Mirror
from pyface3d.data.parts import FoundSet
from pyface3d.data.pictures import Pictures, UnreadableError, decode_image
from pyface3d.data.point_tables import PointTable
from pyface3d.data.pool import Pool
from pyface3d.data.resizing import resized
from pyface3d.data.sample import Sample, collate, select
from pyface3d.data.schemes import convert_landmarks, mirror_permutation
from pyface3d.data.tolerant import Tolerant
from pyface3d.data.without import Without, read_names

__all__ = [
    "Archive",
    "Augment",
    "CelebA",
    "CroppedFaces",
    "FaceDataset",
    "FolderReport",
    "FoundSet",
    "LabeledFaces",
    "LandmarkFaces",
    "MatFaces",
    "MatLabel",
    "Mirror",
    "Pictures",
    "PointTable",
    "Pool",
    "Report",
    "Sample",
    "Strength",
    "Tolerant",
    "TrainAug",
    "UnreadableError",
    "Without",
    "check",
    "collate",
    "convert_landmarks",
    "decode_image",
    "find_sets",
    "mirror_permutation",
    "open_sets",
    "read_mat",
    "read_names",
    "resized",
    "select",
]
