import io
import json

import pytest
import torch
from PIL import Image
from rich.console import Console

from pyface3d.evaluation import evaluate


def test_report_files(oracle, portraits, tmp_path):
    report = evaluate(oracle(shift=3.0), "aflw2000-3d/2d-68", portraits[2], name="ours & more", worst=4, draws=50)
    written = {path.name for path in report.save(tmp_path / "new")}
    assert written == {"report.json", "table.csv", "table.tex", "images.csv", "ced.png", "worst.png"}
    assert {path.name for path in (tmp_path / "new").iterdir()} == written
    saved = json.loads((tmp_path / "new" / "report.json").read_text())
    assert saved["figures"]["mean"] == report.figures["mean"] and saved["settings"]["legacy_roi"] is True
    assert any(row["method"] == "MARN" and row["mean"] == 3.757 for row in saved["published"])
    table = (tmp_path / "new" / "table.csv").read_text().splitlines()
    assert table[0].startswith("Method,Source,") and f"{report.figures['mean']:.3f}" in table[-2]
    assert r"\textbf{ours \& more}" in (tmp_path / "new" / "table.tex").read_text()
    images = (tmp_path / "new" / "images.csv").read_text().splitlines()
    assert len(images) == 7 and images[3].startswith("2,face 2,45.0,")
    assert [thumbnail.error for thumbnail in report.worst] == sorted(report.per_image["errors"].tolist(), reverse=True)[
        :4
    ]
    with Image.open(tmp_path / "new" / "worst.png") as sheet:
        assert sheet.size == (5 * 160, 174)
    low, high = report.intervals["mean"]
    assert low <= report.figures["mean"] <= high


def test_printed_table(oracle, portraits):
    console = Console(width=140, record=True)
    report = evaluate(oracle(shift=3.0), "aflw2000-3d/2d-68", portraits[2], draws=50)
    report.print(console)
    text = console.export_text()
    for expected in (
        "[0,30]",
        "Mobile-FRNet",
        "3.832",
        "this run",
        f"{report.figures['mean']:.3f}",
        "95 % interval",
        "AUC",
    ):
        assert expected in text


@pytest.mark.parametrize("width", [24, 40, 60, 72, 80, 100])
def test_no_figure_is_cut_on_a_narrow_terminal(oracle, portraits, width):
    report = evaluate(oracle(shift=3.0), "aflw2000-3d/2d-68", portraits[2], draws=50)
    console = Console(file=io.StringIO(), width=width)
    report.print(console)
    text = console.file.getvalue()
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    figures = [cell for row in report.rows() for cell in row[2:] if cell not in ("", "-")]
    assert all(text.count(figure) >= figures.count(figure) for figure in figures)


def test_no_row_is_folded_in_a_file(oracle, portraits, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    report = evaluate(oracle(shift=3.0), "aflw2000-3d/2d-68", portraits[2], name="a name of " + 9 * "many words ")
    report.print()
    lines = capsys.readouterr().out.splitlines()
    assert any(all(cell in line for cell in report.rows()[-2]) for line in lines)


def test_papers_figures_of_other_columns(oracle, portraits):
    method = oracle(attributes=torch.full((6, 1), 0.9))
    method.attribute_names = ("Male",)
    samples = [{**sample, "attributes": torch.ones(1)} for sample in portraits[2]]
    rows = evaluate(method, "celeba/accuracy", samples).rows()
    assert ["MOON", "MOON", "90.940", "-", "-"] in rows and rows[-1][:3] == ["oracle", "this run", "100.000"]


def test_a_report_without_pictures(oracle, portraits, tmp_path):
    report = evaluate(oracle(shift=3.0), "aflw2000-3d/2d-68", portraits[2], worst=0, draws=0)
    assert report.worst == []
    assert "worst.png" not in {path.name for path in report.save(tmp_path)}
