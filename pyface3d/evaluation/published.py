"""Figures that papers print for the protocols here, to stand beside ours. Transcribed, not measured, unless the
source says so.
"""

import math
from dataclasses import dataclass

from pyface3d.evaluation.bins import YAW_BINS


@dataclass(frozen=True)
class PublishedRow:
    """One row of a published table, errors in percent unless the protocol says otherwise.

    Attributes:
        protocol: name of the protocol.
        method: as the paper calls it.
        source: the paper whose table prints the row.
        bins: means of the yaw bins [0,30], (30,60], (60,90]; None where the paper prints none.
        mean: the "Mean" column; NaN where the paper prints none.
        std: the "Std" column; NaN where the paper prints none.
        bin_decimals: decimals that the bins carry.
        decimals: decimals that mean and std carry.
        std_over: ``"population"`` or ``"sample"``: how the paper took the standard deviation of the three bins.
        others: further figures by name.
    """

    protocol: str
    method: str
    source: str
    bins: tuple[float, float, float] | None
    mean: float
    std: float = math.nan
    bin_decimals: int = 3
    decimals: int = 3
    std_over: str = "population"
    others: tuple[tuple[str, float], ...] = ()

    @property
    def figures(self) -> dict[str, float]:
        """The printed figures under the names that metrics give theirs."""
        bins = dict(zip((name for name, _, _ in YAW_BINS), self.bins)) if self.bins else {}
        return {**bins, "mean": self.mean, "std": self.std, **dict(self.others)}


#: rows whose printed mean does not follow from their printed bins
SLIPS = {("aflw2000-3d/2d-68", "DEFA", "MARN"): "the mean is printed as 5.803; the bins give 5.797"}

# protocol | method | source | bins | mean | std. Two decimals: copied from 3DDFA's paper, whose Std is the sample
# deviation.
_TABLES = """
aflw/21 | CDM | MARN | 8.15 13.02 16.17 | 12.44 | 4.04
aflw/21 | RCPR | MARN | 5.43 6.58 11.53 | 7.85 | 3.24
aflw/21 | ESR | MARN | 5.66 7.12 11.94 | 8.24 | 3.29
aflw/21 | SDM | MARN | 4.75 5.55 9.34 | 6.55 | 2.45
aflw/21 | 3DDFA | MARN | 5.00 5.06 6.74 | 5.60 | 0.99
aflw/21 | Yu 2017 | MARN | 5.94 6.48 7.96 | - | -
aflw/21 | DAMDNet | MARN | 4.359 5.209 6.028 | 5.199 | 0.682
aflw/21 | MARN | MARN | 4.306 4.965 5.775 | 5.015 | 0.601
aflw2000-3d/2d-68 | RCPR | MARN | 4.26 5.96 13.18 | 7.80 | 4.74
aflw2000-3d/2d-68 | ESR | MARN | 4.60 6.70 12.67 | 7.99 | 4.19
aflw2000-3d/2d-68 | SDM | MARN | 3.67 4.94 9.76 | 6.12 | 3.21
aflw2000-3d/2d-68 | DEFA | MARN | 4.50 5.56 7.33 | 5.803 | 1.169
aflw2000-3d/2d-68 | 3DDFA | MARN | 3.78 4.54 7.93 | 5.42 | 2.21
aflw2000-3d/2d-68 | Yu 2017 | MARN | 3.62 6.06 9.56 | - | -
aflw2000-3d/2d-68 | Nonlinear 3DMM | MARN | - | 4.70 | -
aflw2000-3d/2d-68 | DAMDNet | MARN | 2.907 3.830 4.953 | 3.897 | 0.837
aflw2000-3d/2d-68 | MARN | MARN | 2.989 3.670 4.613 | 3.757 | 0.666
reconstruction/icp-interocular | 3DDFA | MARN | 4.877 6.086 8.437 | 6.467 | 1.478
reconstruction/icp-interocular | MARN | MARN | 4.721 5.535 7.483 | 5.913 | 1.159
aflw/21 | 3DDFA+SDM | Mobile-FRNet | 4.75 4.83 6.38 | 5.32 | 0.92
aflw/21 | DAMDNet | Mobile-FRNet | 4.359 5.209 6.028 | 5.199 | 0.682
aflw/21 | Mobile-FRNet | Mobile-FRNet | 4.199 4.862 5.668 | 4.910 | 0.601
aflw2000-3d/2d-68 | 3DDFA+SDM | Mobile-FRNet | 3.43 4.24 7.17 | 4.94 | 1.97
aflw2000-3d/2d-68 | 3DSTN | Mobile-FRNet | 3.15 4.33 5.98 | 4.49 | -
aflw2000-3d/2d-68 | DAMDNet | Mobile-FRNet | 2.907 3.830 4.953 | 3.897 | 0.837
aflw2000-3d/2d-68 | Mobile-FRNet | Mobile-FRNet | 2.930 3.799 4.768 | 3.832 | 0.751
aflw/21 | ResNeXt-50 | Mobile-FRNet, ablation | 4.599 5.516 6.297 | 5.471 | 0.694
aflw/21 | MobileNetV2 | Mobile-FRNet, ablation | 4.643 5.581 6.397 | 5.540 | 0.716
aflw/21 | DenseNet-121 | Mobile-FRNet, ablation | 4.442 5.249 6.168 | 5.286 | 0.705
aflw/21 | Mobile-FRNet, no attention | Mobile-FRNet, ablation | 4.371 5.199 6.031 | 5.201 | 0.678
aflw2000-3d/2d-68 | ResNeXt-50 | Mobile-FRNet, ablation | 3.122 4.065 5.351 | 4.179 | 0.913
aflw2000-3d/2d-68 | MobileNetV2 | Mobile-FRNet, ablation | 3.236 4.080 5.181 | 4.165 | 0.796
aflw2000-3d/2d-68 | DenseNet-121 | Mobile-FRNet, ablation | 3.051 3.912 5.297 | 4.087 | 0.925
aflw2000-3d/2d-68 | Mobile-FRNet, no attention | Mobile-FRNet, ablation | 2.962 3.856 4.991 | 3.936 | 0.830
aflw2000-3d/2d-68 | 3DDFA | Specific Weight Mask | 3.80 4.55 7.88 | 5.41 | -
aflw2000-3d/2d-68 | 3DSTN | Specific Weight Mask | 3.13 4.43 5.78 | 4.45 | -
aflw2000-3d/2d-68 | PRN | Specific Weight Mask | 2.75 3.50 4.60 | 3.62 | -
aflw2000-3d/2d-68 | SDM | Specific Weight Mask | 3.67 4.90 9.67 | 6.08 | -
aflw2000-3d/2d-68 | Specific Weight Mask | Specific Weight Mask | 2.69 3.48 4.58 | 3.58 | -
reconstruction/icp-interocular | PRNet | PRNet | - | 3.963 | -
reconstruction/icp-interocular | 3DDFA | PRNet | - | 5.370 | -
reconstruction/icp-interocular | DeFA | PRNet | - | 5.645 | -
florence | PRNet | PRNet | - | 3.755 | -
florence | VRN-Guided | PRNet | - | 5.267 | -
florence | 3DDFA | PRNet | - | 6.383 | -
florence | 3DDFA_V2 | 3DDFA_V2 | - | 3.56 | -
"""

# protocol | method | source | figures by the names that the protocol's metric gives them
_OTHERS = """
micc | Deep3D | Deep3D | per_image_mean=1.53 per_image_std=0.45
now | DECA | NoW | median=1.09 mean=1.38 std=1.18
now | Deep3D | NoW | median=1.11 mean=1.41 std=1.21
now | 3DDFA_V2 | NoW | median=1.23 mean=1.57 std=1.39
now | PRNet | NoW | median=1.50 mean=1.98 std=1.88
celeba/accuracy | MOON | MOON | accuracy=90.94
celeba/accuracy | ResNet-50 | arXiv 1812.07857 | accuracy=91.2
"""


def _number(text: str) -> float:
    return math.nan if text == "-" else float(text)


def _decimals(text: str) -> int:
    return len(text.split()[0].partition(".")[2])


def _bins(text: str) -> tuple[float, float, float] | None:
    if text == "-":
        return None
    frontal, middle, profile = (float(value) for value in text.split())
    return frontal, middle, profile


def _parse(line: str) -> PublishedRow:
    protocol, method, source, bins, mean, std = (cell.strip() for cell in line.split("|"))
    decimals = max(_decimals(mean), _decimals(std))
    std_over = "sample" if decimals == 2 else "population"
    return PublishedRow(
        protocol, method, source, _bins(bins), _number(mean), _number(std), _decimals(bins), decimals, std_over
    )


def _parse_other(line: str) -> PublishedRow:
    protocol, method, source, cells = (cell.strip() for cell in line.split("|"))
    figures = tuple((name, float(value)) for name, value in (cell.split("=") for cell in cells.split()))
    return PublishedRow(protocol, method, source, None, math.nan, others=figures)


PUBLISHED = (
    *(_parse(line) for line in _TABLES.strip().splitlines()),
    *(_parse_other(line) for line in _OTHERS.strip().splitlines()),
)


def published_rows(protocol: str) -> tuple[PublishedRow, ...]:
    """The published rows of a protocol, in the order of the papers.

    Example:
        >>> [row.mean for row in published_rows("aflw2000-3d/2d-68") if row.method == "MARN"]
        [3.757]
    """
    return tuple(row for row in PUBLISHED if row.protocol == protocol)
