"""The contract of every op: one record each, from which all checks are derived, for this library and others' ops."""

from pyface3d.testing.check import CHECKS, check_op
from pyface3d.testing.record import Draw, OpRecord, Rejection, instead
from pyface3d.testing.records import RECORDS
from pyface3d.testing.running import TOLERANCE, assert_close

__all__ = ["CHECKS", "RECORDS", "TOLERANCE", "Draw", "OpRecord", "Rejection", "assert_close", "check_op", "instead"]
