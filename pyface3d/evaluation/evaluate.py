"""One call from a method, a protocol and data to a report."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import default_collate
from torchmetrics import Metric

from pyface3d.data import FaceDataset, UnreadableError
from pyface3d.evaluation.bootstrap import bootstrap_intervals
from pyface3d.evaluation.metric import ImageMetric
from pyface3d.evaluation.protocols import Protocol, create_protocol
from pyface3d.evaluation.report import EvaluationReport
from pyface3d.evaluation.worst import Thumbnail, WorstImages


def evaluate(
    method: Any,
    protocol: str | Protocol,
    data: Any = None,
    *,
    name: str | None = None,
    batch_size: int = 64,
    max_images: int | None = None,
    worst: int = 20,
    draws: int = 1000,
    **options: Any,
) -> EvaluationReport:
    """Measures a method by a protocol.

    Args:
        method: anything with ``predict(images uint8 RGB (B, 3, S, S)) -> Reconstruction``.
        protocol: a name of :func:`pyface3d.evaluation.list_protocols`, or a protocol.
        data: a path that the protocol can open (docs/evaluation.md), or samples: a data set, a data loader, any
            iterable of sample dicts, single or collated; for scan protocols a folder or a list of scans; nothing for
            ``speed``.
        name: of the method in the report.
        batch_size: faces at a time, where ``data`` gives single samples.
        max_images: stop after so many samples.
        worst: images on the contact sheet.
        draws: bootstrap resamples for the confidence intervals; 0: none.
        options: settings of the protocol where it is given by name.

    Returns:
        Figures, published rows beside them, curve, worst images; :meth:`EvaluationReport.save` writes everything.

    Raises:
        ValueError: for an unknown protocol or option, or samples that lack what it needs.
        FileNotFoundError: if there is nothing to evaluate at the path.

    Example:
        >>> report = evaluate(create_method("mobile_frnet"), "aflw2000-3d/2d-68", "AFLW2000-3D")  # doctest: +SKIP
        >>> report.print()  # doctest: +SKIP
    """
    if isinstance(protocol, str):
        protocol = create_protocol(protocol, **options)
    elif options:
        raise ValueError(
            f"evaluate: options {', '.join(options)} belong to the protocol's constructor when it is not a name"
        )
    if data is None and protocol.needs_data:
        raise ValueError(f"evaluate: {protocol.name} measures on data: name their folder or file")
    samples = protocol.open(data) if isinstance(data, str | Path) else data
    watcher = _Watcher(WorstImages(worst))
    refused: dict[str, str] = {}
    start = time.perf_counter()
    with torch.no_grad():
        metric = protocol.run(method, _batches(samples, batch_size, max_images, refused), watcher)
        figures = metric.compute()
    seconds = time.perf_counter() - start
    kept = metric.per_image() if isinstance(metric, ImageMetric) else None
    return EvaluationReport(
        protocol=protocol.name,
        title=protocol.title,
        method=name or getattr(method, "name", "") or type(method).__name__,
        unit=getattr(metric, "unit", ""),
        columns=protocol.columns,
        limit=protocol.limit,
        settings=_settings(protocol),
        figures=figures,
        intervals=_intervals(kept, draws),
        per_image=kept,
        names=watcher.names_of(kept),
        worst=watcher.worst.sorted(),
        refused=refused,
        seconds=seconds,
    )


def _each(samples: Any, refused: dict[str, str]) -> Iterator[Any]:
    """Samples one by one. A reader's own indexing replaces what it cannot read, which must not count twice here."""
    if samples is None:  # a protocol that needs no data
        return
    if not isinstance(samples, FaceDataset):
        if hasattr(samples, "__iter__"):
            yield from samples
        else:  # a data set, which need not end by itself
            yield from (samples[index] for index in range(len(samples)))
        return
    for index, name in enumerate(samples.names):
        try:
            yield {"number": index, "face_model": samples.face_model, **samples.load(index)}
        except UnreadableError as error:
            refused[name] = str(error)


def _batches(samples: Any, batch_size: int, max_images: int | None, refused: dict[str, str]) -> Iterator[Any]:
    """Collated batches of samples that may be single, collated, or no dicts at all (scans)."""
    waiting: list[Any] = []
    count = 0
    for sample in _each(samples, refused):
        if max_images is not None and count >= max_images:
            break
        collated = isinstance(sample, dict) and "image" in sample and sample["image"].ndim == 4
        count += len(sample["image"]) if collated else 1
        if collated or not isinstance(sample, dict):
            yield sample
            continue
        waiting.append(sample)
        if len(waiting) == batch_size:
            yield _collate(waiting)
            waiting = []
    if waiting:
        yield _collate(waiting)


def _collate(samples: list[dict[str, Any]]) -> dict[str, Any]:
    shared = set.intersection(*(set(sample) for sample in samples))
    return default_collate([{key: sample[key] for key in sample if key in shared} for sample in samples])


class _Watcher:
    """Remembers names and the worst images while batches pass."""

    def __init__(self, worst: WorstImages) -> None:
        self.worst = worst
        self.numbers: list[int] = []
        self.names: list[str] = []
        self.seen: set[int] = set()

    def __call__(self, metric: Metric, batch: Any, points: Any) -> None:
        if not isinstance(metric, ImageMetric):
            return
        errors, numbers = metric.errors[-1].tolist(), metric.numbers[-1].tolist()
        names = [str(name) for name in batch.get("name", [""] * len(errors))]
        for i, error in enumerate(errors):
            if numbers[i] not in self.seen and self.worst.wants(error):
                predicted, target = (None, None) if points is None else (points[0][i].cpu(), points[1][i].cpu())
                self.worst.add(Thumbnail(error, names[i], batch["image"][i].cpu(), predicted, target))
        self.seen.update(number for number in numbers if number >= 0)
        self.numbers += numbers
        self.names += names

    def names_of(self, kept: dict[str, torch.Tensor] | None) -> list[str]:
        """Names in the order of the kept errors; empty where another process saw the image."""
        if kept is None:
            return []
        by_number = dict(zip(self.numbers, self.names))
        unnumbered = iter([name for number, name in zip(self.numbers, self.names) if number < 0])
        return [
            next(unnumbered, "") if number < 0 else by_number.get(number, "") for number in kept["numbers"].tolist()
        ]


def _intervals(kept: dict[str, torch.Tensor] | None, draws: int) -> dict[str, tuple[float, float]]:
    if kept is None or draws == 0:
        return {}
    without_yaw = bool(kept["yaws"].isnan().all())
    return bootstrap_intervals(kept["errors"], None if without_yaw else kept["yaws"], draws=draws)


def _settings(protocol: Protocol) -> dict[str, Any]:
    about_tables = ("name", "title", "columns", "limit")
    return {key: value for key, value in asdict(protocol).items() if key not in about_tables}
