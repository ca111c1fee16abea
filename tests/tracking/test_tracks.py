import numpy as np

from pyface3d.reconstructor.tracking.finding import Find, distinct
from pyface3d.reconstructor.tracking.tracks import Track, match


def find(x, y=100.0, side=100.0, score=0.9):
    return Find(np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2]), score, None)


def begun(number, x, **more):
    first = find(x, **more)
    track = Track(number, first.center, first.side, 0.0, first.roi)
    track.found(first, 0.0)
    return track


def follow(tracks, frames):
    """Which track has the find at each place, for frames of places."""
    told = []
    for k, places in enumerate(frames):
        pairs, _ = match(tracks, [find(x) for x in places])
        for track, found in pairs:
            track.found(found, k / 30)
        met = {track.number for track, _ in pairs}
        for track in tracks:
            track.missed += track.number not in met
        told.append({track.number: float(found.center[0]) for track, found in pairs})
    return told


def test_two_who_cross_keep_their_numbers():
    right, left = 100 + 6.0 * np.arange(80), 500 - 6.0 * np.arange(80)
    frames = [[a, b] if abs(a - b) > 70 else [b] for a, b in zip(right, left)]  # the second hides the first
    told = follow([begun(0, 100.0), begun(1, 500.0)], frames)
    for k, (a, b) in enumerate(zip(right, left)):
        assert told[k][1] == b
        assert told[k].get(0) == (a if abs(a - b) > 70 else None)


def test_a_find_far_away_is_nobodys():
    pairs, free = match([begun(0, 100.0)], [find(300.0)])
    assert pairs == [] and len(free) == 1
    pairs, free = match([begun(0, 100.0)], [find(100.0, side=260.0)])
    assert pairs == [] and len(free) == 1


def test_who_was_hidden_may_come_back_farther_away_but_not_take_anothers_place():
    hidden, seen = begun(0, 100.0), begun(1, 180.0)
    hidden.missed = 10
    pairs, _ = match([hidden, seen], [find(178.0)])
    assert [track.number for track, _ in pairs] == [1]
    pairs, _ = match([hidden, seen], [find(178.0), find(40.0)])
    assert {track.number: found.center[0] for track, found in pairs} == {0: 40.0, 1: 178.0}


def test_one_face_found_twice_is_one():
    assert [f.score for f in distinct([find(100, score=0.7), find(105, score=0.9), find(200, score=0.8)])] == [0.9, 0.8]
