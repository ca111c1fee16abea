"""From photographed faces with landmarks to labeled views of them."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d.data.dataset import Report
from pyface3d.data.profiling.profiler import Lifted, Profiler
from pyface3d.data.sample import Sample
from pyface3d.data.synthetic.draws import Draws
from pyface3d.fitting import fit_landmarks
from pyface3d.morphable import LandmarkSet, MorphableModel
from pyface3d.morphable.conventions import find_landmarks
from pyface3d.morphable.landmark_sets import LandmarkBasis

_T_Y = 7  # entry of t_y in a parameter vector
GROUP = 8  # photos lifted, and views rendered, together: their tensors stay near the cache


@dataclass(frozen=True)
class PhotographedFace:
    """A face to be turned.

    Attributes:
        name: of the views, with their yaw behind it.
        photo: (3, H, W) uint8 RGB.
        points: (L, 2 or 3) landmarks in pixels of the photo, y down; NaN where not visible.
    """

    name: str
    photo: Tensor
    points: Tensor


@dataclass(frozen=True)
class Views:
    """Which views are made of each photo.

    Attributes:
        yaws: degrees, 300W-LP's sign.
        spread: yaws are drawn evenly within so many degrees to either side.
        pitch: standard deviation in degrees of the camera's height.
        jitter: standard deviation of the crop's shift as a share of its side; its size varies as much.
        most_guessed: views of which the photo shows less are left out: the share of the face, from ear to ear, that
            may be guessed.
        seed: name of the random draws; those of a photo depend on its number alone.

    Raises:
        ValueError: a yaw beyond a half turn, or another number that is negative or not finite.
    """

    yaws: Sequence[float] = tuple(range(-90, 91, 15))
    spread: float = 0.0
    pitch: float = 0.0
    jitter: float = 0.0
    most_guessed: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        spans = {name: getattr(self, name) for name in ("spread", "pitch", "jitter", "most_guessed")}
        for name, value in spans.items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"Views: {name} must be finite and at least 0, got {value}")
        if not all(-180 <= yaw <= 180 for yaw in self.yaws):
            raise ValueError(f"Views: yaws must be degrees within -180..180, got {list(self.yaws)}")


def profile_faces(
    faces: Iterable[PhotographedFace],
    profiler: Profiler,
    views: Views,
    report: Report,
    *,
    landmarks: str | LandmarkSet | None = None,
    weights: Tensor | None = None,
    noise: float = 0.01,
) -> Iterator[Sample]:
    """Views of one photo after the other, with exact labels; nothing is kept in memory.

    The profiler's face model is fitted to each face's landmarks; the photo is then moved over the fitted surface so
    that it shows the landmarks where the label has them.

    Args:
        faces: the photos.
        profiler: what turns them.
        views: which views.
        report: counts the views, and names the photos whose landmarks no face fits.
        landmarks: which points are given; None: by their number, as in :func:`pyface3d.fitting.fit_landmarks`.
        weights: (L,) of the landmarks in the fit; None: ones.
        noise: how far off the landmarks are, as there.

    Yields:
        Samples with image, params, landmarks, visible, yaw, box and name.

    Example:
        >>> face = PhotographedFace("ada", torch.zeros(3, 275, 225, dtype=torch.uint8), torch.rand(68, 2) * 100)
        >>> samples = profile_faces([face], Profiler(), Views(yaws=[60], most_guessed=1.0), Report())
        >>> [sample["name"] for sample in samples]
        ['ada_+60']
    """
    for numbers, group in _groups(faces):
        try:
            params, surface = _fitted(group, profiler.model, landmarks, weights, noise)
        except ValueError as error:
            if landmarks is not None or weights is not None:
                raise
            report.total += len(group)
            report.refused.update({face.name: f"unreadable label ({error})" for face in group})
            continue
        fits = params.isfinite().all(1)
        for k in (~fits).nonzero()[:, 0].tolist():
            report.total += 1
            report.refused[group[k].name] = "unreadable label (no face fits its landmarks)"
        kept = fits.nonzero()[:, 0].tolist()
        if kept:
            chosen = [group[k] for k in kept]
            yield from _views(chosen, params[fits], surface[fits], profiler, views, [numbers[k] for k in kept], report)


def _groups(faces: Iterable[PhotographedFace]) -> Iterator[tuple[list[int], list[PhotographedFace]]]:
    """A few photos whose faces have as many landmarks each, and their numbers."""
    for _, alike in itertools.groupby(enumerate(faces), lambda entry: len(entry[1].points)):
        while group := list(itertools.islice(alike, GROUP)):
            yield [number for number, _ in group], [face for _, face in group]


def _fitted(
    faces: list[PhotographedFace],
    model: MorphableModel,
    landmarks: str | LandmarkSet | None,
    weights: Tensor | None,
    noise: float,
) -> tuple[Tensor, Tensor]:
    """Parameters (B, P) in the photos, y up, NaN where no face fits; and the landmarks (B, L, 3) in the model frame."""
    points = torch.stack([face.points[:, :2].float() for face in faces])
    placed = find_landmarks(model, points.shape[1] if landmarks is None else landmarks)
    visible = None if weights is None else weights.expand(points.shape[:2])
    fit = fit_landmarks(points, model, landmarks=placed, visible=visible, noise=noise, size=1)
    params = fit.params.clone()
    params[:, _T_Y] += params.new_tensor([face.photo.shape[1] - 1 for face in faces])  # y up counts from the lower edge
    return params, model.landmark_points(fit.coeffs, name=LandmarkBasis(placed, model.mean, model.basis))


def _views(
    faces: list[PhotographedFace],
    params: Tensor,
    surface: Tensor,
    profiler: Profiler,
    views: Views,
    numbers: list[int],
    report: Report,
) -> Iterator[Sample]:
    points = torch.stack([face.points[:, :2].float() for face in faces])
    lifted = profiler.lift([face.photo for face in faces], params, points, surface)
    rows, yaw, pitch, jitter = _drawn(lifted, profiler, views, numbers)
    report.total += len(rows)
    for part in (slice(start, start + GROUP) for start in range(0, len(rows), GROUP)):
        rendered = profiler.render(lifted[rows[part]], yaw[part], pitch[part], jitter[part])
        for k, row in enumerate(rows[part].tolist()):
            sample = {key: values[k] for key, values in rendered.items()}
            name = f"{faces[row].name}_{round(float(yaw[part][k])):+03d}"
            yield Sample(**{**sample, "yaw": float(sample["yaw"]), "name": name})  # type: ignore[typeddict-item]


def _drawn(
    lifted: Lifted, profiler: Profiler, views: Views, numbers: list[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The views that photos can give: numbers of heads, yaws, pitches (M,) and jitters (M, 3)."""
    count, draws = len(views.yaws), Draws(views.seed, numbers)
    yaw = torch.tensor(views.yaws, dtype=torch.float32) + draws.uniform(-views.spread, views.spread, count)
    yaw, pitch = yaw.clamp(-90, 90), draws.normal(views.pitch, count)  # (B, Y)
    shift = draws.normal(views.jitter, 2 * count).unflatten(1, (count, 2))
    jitter = torch.cat([shift, draws.normal(views.jitter, count).exp()[..., None]], 2)
    guessed = torch.stack([profiler.guessed(lifted, yaw[:, k], pitch[:, k]) for k in range(count)], 1)
    kept = guessed <= views.most_guessed
    return kept.nonzero()[:, 0], yaw[kept], pitch[kept], jitter[kept]
