import json
import subprocess
import sys

import pytest
import torch

from pyface3d.evaluation import LandmarkError

TARGET = torch.tensor([[[0.0, 0.0, 0.0], [10.0, 10.0, 4.0]]], dtype=torch.float64).expand(6, -1, -1)
STEPS = torch.tensor([1.0, 1, 1, 1, 4, 7], dtype=torch.float64)
YAWS = torch.tensor([0.0, 1, 2, 3, 45, 75])


def predictions():
    predicted = TARGET.clone()
    predicted[..., 0] += STEPS[:, None] / 10
    return predicted


def test_accumulates_batches():
    metric = LandmarkError()
    for part in (slice(0, 2), slice(2, 6)):
        metric.update(predictions()[part], TARGET[part], YAWS[part])
    figures = metric.compute()
    assert figures["mean"] == pytest.approx(4) and figures["per_image_mean"] == pytest.approx(2.5)
    metric.reset()
    assert len(metric.per_image()["errors"]) == 0


def test_repeated_images_count_once_and_order_does_not_matter():
    metric = LandmarkError()
    order = torch.tensor([5, 0, 3, 1, 2, 4, 0, 1])  # a sampler that wrapped around
    metric.update(predictions()[order], TARGET[order], YAWS[order], number=order)
    kept = metric.per_image()
    assert kept["numbers"].tolist() == list(range(6))
    torch.testing.assert_close(kept["errors"], STEPS)
    assert metric.compute()["images"] == 6


def test_unnumbered_images_all_count():
    metric = LandmarkError()
    metric.update(predictions(), TARGET, YAWS)
    metric.update(predictions(), TARGET, YAWS)
    assert metric.compute()["images"] == 12


def test_three_dimensions_and_depth():
    predicted = TARGET[:1] + torch.tensor([0.0, 0.0, 5.0])
    for depth, expected in (("none", 50.0), ("min", 0.0), ("mean", 0.0)):
        metric = LandmarkError(dims=3, depth=depth)
        metric.update(predicted, TARGET[:1])
        figures = metric.compute()
        assert figures["per_image_mean"] == pytest.approx(expected)
        assert "mean" not in figures  # no yaw, no bins


def test_frame_sets_the_normalizer():
    metric = LandmarkError()
    frame = torch.tensor([[[0.0, 0.0], [20.0, 5.0], [3.0, 3.0]]])
    metric.update(TARGET[:1] + torch.tensor([1.0, 0.0, 0.0]), TARGET[:1], frame=frame)
    assert metric.compute()["per_image_mean"] == pytest.approx(10)


def test_errors():
    with pytest.raises(ValueError, match="dims must be 2 or 3"):
        LandmarkError(dims=4)
    with pytest.raises(ValueError, match="predicted and target must be"):
        LandmarkError().update(torch.zeros(1, 4, 2), torch.zeros(1, 5, 2))


def _one_of_two(rank, store):
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    metric = LandmarkError()
    mine = torch.tensor([0, 2, 4]) if rank == 0 else torch.tensor([1, 3, 5, 0])  # uneven, image 0 repeated
    metric.update(predictions()[mine], TARGET[mine], YAWS[mine], number=mine)
    lonely = LandmarkError()  # one process got no image at all
    if rank == 0:
        lonely.update(predictions(), TARGET, YAWS, number=torch.arange(6))
    answer = {"all": metric.compute(), "lonely": lonely.compute(), "numbers": metric.per_image()["numbers"].tolist()}
    torch.distributed.destroy_process_group()
    return answer


def test_two_processes_give_the_figures_of_one(tmp_path):
    single = LandmarkError()
    single.update(predictions(), TARGET, YAWS)
    command = [sys.executable, __file__, str(tmp_path / "store")]
    processes = [subprocess.Popen([*command, rank], stdout=subprocess.PIPE, text=True) for rank in "01"]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    figures = json.loads(json.dumps(single.compute()))
    assert answers[0] == answers[1] == {"all": figures, "lonely": figures, "numbers": list(range(6))}


if __name__ == "__main__":  # one of the two processes
    print(json.dumps(_one_of_two(int(sys.argv[2]), sys.argv[1])))
