"""Camera geometry: pose layouts, angles, y-flips, crops and the parameter vector of a 3D Morphable Model.

The field's conventions disagree in small, costly ways; here each has a name, and the default is the exact or
published one. Model and pose frames have y up; image frames have x right and y down.
"""

from pyface3d.camera.crops import crop, roi_from_box, roi_from_five_points, roi_from_landmarks
from pyface3d.camera.flips import FLIPS, flip_y, unflip_y
from pyface3d.camera.mapping import (
    crop_to_image,
    image_to_crop,
    params_to_crop,
    params_to_image,
    pose_to_crop,
    pose_to_image,
)
from pyface3d.camera.parameter_space import LAYOUTS, ParameterSpace, pad_params
from pyface3d.camera.pinhole import CAMERA_CONVENTIONS, PinholeCamera
from pyface3d.camera.pose import (
    angles_to_rotation,
    compose_pose,
    decompose_pose,
    para_from_pose,
    pose_from_para,
    pose_to_angles,
    turn_of_face,
)

__all__ = [
    "CAMERA_CONVENTIONS",
    "FLIPS",
    "LAYOUTS",
    "ParameterSpace",
    "PinholeCamera",
    "angles_to_rotation",
    "compose_pose",
    "crop",
    "crop_to_image",
    "decompose_pose",
    "flip_y",
    "image_to_crop",
    "pad_params",
    "para_from_pose",
    "params_to_crop",
    "params_to_image",
    "pose_from_para",
    "pose_to_angles",
    "pose_to_crop",
    "pose_to_image",
    "roi_from_box",
    "roi_from_five_points",
    "roi_from_landmarks",
    "turn_of_face",
    "unflip_y",
]
