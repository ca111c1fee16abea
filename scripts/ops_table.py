"""Prints the table of ops (op x dtype x device x feature) from their records; ``--write``: into the documentation."""

import argparse
from pathlib import Path

import torch

from pyface3d.atomic import atomic_write
from pyface3d.testing import RECORDS, OpRecord

PAGE = Path(__file__).parents[1] / "docs" / "api" / "ops-table.md"
INTRODUCTION = """---
hide: [toc]
---

# What every op keeps

Printed from the ops' records by `scripts/ops_table.py`; `tests/ops/test_records.py` holds each cell.
*refuses*: an error that says so and names the way out, never a silent zero. *mixed*: float32 and float64 together.
Half precision outside of autocast is refused, other gradients than the named ones are not made. An index out of range
is refused on the CPU; on a GPU, where reading it back would make it wait, it reads nothing that is not there: a
triangle that does not exist counts as none, a picked vertex that does not exist shows as NaN.

"""
COLUMNS = (
    "op",
    "gradients of",
    "float32",
    "float64",
    "mixed",
    "half under autocast",
    "CPU",
    "CUDA",
    "`compile`, `export`",
    "`func.grad`, `vmap`",
    "checkpointing",
    "double backward",
    "forward mode",
)


def _yes(holds: bool) -> str:
    return "yes" if holds else "refuses"


def _row(record: OpRecord) -> list[str]:
    differentiable = bool(record.differentiable)
    return [
        f"`{record.name}`",
        ", ".join(f"`{name}`" for name in record.differentiable) or "none",
        _yes(torch.float32 in record.dtypes),
        _yes(torch.float64 in record.dtypes),
        "yes" if record.promotes else "-",
        "float32 inside",
        _yes("cpu" in record.devices),
        _yes("cuda" in record.devices),
        _yes(record.fullgraph),
        "yes" if differentiable else "`vmap`",
        "yes" if differentiable else "-",
        "refuses" if differentiable else "-",
        "refuses" if differentiable else "-",
    ]


def table() -> str:
    """The page."""
    rows = [list(COLUMNS), ["---"] * len(COLUMNS), *map(_row, RECORDS.values())]
    return INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} instead of printing")
    if parser.parse_args().write:
        with atomic_write(PAGE) as page:
            page.write(table().encode())
    else:
        print(table(), end="")
