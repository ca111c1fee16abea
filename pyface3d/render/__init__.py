"""Pictures from meshes: NumPy or torch in, uint8 RGB out.

Vertices are in the image frame of a photo: x right, y down, pixel centers at integers, larger z nearer. NumPy pictures
are (H, W, 3), torch pictures (3, H, W); both may be batches.
"""

from pyface3d.render.files import save_animation, save_picture
from pyface3d.render.landmarks import draw_landmarks
from pyface3d.render.maps import depth_map, normal_map, pncc, pncc_codes
from pyface3d.render.merging import merge_textures
from pyface3d.render.shading import Light, Texture, overlay, shade
from pyface3d.render.texture import ExtractedTexture, extract_texture
from pyface3d.render.turntable import side_by_side, turntable

__all__ = [
    "ExtractedTexture",
    "Light",
    "Texture",
    "depth_map",
    "draw_landmarks",
    "extract_texture",
    "merge_textures",
    "normal_map",
    "overlay",
    "pncc",
    "pncc_codes",
    "save_animation",
    "save_picture",
    "shade",
    "side_by_side",
    "turntable",
]
