"""Files of strangers, read as data: nothing in them runs, and nothing grows far beyond their size.

Every reader of the library goes through here. It imports no torch, so that the runtime reads by the same rules.
"""

from pyface3d.foreign.limits import Limits, limits, raised_limits

__all__ = ["Limits", "limits", "raised_limits"]
