"""The outcome of an evaluation as a table, files and pictures."""

import csv
import io
import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from pyface3d._version import __version__
from pyface3d.atomic import write_whole
from pyface3d.evaluation.curves import area_under_curve, draw_curves, failure_rate
from pyface3d.evaluation.published import PublishedRow, published_rows
from pyface3d.evaluation.worst import Thumbnail, draw_contact_sheet
from pyface3d.foreign.text import finite

UNBOUNDED = 10_000  # columns of what is no terminal: a file's lines are never folded
_HEADINGS = {"mean": "Mean", "std": "Std", "per_image_mean": "per image", "per_image_std": "Std over images"}


@dataclass
class EvaluationReport:
    """Figures of one method by one protocol, with what is needed to print, save and compare them.

    Attributes:
        protocol: name of the protocol.
        title: one line about it.
        method: name of the method.
        unit: unit of the errors.
        columns: figures that the table prints.
        limit: bound of the CED and of the failure rate.
        settings: settings of the protocol.
        figures: what the metric computed.
        intervals: figure -> (low, high), 95 % bootstrap.
        per_image: ``errors``, ``yaws`` and ``numbers`` (M,), or None where the metric keeps none.
        names: (M,) names of the images.
        worst: thumbnails of the images of the largest error, worst first.
        refused: name -> reason of samples that could not be read.
        seconds: wall time.
    """

    protocol: str
    title: str
    method: str
    unit: str
    columns: tuple[str, ...]
    limit: float
    settings: dict[str, Any]
    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    per_image: dict[str, Tensor] | None = None
    names: list[str] = field(default_factory=list)
    worst: list[Thumbnail] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def published(self) -> tuple[PublishedRow, ...]:
        """Rows that papers print for this protocol, each figure once; none where the settings are not the papers'."""
        if self.settings.get("labels") == "reannotated":
            return ()
        once: dict[tuple, PublishedRow] = {}
        for row in published_rows(self.protocol):
            once.setdefault((row.method, *map(repr, row.figures.values())), row)
        return tuple(once.values())

    @property
    def curve(self) -> dict[str, float]:
        """``auc`` and ``failure_rate`` in percent up to ``limit``; empty without errors per image."""
        if self.per_image is None:
            return {}
        errors = self.per_image["errors"].cpu().numpy()
        return {"auc": area_under_curve(errors, self.limit), "failure_rate": failure_rate(errors, self.limit)}

    def rows(self) -> list[list[str]]:
        """The cells of the table: papers first, ours last, then half the width of its 95 % interval."""
        rows = [[row.method, row.source, *(_cell(row.figures.get(c)) for c in self.columns)] for row in self.published]
        rows.append([self.method, "this run", *(_cell(self.figures.get(column)) for column in self.columns)])
        if self.intervals:
            spans = [self.intervals.get(column) for column in self.columns]
            rows.append(
                ["", "95 % interval", *("" if span is None else f"±{(span[1] - span[0]) / 2:.2f}" for span in spans)]
            )
        return rows

    def headings(self) -> list[str]:
        """Heads of the columns."""
        return ["Method", "Source", *(_HEADINGS.get(column, column) for column in self.columns)]

    def table(self) -> Table:
        """The paper-style table for a terminal that is wide enough."""
        table = Table(title=self._head(), caption=self._caption(), box=box.SIMPLE_HEAD, pad_edge=False)
        rows = self.rows()
        for i, heading in enumerate(self.headings()):
            if i < 2:  # text may go on in the next line, but words are whole
                longest = max(len(word) for row in rows for word in [heading, *row[i].split()])
                table.add_column(escape(heading), min_width=longest)
            else:
                table.add_column(escape(heading), justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*map(escape, row), style="bold" if row[1] == "this run" else None)
        return table

    def stacked(self) -> Table:
        """The same figures one below the other, for a terminal that is narrower than the table."""
        table = Table(title=self._head(), caption=self._caption(), box=box.SIMPLE, pad_edge=False, show_header=False)
        table.add_column(overflow="fold")
        table.add_column(justify="right", no_wrap=True)
        for method, source, *cells in self.rows():
            table.add_row(escape(f"{method} ({source})" if method else source), style="bold")
            for heading, cell in zip(self.headings()[2:], cells):
                table.add_row(escape(heading), cell)
            table.add_section()
        return table

    def print(self, console: Console | None = None) -> None:
        """Prints the table: no figure is cut, however narrow the terminal; in a file no row is folded."""
        console = console or Console(width=None if sys.stdout.isatty() else UNBOUNDED)
        table = self.table()
        least = console.measure(table, options=console.options.update(width=UNBOUNDED)).minimum
        console.print(table if least <= console.width else self.stacked())

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures as JSON-able values; what is not a number is null."""
        published = [{"method": row.method, "source": row.source, **row.figures} for row in self.published]
        return finite(
            {
                "protocol": self.protocol,
                "title": self.title,
                "unit": self.unit,
                "settings": self.settings,
                "method": self.method,
                "figures": self.figures,
                "intervals": {name: list(span) for name, span in self.intervals.items()},
                "curve": {**self.curve, "limit": self.limit},
                "published": published,
                "refused": self.refused,
                "seconds": self.seconds,
                "versions": {"pyface3d": __version__, "torch": torch.__version__},
            }
        )

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=1)

    def to_csv(self) -> str:
        """The table, comma separated."""
        return _csv([self.headings(), *self.rows()])

    def per_image_csv(self) -> str:
        """``number``, ``name``, ``yaw`` and ``error`` of each image; empty without errors per image."""
        if self.per_image is None:
            return ""
        columns = (self.per_image[key].tolist() for key in ("numbers", "yaws", "errors"))
        rows = [[number, name, yaw, error] for name, (number, yaw, error) in zip(self.names, zip(*columns))]
        return _csv([["number", "name", "yaw", "error"], *rows])

    def to_latex(self) -> str:
        """The table for a paper (booktabs)."""
        lines = [r"\begin{tabular}{ll" + "r" * len(self.columns) + "}", r"\toprule"]
        lines += [" & ".join(map(_tex, self.headings())) + r" \\", r"\midrule"]
        for row in self.rows():
            cells = [rf"\textbf{{{_tex(cell)}}}" if row[1] == "this run" and cell else _tex(cell) for cell in row]
            lines.append(" & ".join(cells) + r" \\")
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])

    def save(self, folder: str | Path) -> list[Path]:
        """Writes ``report.json``, ``table.csv``, ``table.tex``, and where there are errors per image ``images.csv``,
        ``ced.png``, ``worst.png``.

        Args:
            folder: made where it is missing.

        Returns:
            The files written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        texts = {
            "report.json": self.to_json(),
            "table.csv": self.to_csv(),
            "table.tex": self.to_latex(),
            "images.csv": self.per_image_csv(),
        }
        written = []
        for name, text in texts.items():
            if text:
                write_whole(folder / name, text.encode())
                written.append(folder / name)
        if self.per_image is not None and len(self.per_image["errors"]):
            errors = self.per_image["errors"].cpu().numpy()
            draw_curves({self.method: errors}, folder / "ced.png", self.limit, title=self.title, unit=self.unit)
            written.append(folder / "ced.png")
        if self.worst:
            draw_contact_sheet(self.worst, folder / "worst.png", unit=self.unit)
            written.append(folder / "worst.png")
        return written

    def _head(self) -> str:
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def _caption(self) -> str:
        parts = [f"{self.figures['images']:.0f} images" if "images" in self.figures else ""]
        parts += [f"{self.figures['skipped']:.0f} skipped" if self.figures.get("skipped") else ""]
        parts += [f"{len(self.refused)} unreadable" if self.refused else ""]
        curve = self.curve
        parts += [
            f"AUC {curve['auc']:.1f} %, failures {curve['failure_rate']:.1f} % at {self.limit:g}" if curve else ""
        ]
        parts += [f"{self.seconds:.1f} s"]
        return ", ".join(part for part in parts if part)


def _cell(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def _csv(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _tex(cell: str) -> str:
    for character in "&%_#":
        cell = cell.replace(character, "\\" + character)
    return cell
