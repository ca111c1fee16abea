import runpy
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "scripts" / "model_sheet.py"


def test_every_tile_shows_a_face(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["model_sheet.py", str(tmp_path / "sheet.png"), "--size", "24"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    tiles = sheet.reshape(len(sheet) // 24, 24, -1, 24, 3).swapaxes(1, 2).reshape(-1, 24, 24, 3)
    shown = tiles[: 10 + 2 * (8 + 10) + 53]
    centers = shown[:, 8:16, 8:16].reshape(len(shown), -1, 3)
    assert ((centers < 255).any(axis=2).mean(axis=1) > 0.9).all()  # the face covers the middle of its tile
    assert len(np.unique(shown.reshape(len(shown), -1), axis=0)) == len(shown)
