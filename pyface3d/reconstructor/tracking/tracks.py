"""Which find belongs to which face that was seen before."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from pyface3d.reconstructor.tracking.finding import Find

_FAR = 0.4  # a face moves at most this far from where it is expected, in sides of its crop, from frame to frame
_FARTHER = 0.04  # and so much farther for each frame that it was hidden
_FARTHEST = 2.0
_DECAY = 0.97  # of the velocity of a hidden face, a frame
_STEADY = 0.7  # how much of the velocity is kept when a new one is measured


@dataclass(eq=False)
class Track:
    """A face through the frames.

    Attributes:
        number: from 0, in the order of appearance.
        center: (2,) of the last find.
        side: of its crop.
        seconds: when it was seen last.
        roi: (4,) crop that the network is to look at, around the last landmarks.
        velocity: (2,) pixels a frame.
        missed: frames since it was seen.
        seen: frames in which it was seen.
        identity: (K_i,) mean of the identities, or None.
        fresh: whether nothing is known of its motion: it is new, or it jumped.
        find: the detector's last one.
        glance: the picture there, as the detector saw it.
        trusted: frames since then that took its word.
    """

    number: int
    center: np.ndarray
    side: float
    seconds: float
    roi: np.ndarray
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    missed: int = 0
    seen: int = 0
    identity: np.ndarray | None = None
    fresh: bool = True
    find: Find | None = None
    glance: np.ndarray | None = None
    trusted: int = 0

    @property
    def expected(self) -> np.ndarray:
        """(2,) where it should be in the next frame."""
        steps = (1 - _DECAY ** (self.missed + 1)) / (1 - _DECAY)
        return self.center + self.velocity * steps

    def found(self, find: Find, seconds: float) -> None:
        """Moves the face to a find of it; the crop goes with it."""
        step = (find.center - self.center) / (self.missed + 1)
        self.velocity = _STEADY * self.velocity + (1 - _STEADY) * step if self.seen else np.zeros(2)
        shift = find.center - self.center
        self.roi = find.roi if self.missed or not self.seen else self.roi + np.tile(shift, 2)
        self.center, self.side, self.seconds = find.center, find.side, seconds
        self.fresh = not self.seen
        self.missed, self.seen = 0, self.seen + 1

    def jumped(self, find: Find, seconds: float) -> None:
        """Moves the face to a find somewhere else: what was known of its motion is forgotten."""
        self.missed = 1  # the crop is the find's
        self.found(find, seconds)
        self.velocity, self.fresh = np.zeros(2), True

    def learn(self, identity: np.ndarray) -> None:
        """Takes the identity (K_i,) of one more frame into the mean."""
        self.identity = identity if self.identity is None else self.identity + (identity - self.identity) / self.seen


def match(tracks: Sequence[Track], finds: Sequence[Find]) -> tuple[list[tuple[Track, Find]], list[Find]]:
    """Pairs of faces and finds, and the finds that are nobody's.

    Faces of the last frame choose first, those that are hidden among the rest: whom another passes in front of does
    not take the other's place.
    """
    pairs: list[tuple[Track, Find]] = []
    free = list(finds)
    for hidden in (False, True):
        waiting = [track for track in tracks if bool(track.missed) == hidden]
        if not waiting or not free:
            continue
        cost = np.array([[_distance(track, find) for find in free] for track in waiting])
        rows, columns = linear_sum_assignment(np.minimum(cost, 1.0))
        taken = [(row, column) for row, column in zip(rows, columns) if cost[row, column] < 1]
        pairs += [(waiting[row], free[column]) for row, column in taken]
        free = [find for column, find in enumerate(free) if column not in {column for _, column in taken}]
    return pairs, free


def _distance(track: Track, find: Find) -> float:
    """How far a find is from where a face should be: from 1 on it is another one's."""
    reach = min(_FAR + _FARTHER * track.missed, _FARTHEST)
    apart = float(np.linalg.norm(find.center - track.expected)) / track.side
    grown = abs(np.log(find.side / track.side)) / np.log(1.6)
    return max(apart / reach, float(grown) * (1 if track.missed < 15 else 0.7))
