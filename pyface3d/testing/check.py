"""The op contract as one callable check, for this library's tests and for ops built on it."""

from collections.abc import Callable, Sequence

from pyface3d.testing import refusals, transforms, values
from pyface3d.testing.record import OpRecord

#: what is checked of every op: name -> function of a record and a device
CHECKS: dict[str, Callable[[OpRecord, str], None]] = {
    "values": values.values,
    "sizes": values.sizes,
    "layouts": values.layouts,
    "subsets": values.subsets,
    "finite_differences": values.finite_differences,
    "arriving_gradients": values.arriving_gradients,
    "bits": values.bits,
    "after_fork": values.after_fork,
    "shapes": values.shapes,
    "opcheck": values.opcheck,
    "double_backward": transforms.double_backward,
    "forward_mode": transforms.forward_mode,
    "function_transforms": transforms.function_transforms,
    "checkpointing": transforms.checkpointing,
    "autocast": transforms.autocast,
    "promotion": transforms.promotion,
    "inference": transforms.inference,
    "compilation": transforms.compilation,
    "refused_dtypes": refusals.dtypes,
    "refused_devices": refusals.devices,
    "refused_shapes": refusals.shapes,
    "refused_indices": refusals.indices,
    "refused_values": refusals.sentences,
}


def check_op(record: OpRecord, device: str = "cpu", only: Sequence[str] = tuple(CHECKS)) -> None:
    """Holds an op to the contract: its numbers, what torch promises of an op, what it refuses.

    Args:
        record: the op, its reference and its sample arguments.
        device: where to run.
        only: names of the checks to run, of :data:`CHECKS`; each one's docstring says what it holds.

    Raises:
        AssertionError: naming what does not hold.

    Example:
        >>> from pyface3d.testing import RECORDS, check_op
        >>> check_op(RECORDS["wing_loss"], only=("values", "forward_mode"))
    """
    for name in only:
        CHECKS[name](record, device)
