"""A small training in a process of its own: ``small_training.py FOLDER [--slow] [--devices N]``."""

import argparse
import importlib.util
import time
from pathlib import Path

import lightning
import torch

spec = importlib.util.spec_from_file_location("test_training", Path(__file__).with_name("test_training.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


class Slow(lightning.Callback):
    """Leaves time to be killed."""

    def on_train_batch_end(self, *_):
        time.sleep(0.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--devices", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    method = cases.train(
        cases.Tiny(),
        cases.Faces(),
        options.folder,
        **cases.quiet(
            save_minutes=0.0, recipe=cases.recipe(freeze_norm=options.devices > 1 or "one" in options.folder)
        ),
        accelerator="cpu",
        devices=options.devices,
        strategy="ddp" if options.devices > 1 else "auto",
        callbacks=[Slow()] if options.slow else [],
    )
    torch.save(cases.weights(method), Path(options.folder) / "weights.pt")
