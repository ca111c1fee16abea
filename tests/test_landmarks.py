import torch

from pyface3d.landmarks import aflw21_from_68, aflw21_matrix


def test_aflw21_by_hand():
    points = torch.arange(68.0)[None, :, None].expand(1, 68, 2)  # each point holds its own 0-based number
    # 3DDFA's list, counted from 1: 18 20 22 23 25 27 37 mean(37-42) 40 43 mean(43-48) 46 3 32 31 36 15 49 mean(61-68)
    # 55 9
    expected = [17, 19, 21, 22, 24, 26, 36, 38.5, 39, 42, 44.5, 45, 2, 31, 30, 35, 14, 48, 63.5, 54, 8]
    torch.testing.assert_close(aflw21_from_68(points)[0, :, 1], torch.tensor(expected))


def test_matrix_is_the_mapping():
    points = torch.randn(2, 68, 3, dtype=torch.float64)
    torch.testing.assert_close(aflw21_matrix(torch.float64) @ points, aflw21_from_68(points))
