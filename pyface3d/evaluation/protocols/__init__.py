"""Evaluation protocols by name."""

from collections.abc import Callable
from typing import Any

from pyface3d.evaluation.protocols.base import Protocol
from pyface3d.evaluation.protocols.landmarks import Aflw21Protocol, LandmarkProtocol
from pyface3d.evaluation.protocols.people import (
    AttributeProtocol,
    HeadPoseProtocol,
    RepresentationProtocol,
    SpeedProtocol,
)
from pyface3d.evaluation.protocols.scan_views import FlorenceProtocol, MiccProtocol, NowProtocol
from pyface3d.evaluation.protocols.surfaces import DenseProtocol, ReconstructionProtocol

# name -> class, and the settings that the name stands for
PROTOCOLS: dict[str, tuple[Callable[..., Protocol], dict[str, Any]]] = {
    "aflw2000-3d/2d-68": (LandmarkProtocol, {"title": "AFLW2000-3D, 68 points, 2-D NME"}),
    "aflw2000-3d/3d-68": (
        LandmarkProtocol,
        {"title": "AFLW2000-3D, 68 points, 3-D NME", "dims": 3, "depth": "mean", "limit": 10.0},
    ),
    "aflw2000-3d/dense-2d": (DenseProtocol, {"title": "AFLW2000-3D, all vertices, 2-D NME", "dims": 2}),
    "dense-3d": (DenseProtocol, {"title": "All vertices, 3-D NME", "limit": 10.0}),
    "aflw/21": (Aflw21Protocol, {"title": "AFLW, 21 points, visible only, 2-D NME"}),
    "reconstruction/icp-interocular": (
        ReconstructionProtocol,
        {"title": "Reconstruction NME: rigid ICP, over the interocular distance", "limit": 10.0},
    ),
    "reconstruction/icp-bbox": (
        ReconstructionProtocol,
        {
            "title": "Reconstruction NME: rigid ICP of every 50th vertex, over the face's box",
            "normalizer": "box",
            "stride": 50,
            "absolute": 0.01,
            "limit": 5.0,
        },
    ),
    "reconstruction/procrustes": (
        ReconstructionProtocol,
        {
            "title": "Reconstruction NME: similarity Procrustes, over the interocular distance",
            "alignment": "procrustes",
            "scale": True,
            "limit": 10.0,
        },
    ),
    "florence": (FlorenceProtocol, {"title": "Florence: rigid ICP of drawn views, over the interocular distance"}),
    "micc": (MiccProtocol, {"title": "MICC: point-to-plane RMSE in millimeters"}),
    "now": (NowProtocol, {"title": "NoW-style scan-to-mesh distance in millimeters"}),
    "head-pose": (HeadPoseProtocol, {"title": "Head pose, mean absolute error in degrees"}),
    "celeba/accuracy": (AttributeProtocol, {"title": "CelebA, accuracy of 40 attributes"}),
    "speed": (SpeedProtocol, {"title": "Speed of predict on random pictures"}),
    "representation": (RepresentationProtocol, {"title": "Linear probe of the shared feature on the attributes"}),
}


def list_protocols() -> list[str]:
    """Names that :func:`create_protocol` knows.

    Example:
        >>> "aflw2000-3d/2d-68" in list_protocols()
        True
    """
    return sorted(PROTOCOLS)


def create_protocol(name: str, **options: Any) -> Protocol:
    """The protocol of a name.

    Args:
        name: one of :func:`list_protocols`.
        options: settings of its class, for instance ``labels="reannotated"``; they win over those of the name.

    Raises:
        ValueError: for an unknown name, or an option that the protocol does not have.

    Example:
        >>> create_protocol("aflw2000-3d/2d-68", labels="reannotated").labels
        'reannotated'
    """
    if name not in PROTOCOLS:
        raise ValueError(f"create_protocol: name must be one of {', '.join(list_protocols())}, got {name!r}")
    build, settings = PROTOCOLS[name]
    try:
        return build(name=name, **{**settings, **options})
    except TypeError as error:
        raise ValueError(f"create_protocol: {name} does not take these options: {error}") from error


__all__ = [
    "PROTOCOLS",
    "Aflw21Protocol",
    "AttributeProtocol",
    "DenseProtocol",
    "FlorenceProtocol",
    "HeadPoseProtocol",
    "LandmarkProtocol",
    "MiccProtocol",
    "NowProtocol",
    "Protocol",
    "ReconstructionProtocol",
    "RepresentationProtocol",
    "SpeedProtocol",
    "create_protocol",
    "list_protocols",
]
