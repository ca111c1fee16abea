"""What a feature knows: a linear probe of each attribute, and a picture of the feature space."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from pyface3d.evaluation.curves import new_figure, save_figure


class LinearProbe(Metric):
    """Accuracy with which a linear classifier reads each attribute off a frozen feature, in percent.

    Features are standardised, a logistic regression is fitted on one half of the images (every second one) and scored
    on the other. ``majority`` is the accuracy of always answering with the commoner class of the fitted half: what a
    feature that knows nothing gets.

    Args:
        names: names of the A attributes.
        options: of :class:`torchmetrics.Metric`.
    """

    full_state_update = False
    higher_is_better = True
    unit = "%"
    features: list[Tensor]
    targets: list[Tensor]

    def __init__(self, names: Sequence[str], **options) -> None:
        super().__init__(**options)
        self.names = tuple(names)
        self.add_state("features", default=[], dist_reduce_fx="cat")
        self.add_state("targets", default=[], dist_reduce_fx="cat")

    def update(self, features: Tensor, target: Tensor) -> None:
        """Adds a batch: features (B, D) and attributes (B, A), 1 for yes, 0 for no, -1 for unknown."""
        if target.shape != (len(features), len(self.names)):
            raise ValueError(
                f"LinearProbe.update: target must be ({len(features)}, {len(self.names)}), got {tuple(target.shape)}"
            )
        self.features.append(features.detach().float().flatten(1))
        self.targets.append(target.long())

    def compute(self) -> dict[str, float]:
        """``accuracy``, ``balanced`` and ``majority``: means over the attributes with both classes in both halves;
        and by name.
        """
        features, targets = self.collected()
        probes = {name: _probe(features, targets[:, column]) for column, name in enumerate(self.names)}
        rows = {name: row for name, row in probes.items() if row is not None}
        figures = {
            rule: float(np.mean([row[rule] for row in rows.values()])) if rows else float("nan") for rule in _RULES
        }
        figures["images"] = len(features)
        figures["attributes"] = len(rows)
        return figures | {f"{rule}/{name}": row[rule] for name, row in rows.items() for rule in _RULES}

    def collected(self) -> tuple[np.ndarray, np.ndarray]:
        """Features (M, D) and attributes (M, A) seen so far."""
        return dim_zero_cat(self.features).cpu().numpy(), dim_zero_cat(self.targets).cpu().numpy()


_RULES = ("accuracy", "balanced", "majority")


def _probe(features: np.ndarray, labels: np.ndarray) -> dict[str, float] | None:
    linear = _scikit("linear_model")
    known = labels >= 0
    features, labels = features[known], labels[known]
    fitted, held = slice(0, None, 2), slice(1, None, 2)
    if len(np.unique(labels[fitted])) < 2 or len(np.unique(labels[held])) < 2:
        return None
    center, spread = features[fitted].mean(0), features[fitted].std(0)
    features = (features - center) / np.where(spread > 0, spread, 1.0)
    found = linear.LogisticRegression(max_iter=1000).fit(features[fitted], labels[fitted]).predict(features[held])
    right = found == labels[held]
    rates = [right[labels[held] == value].mean() for value in (0, 1)]
    common = np.bincount(labels[fitted]).argmax()
    return {
        "accuracy": 100 * float(right.mean()),
        "balanced": 100 * float(np.mean(rates)),
        "majority": 100 * float((labels[held] == common).mean()),
    }


def draw_representation(
    features: Tensor | np.ndarray,
    labels: Tensor | np.ndarray,
    path: str | Path,
    *,
    title: str = "",
    method: str = "tsne",
    seed: int = 0,
) -> np.ndarray:
    """Draws features as points in the plane, colored by one attribute.

    Args:
        features: (M, D).
        labels: (M,) 1 for yes, 0 for no, -1 for unknown (gray).
        path: picture to write; the suffix chooses the format.
        title: title of the picture.
        method: ``"tsne"`` or ``"pca"``.
        seed: of t-SNE.

    Returns:
        (M, 2) the points drawn.

    Raises:
        ValueError: for an unknown method.
        ImportError: without scikit-learn.
    """
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if method == "pca":
        centered = features - features.mean(0)
        points = centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T
    elif method == "tsne":
        perplexity = min(30.0, max(1.0, (len(features) - 1) / 3))
        manifold = _scikit("manifold")
        points = manifold.TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(features)
    else:
        raise ValueError(f"draw_representation: method must be 'tsne' or 'pca', got {method!r}")
    figure = new_figure(6, 6)
    axes = figure.subplots()
    for value, color, name in ((-1, "lightgray", "unknown"), (0, "tab:blue", "no"), (1, "tab:orange", "yes")):
        if (labels == value).any():
            axes.scatter(points[labels == value, 0], points[labels == value, 1], s=6, c=color, label=name)
    axes.set(title=title, xticks=[], yticks=[])
    axes.legend()
    save_figure(figure, path)
    return points


def _scikit(module: str) -> ModuleType:
    try:
        import importlib

        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        raise ImportError("the representation protocol needs scikit-learn: pip install scikit-learn") from error
