"""A video of known people: heads that turn, speak, blink and cross, with everything about each frame known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pyface3d.data.synthetic import pose
from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.faces import GROUP, SyntheticFaces
from pyface3d.morphable import ARKIT_NAMES, MorphableModel, from_arkit_matrix

_GAMMA = 1 / 2.2
_BRIGHTNESS = 0.25  # mean linear light of a face
_BACKDROP = (92, 104, 118)


@dataclass
class Person:
    """One head's part in a clip of T frames.

    Args:
        portrait: the portrait of :class:`SyntheticFaces` whose person this is.
        weights: (T, 52) ARKit's weights in [0, 1].
        angles: (T, 3) pitch, yaw, roll in degrees, right-handed about x (right), y (up) and z (to the camera).
        places: (T, 2) the middle of the eyes in pixels of the frame.
        scale: pixels of an eye distance.
    """

    portrait: int
    weights: np.ndarray
    angles: np.ndarray
    places: np.ndarray
    scale: float = 60.0

    def __len__(self) -> int:
        return len(self.weights)


@dataclass
class ClipFrame:
    """One frame and the truth about it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        landmarks: (P, 68, 2) of each person in pixels, whether seen or not.
    """

    image: np.ndarray
    landmarks: np.ndarray


class SyntheticClip:
    """Frames of one or more people, made when they are asked for: the last person is in front.

    Args:
        people: who is in it, all with the same number of frames.
        height: of the frames in pixels.
        width: of the frames in pixels.
        noise: standard deviation of the pixels' noise as a part of white.
        hidden: (first, last, person) frames in which a plain board hides a person's face; last is not hidden.
        seed: of portraits and noise.

    Raises:
        ValueError: nobody, or people with different numbers of frames.

    Example:
        >>> people = [speaking(3, 30, place=(320, 200))]
        >>> next(iter(SyntheticClip(people, 480, 640))).image.shape
        (480, 640, 3)
    """

    def __init__(
        self,
        people: Sequence[Person],
        height: int = 720,
        width: int = 1280,
        noise: float = 0.03,
        hidden: Sequence[tuple[int, int, int]] = (),
        seed: int = 0,
    ) -> None:
        if not people or len({len(person) for person in people}) != 1:
            raise ValueError("SyntheticClip: people must be at least one, all with the same number of frames")
        self.people, self.height, self.width, self.noise = people, height, width, noise
        self.hidden, self.seed = hidden, seed
        # the blendshapes themselves, not their projection on ten directions: what a camera would see
        self.faces = SyntheticFaces(MorphableModel.default("head", "blendshapes"), seed=seed)
        assert self.faces.model.blendshapes is not None
        self._expand = torch.from_numpy(from_arkit_matrix(self.faces.model.blendshapes.names)).float()

    def __len__(self) -> int:
        return len(self.people[0])

    def __iter__(self) -> Iterator[ClipFrame]:
        for start in range(0, len(self), GROUP):
            frames = range(start, min(start + GROUP, len(self)))
            drawn = [self._drawn(person, frames) for person in self.people]
            for k, frame in enumerate(frames):
                yield self._composed(
                    frame, [(cut[k], head[k], corner[k], seen[k]) for cut, head, corner, seen in drawn]
                )

    @torch.no_grad()
    def _drawn(self, person: Person, frames: range) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Cuts (B, S, S, 3) uint8 with a head each, where it is, the cuts' corners (B, 2) and landmarks (B, 68, 2)."""
        rows = slice(frames.start, frames.stop)
        draws = Draws(self.seed, [person.portrait] * len(frames))
        model, count = self.faces.model, self.faces.model.n_identity
        coeffs = pose.coefficients(draws, model)
        coeffs[:, count:] = torch.from_numpy(person.weights[rows]).float() @ self._expand
        pitch, yaw, roll = torch.from_numpy(person.angles[rows]).float().deg2rad().unbind(1)
        rotation = pose.turn(roll, 2) @ pose.turn(pitch, 0) @ pose.turn(yaw, 1)
        size = 2 * round(2.6 * person.scale)
        corner = np.round(person.places[rows]) - size // 2
        shift = torch.from_numpy(corner - person.places[rows]).float() / person.scale
        distance, zoom = torch.full((len(frames),), 12.0), torch.full((len(frames),), person.scale)
        view = pose.View(rotation, distance, shift, zoom)
        light, head, _ = self.faces.draw(draws, model.synthesize(coeffs), view, size)
        gain = _BRIGHTNESS / (light.mean(1) * head).sum((1, 2)).mul(1 / head.sum((1, 2))).clamp_min(1e-4).mean()
        cut = ((light * gain).clamp(0, 1) ** _GAMMA * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        seen = self.faces._see(model.landmark_points(coeffs), view)[..., :2].numpy() + corner[:, None]
        return cut.numpy(), head.numpy(), corner.astype(int), seen

    def _composed(self, frame: int, heads: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> ClipFrame:
        image = np.empty((self.height, self.width, 3), np.uint8)
        image[:] = (np.linspace(0.7, 1.2, self.height)[:, None, None] * _BACKDROP).astype(np.uint8)
        for number, (cut, head, corner, seen) in enumerate(heads):
            left, top = np.maximum(corner, 0)
            right, bottom = np.minimum(corner + cut.shape[0], (self.width, self.height))
            if left < right and top < bottom:
                inside = slice(top - corner[1], bottom - corner[1]), slice(left - corner[0], right - corner[0])
                image[top:bottom, left:right][head[inside]] = cut[inside][head[inside]]
            if any(first <= frame < last and who == number for first, last, who in self.hidden):
                low, high = seen.min(0) - 20, seen.max(0) + 20
                x0, y0, x1, y1 = np.clip(np.concatenate([low, high]), 0, [self.width, self.height] * 2).astype(int)
                image[y0:y1, x0:x1] = (150, 140, 60)
        return ClipFrame(self._noisy(image, frame), np.stack([seen for *_, seen in heads]))

    def _noisy(self, image: np.ndarray, frame: int) -> np.ndarray:
        if not self.noise:
            return image
        grain = np.random.default_rng([self.seed, frame]).standard_normal(image.shape, np.float32)
        return np.clip(image + 255 * self.noise * grain, 0, 255).round().astype(np.uint8)


def speaking(
    portrait: int,
    frames: int,
    place: tuple[float, float],
    moves: tuple[float, float] = (0.0, 0.0),
    *,
    scale: float = 60.0,
    rate: float = 30.0,
    turns: float = 25.0,
) -> Person:
    """Somebody who speaks, smiles, frowns, blinks and turns the head while moving through the frame.

    Args:
        portrait: who, and how: the same number moves in the same way.
        frames: T.
        place: the middle of the eyes in the first frame, in pixels.
        moves: how far it has moved in the last frame, in pixels.
        scale: pixels of an eye distance.
        rate: frames a second.
        turns: the widest yaw in degrees.

    Example:
        >>> speaking(3, 30, (320, 200)).weights.shape
        (30, 52)
    """
    stream = np.random.default_rng([7, portrait])
    seconds = np.arange(frames) / rate
    weights = {name: np.zeros(frames) for name in ARKIT_NAMES}
    wave = lambda hertz: np.sin(2 * np.pi * (hertz * seconds + stream.random()))  # noqa: E731
    talks = np.clip(0.5 + wave(0.25), 0, 1)
    weights["jawOpen"] = 0.6 * talks * np.clip(0.5 + 0.35 * wave(2.3) + 0.25 * wave(3.7), 0, 1)
    weights["mouthFunnel"] = 0.5 * talks * np.clip(wave(1.7), 0, 1)
    smile = 0.8 * np.clip(1.5 * wave(0.3), 0, 1)
    brow, frown = 0.9 * np.clip(2 * wave(0.4), 0, 1), 0.8 * np.clip(2 * wave(0.33) - 0.7, 0, 1)
    blink = np.zeros(frames)
    moment = 0.5 + stream.random()
    while moment < seconds[-1]:
        blink = np.maximum(blink, np.clip(1.6 - np.abs(seconds - moment) / 0.07, 0, 1))
        moment += 0.9 + 1.2 * stream.random()
    for side in ("Left", "Right"):
        weights[f"mouthSmile{side}"], weights[f"eyeBlink{side}"] = smile, blink
        weights[f"browOuterUp{side}"], weights[f"browDown{side}"] = brow, frown
    weights["browInnerUp"] = brow
    angles = np.stack([8 * wave(0.35), turns * wave(0.21), 5 * wave(0.27)], 1)
    way = np.linspace(0, 1, frames)[:, None] * np.array(moves)
    sway = 3 * np.stack([wave(0.5), wave(0.8)], 1)
    return Person(portrait, np.stack(list(weights.values()), 1), angles, np.array(place) + way + sway, scale)
