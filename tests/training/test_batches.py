from pyface3d.training import StepSampler


def test_every_epoch_is_a_permutation_and_any_step_can_be_the_first():
    steps = list(StepSampler([10, 4], [3, 1], seed=2, steps=9))
    first = [index for rows in steps[:3] for index in rows[:3]]
    assert len(set(first)) == 9 and max(first) < 10
    assert all(rows[3] >= 10 for rows in steps)
    assert list(StepSampler([10, 4], [3, 1], seed=2, steps=9).starting(5)) == steps[5:]
    halves = [list(StepSampler([10, 4], [3, 1], seed=2, steps=9, rank=rank, world=2)) for rank in range(2)]
    assert [sorted(a + b) for a, b in zip(*halves)] == [sorted(rows) for rows in steps]
