"""The slow truth of each op in plain torch: what the kernels must equal. For tests, benchmarks and double backward."""

from pyface3d.ops.reference.project_weak_perspective import project_weak_perspective

__all__ = ["project_weak_perspective"]
