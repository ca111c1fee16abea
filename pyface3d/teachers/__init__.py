"""Labels of photos by networks that were trained before: methods of the library, and landmark networks of others."""

from pyface3d.teachers.head_pose import HeadPose
from pyface3d.teachers.labeling import label_photos
from pyface3d.teachers.loading import load_teacher
from pyface3d.teachers.looking import Lookers, look
from pyface3d.teachers.onnx_landmarks import OpenSeeFace, Peppa
from pyface3d.teachers.teacher import MethodTeacher, Teacher

__all__ = [
    "HeadPose",
    "Lookers",
    "MethodTeacher",
    "OpenSeeFace",
    "Peppa",
    "Teacher",
    "label_photos",
    "load_teacher",
    "look",
]
