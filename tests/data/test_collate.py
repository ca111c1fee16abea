import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader

from pyface3d.data import collate


def sample(**keys):
    return {"image": torch.zeros(3, 8, 8, dtype=torch.uint8), "name": "x"} | keys


def test_what_a_sample_lacks_is_zero_and_marked():
    a = sample(params=torch.ones(62), yaw=3.0, attributes=torch.ones(40, dtype=torch.int8))
    b = sample(landmarks=torch.ones(68, 2), visible=torch.ones(68, dtype=torch.bool))
    batch = collate([a, b, a])
    assert batch["has_params"].tolist() == [True, False, True] and batch["params"][1].eq(0).all()
    assert batch["has_landmarks"].tolist() == [False, True, False] and batch["attributes"].dtype == torch.int8
    assert batch["yaw"].tolist() == [3, 0, 3] and batch["yaw"].dtype == torch.float32
    assert batch["image"].shape == (3, 3, 8, 8) and batch["has_image"].all() and batch["name"] == ["x"] * 3


def test_landmarks_of_different_sets_are_padded():
    a = sample(landmarks=torch.ones(68, 3), visible=torch.ones(68, dtype=torch.bool))
    b = sample(landmarks=torch.ones(21, 2), visible=torch.ones(21, dtype=torch.bool))
    batch = collate([a, b, sample()])
    assert batch["landmarks"].shape == (3, 68, 3) and batch["visible"].sum(1).tolist() == [68, 21, 0]
    assert batch["landmark_count"].tolist() == [68, 21, 0] and batch["landmark_dims"].tolist() == [3, 2, 0]


def test_nothing_and_images_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        collate([])
    with pytest.raises(ValueError, match=r"image must have one shape in a batch, got \(3, 8, 8\), \(3, 9, 9\)"):
        collate([sample(), sample(image=torch.zeros(3, 9, 9, dtype=torch.uint8))])


def test_sets_can_be_mixed_in_a_loader():
    first, second = [sample(yaw=1.0)] * 3, [sample(params=torch.ones(5))] * 3
    batches = list(DataLoader(ConcatDataset([first, second]), 2, collate_fn=collate))
    assert [sorted(b.keys() - {"name", "image", "has_image"}) for b in batches] == [
        ["has_yaw", "yaw"], ["has_params", "has_yaw", "params", "yaw"], ["has_params", "params"],
    ]  # fmt: skip
