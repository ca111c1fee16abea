"""Mean and Std columns of the papers follow from their bins: mean of the bins, deviation of the bins."""

import math

import pytest
import torch

from pyface3d.evaluation import summarize
from pyface3d.evaluation.published import PUBLISHED, SLIPS

PAPERS = {"MARN", "Mobile-FRNet", "Mobile-FRNet, ablation"}
WITH_BINS = [row for row in PUBLISHED if row.bins and not math.isnan(row.mean)]


def rounding(row) -> tuple[float, float]:
    """Half a unit of the last digit of the bins and of the mean."""
    return 0.5 * 10**-row.bin_decimals, 0.5 * 10**-row.decimals


def key(row):
    return row.protocol, row.method, row.source


def bins_of(row):
    return summarize(torch.tensor(row.bins, dtype=torch.float64), torch.tensor([0.0, 45.0, 75.0]))


def test_all_31_rows_of_the_papers_tables_are_here():
    assert sum(row.source in PAPERS for row in WITH_BINS) == 31
    assert sum(row.source == "Specific Weight Mask" for row in WITH_BINS) == 5


@pytest.mark.parametrize("row", WITH_BINS, ids=lambda row: "-".join(key(row)))
def test_mean_is_the_mean_of_the_bins(row):
    gap = abs(bins_of(row)["mean"] - row.mean)
    within = gap <= sum(rounding(row)) + 1e-9
    assert within != (key(row) in SLIPS), f"{row.mean} printed, {bins_of(row)['mean']:.4f} from the bins"


@pytest.mark.parametrize(
    "row", [row for row in WITH_BINS if not math.isnan(row.std)], ids=lambda row: "-".join(key(row))
)
def test_std_is_over_the_bins(row):
    population = bins_of(row)["std"]
    sample = population * math.sqrt(3 / 2)
    expected, other = (population, sample) if row.std_over == "population" else (sample, population)
    assert abs(expected - row.std) <= math.sqrt(3 / 2) * rounding(row)[0] + rounding(row)[1]
    assert abs(other - row.std) > 0.1  # the two rules cannot be confused


def test_own_rows_agree_to_two_thousandths():
    own = [row for row in WITH_BINS if row.bin_decimals == 3]
    assert len(own) == 18
    for row in own:
        assert abs(bins_of(row)["mean"] - row.mean) < 0.002 and abs(bins_of(row)["std"] - row.std) < 0.002
