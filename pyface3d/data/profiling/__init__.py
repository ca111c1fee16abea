"""Photographed faces turned to the side, with exact labels."""

from pyface3d.data.profiling.profiler import Lifted, Profiler

__all__ = ["Lifted", "Profiler"]
