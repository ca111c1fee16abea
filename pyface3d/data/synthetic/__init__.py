"""Synthetic portraits: endless labelled faces rendered from a face model."""

from pyface3d.data.synthetic.faces import SyntheticFaces

__all__ = ["SyntheticFaces"]
