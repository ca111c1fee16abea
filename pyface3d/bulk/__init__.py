"""Faces of millions of photos on Ray Data: a pool of actors, Parquet in atomic parts, restart where it stopped.

Needs the extra ``ray``: ``pip install 'pyface3d[ray]'``.
"""

try:
    import pyarrow  # noqa: F401
    import ray  # noqa: F401
except ImportError as error:
    raise ImportError(f"--engine ray needs Ray and pyarrow ({error}): pip install 'pyface3d[ray]'") from error

from pyface3d.bulk.engine import reconstruct_all
from pyface3d.bulk.output import photos_of, problems_of
from pyface3d.bulk.schema import SCHEMA

__all__ = ["SCHEMA", "photos_of", "problems_of", "reconstruct_all"]
