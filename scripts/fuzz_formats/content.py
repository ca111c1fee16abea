"""The small numbers that the valid files are made of."""

import numpy as np

N = 24  # vertices; small files make many mutations a second
RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(N, 3)).astype(np.float32)
BASIS = RANDOM.normal(size=(3 * N, 2)).astype(np.float32)
TRIANGLES = np.stack([np.arange(N - 2) + k for k in range(3)], axis=1)
PIXELS = RANDOM.integers(0, 256, (12, 16, 3), np.uint8)
