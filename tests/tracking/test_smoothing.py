import numpy as np
import pytest

from pyface3d.reconstructor.tracking.smoothing import OneEuro, Smoothing, ZeroPhase

FRAMES = np.arange(60)


def roughness(rows):
    """Root mean square of the second differences."""
    return np.sqrt((np.diff(rows, 2, axis=0) ** 2).mean())


def zero_phase(rows, half, frames=FRAMES):
    smoother = ZeroPhase(half)
    found = []
    for k, frame in enumerate(frames):
        smoother.add(int(frame), rows[k])
    for frame in frames:
        found.append(smoother.at(int(frame)))
    return np.stack(found)


def test_zero_phase_keeps_parabolas_everywhere_and_through_gaps():
    rows = np.stack([0.3 * FRAMES**2 - FRAMES, 5 + 0 * FRAMES], 1).astype(float)
    assert np.abs(zero_phase(rows, 4) - rows).max() < 1e-8
    kept = np.delete(FRAMES, [20, 21, 22])
    assert np.abs(zero_phase(rows[kept], 4, kept) - rows[kept]).max() < 1e-8


def test_zero_phase_takes_the_noise_and_does_not_lag():
    stream = np.random.default_rng(0)
    true = np.sin(FRAMES / 6)[:, None]
    rows = true + stream.normal(0, 0.1, true.shape)
    smooth = zero_phase(rows, 4)
    assert roughness(smooth) < roughness(rows) / 4
    assert np.abs(smooth - true).mean() < np.abs(rows - true).mean() * 0.75
    errors = [np.abs(np.interp(FRAMES[5:-5] - lag, FRAMES, true[:, 0]) - smooth[5:-5, 0]).mean() for lag in (-1, 0, 1)]
    assert np.argmin(errors) == 1


def test_one_euro_is_steady_at_rest_and_quick_in_motion():
    stream = np.random.default_rng(0)
    smoother = OneEuro()
    rest = np.stack([smoother(np.array([row]), k / 30) for k, row in enumerate(stream.normal(0, 0.05, 60))])
    assert roughness(rest[10:]) < 0.05
    for k in range(60, 75):
        moved = smoother(np.array([(k - 59) * 1.0]), k / 30)
    assert 15 - moved[0] < 1.5  # a frame and a half behind what moves by one a frame


def test_one_euro_of_one_row_is_the_published_filter():
    """Casiez's formulas by hand, two steps of a tenth of a second."""
    smoother = OneEuro(strength=2.0)
    smoother(np.array([0.0]), 0.0)
    share = lambda cutoff: 1 / (1 + 1 / (2 * np.pi * cutoff * 0.1))  # noqa: E731
    speed = share(1.0) * 10
    expected = share((2.0 + speed) / 2) * 1.0
    assert smoother(np.array([1.0]), 0.1)[0] == pytest.approx(expected)


def test_kinds_and_strengths():
    assert Smoothing().ahead == Smoothing("off").ahead == 0
    assert Smoothing("zero-phase", 2).ahead == 2 * Smoothing("zero-phase").ahead == 10
    with pytest.raises(ValueError, match="kind"):
        Smoothing("kalman")
    with pytest.raises(ValueError, match="strength"):
        Smoothing("off", 0)
