"""Faces found from frame to frame, and what the network sees in them."""

from dataclasses import dataclass

import numpy as np
import torch

from pyface3d import camera
from pyface3d.images import Photo
from pyface3d.images.agreement import is_face
from pyface3d.images.detection import Detector
from pyface3d.methods import Method, Reconstruction
from pyface3d.reconstructor.looks import Looks
from pyface3d.reconstructor.tracking.finding import Find, Finder, difference, distinct, glance
from pyface3d.reconstructor.tracking.tracks import Track, match

_EVERY = 15  # frames between quick searches of whole frames for new faces
_THOROUGH = 300  # frames between searches that also see small ones
_HIDDEN = 3  # frames between quick searches for a hidden face
_SURE = 0.6  # least score of a new face
_APART = 0.5  # a new face is at least this far from all others, in sides of its crop
_STILL = 7.0  # gray levels that a face's picture may change by until the detector must see it again
_TRUSTED = 4  # frames in a row at most
_CHANGED = 15.0  # gray levels that the picture changes by where a face appears


@dataclass(frozen=True, eq=False)
class Sight:
    """A face as the network sees it in one frame.

    Attributes:
        track: whose it is.
        answer: of this face alone, placed in the frame.
        find: of the detector.
        identity: (K_i,) mean of the face's identities up to this frame.
        fresh: whether the face is new, or jumped here.
    """

    track: Track
    answer: Reconstruction
    find: Find
    identity: np.ndarray
    fresh: bool


class Tracker:
    """Finds faces in frame after frame.

    The detector searches whole frames at the start, every so often, and while a face is lost; else it looks only where
    faces were, at little cost, to say that they are still there, and for a few frames not even there where the picture
    hardly changes. The network looks at crops around the landmarks of the frame before, moved with the detector's find.

    Where no more faces than are followed are wanted, a face that is gone may jump, as at a cut: to a find where the
    frame before showed something else. One that was there before is another person's.

    Args:
        method: answers parameters.
        looks: cuts and runs it.
        detector: as :mod:`pyface3d.images.detection` describes it.
        most: faces at a time; None: all.
        patience: seconds after which a face that stays hidden is given up.

    Raises:
        ValueError: the method answers position maps.
    """

    def __init__(
        self,
        method: Method,
        looks: Looks,
        detector: Detector,
        most: int | None = None,
        patience: float = 3.0,
    ) -> None:
        if method.space is None:
            raise ValueError(f"track: only parameters can be followed, {method.name} answers position maps")
        self.method, self.looks, self.most = method, looks, most
        self.finder = Finder(detector, method.images.crop)
        self.patience = patience
        self.tracks: list[Track] = []
        self._frame = self._numbers = 0
        self._before: np.ndarray | None = None  # the frame before, while it is needed

    def __call__(self, photo: Photo, seconds: float) -> list[Sight]:
        """The faces of the next frame."""
        finds = self._trusted(photo.pixels)
        if finds is None:
            finds = self._finds(photo.pixels)
        pairs, free = match(self.tracks, finds)
        for track, find in pairs:
            track.found(find, seconds)
        pairs += self._begun(free, seconds)
        pairs += self._jumped(photo.pixels, pairs, free, seconds)
        self._before = photo.pixels
        met = {id(track) for track, _ in pairs}
        for track in self.tracks:
            track.missed += id(track) not in met
        sights = self._looked(photo, pairs)
        self.tracks = [track for track in self.tracks if track.seen and seconds - track.seconds <= self.patience]
        self._frame += 1
        return sights

    def _trusted(self, pixels: np.ndarray) -> list[Find] | None:
        """The finds of the frame before, where all faces look as they did; None: the detector is to look."""
        due = self._frame % _EVERY == 0 or not self.tracks
        if due or any(track.missed or track.seen < 2 or track.trusted >= _TRUSTED for track in self.tracks):
            return None
        finds = []
        for track in self.tracks:
            if track.find is None or track.glance is None:
                return None
            if difference(glance(pixels, track.find), track.glance) > _STILL:
                return None
            finds.append(track.find)
        for track in self.tracks:
            track.trusted += 1
        return finds

    def _finds(self, pixels: np.ndarray) -> list[Find]:
        finds = self.finder.near(pixels, [(track.expected, track.side) for track in self.tracks])
        full = self.most is not None and len(self.tracks) >= self.most
        lost = len(finds) < len(self.tracks)
        if not self.tracks or (self._frame % _THOROUGH == 0 and not full):
            finds += self.finder.everywhere(pixels)
        elif (lost and self._frame % _HIDDEN == 0) or self._is_gone(finds) or (self._frame % _EVERY == 0 and not full):
            finds += self.finder.everywhere(pixels, quick=True)
        return distinct(finds)

    def _is_gone(self, finds: list[Find]) -> bool:
        """Whether all of the faces, of which there may be no more, were there in the frame before and none is now."""
        full = self.most is not None and len(self.tracks) >= self.most
        return full and not finds and not any(track.missed for track in self.tracks)

    def _jumped(
        self, pixels: np.ndarray, pairs: list[tuple[Track, Find]], free: list[Find], seconds: float
    ) -> list[tuple[Track, Find]]:
        """Faces that were here a frame ago and are elsewhere now, where something else was a frame ago."""
        if self._before is None or self._before.shape != pixels.shape or self.most is None:
            return []
        met = {id(track) for track, _ in pairs}
        gone = [track for track in self.tracks if id(track) not in met and not track.missed]
        sure = [find for find in sorted(free, key=lambda find: -find.side) if find.score >= _SURE]
        new = [find for find in sure if difference(glance(pixels, find), glance(self._before, find)) > _CHANGED]
        jumps = list(zip(gone, new)) if len(self.tracks) >= self.most else []
        for track, find in jumps:
            track.jumped(find, seconds)
        return jumps

    def _begun(self, finds: list[Find], seconds: float) -> list[tuple[Track, Find]]:
        """Tracks of faces that were not there before."""
        begun = []
        for find in sorted(finds, key=lambda find: -find.side):
            near = [track for track in self.tracks if np.linalg.norm(track.center - find.center) < _APART * find.side]
            if find.score < _SURE or near or (self.most is not None and len(self.tracks) >= self.most):
                continue
            track = Track(self._numbers, find.center, find.side, seconds, find.roi)
            track.found(find, seconds)
            self._numbers += 1
            self.tracks.append(track)
            begun.append((track, find))
        return begun

    def _looked(self, photo: Photo, pairs: list[tuple[Track, Find]]) -> list[Sight]:
        """What the network sees; faces that it sees none in are lost."""
        if not pairs:
            return []
        answer = self._answer(photo, np.stack([track.roi for track, _ in pairs]))
        if any(track.fresh for track, _ in pairs):  # the detector's crop is only near the network's own
            answer = self._answer(photo, camera.roi_from_landmarks(answer.landmarks.cpu()).numpy())
        better = camera.roi_from_landmarks(answer.landmarks.cpu()).numpy()
        points = answer.landmarks.float().cpu().numpy()
        sights = []
        for k, (track, find) in enumerate(pairs):
            one = answer[k]
            assert one.roi is not None and one.coeffs is not None
            if not is_face(points[k], one.roi[0].cpu().numpy(), find.points):
                track.seen -= 1
                track.missed = 1
                continue
            track.roi = better[k]
            track.learn(self.method.model.split(one.coeffs.float().cpu())[0][0].numpy())
            assert track.identity is not None
            sights.append(Sight(track, one, find, track.identity, track.fresh))
            if track.find is not find:
                track.find, track.glance, track.trusted = find, glance(photo.pixels, find), 0
        return sights

    def _answer(self, photo: Photo, rois: np.ndarray) -> Reconstruction:
        crops = self.looks.cut(photo, rois.astype(np.float32))
        assert crops is not None
        return self.method.predict(crops.to(self.looks.device)).to_image(torch.from_numpy(rois.astype(np.float32)))
