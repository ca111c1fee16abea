"""The whole way from a photo to its faces."""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from PIL import Image

from pyface3d import camera
from pyface3d.images import Photo, Source, read_photo
from pyface3d.images.agreement import is_any_face, is_face
from pyface3d.images.detection import Detector, find_faces, load_detector
from pyface3d.images.detections import Detections
from pyface3d.methods import Method, Reconstruction
from pyface3d.methods.loading import load_device, load_method
from pyface3d.morphable import MorphableModel
from pyface3d.reconstructor.face import Face
from pyface3d.reconstructor.given_places import Places, find_places
from pyface3d.reconstructor.looks import Looks
from pyface3d.reconstructor.person import Person, share_identity
from pyface3d.reconstructor.photo_faces import PhotoFaces
from pyface3d.reconstructor.streaming import Located, in_batches, in_order, open_sources, workers

if TYPE_CHECKING:
    from pyface3d.reconstructor.tracking import TrackedFrame

Path = str | os.PathLike[str]

_MOST_PIXELS = 48_000_000  # of photos that wait for the network together


class Reconstructor:
    """Finds the faces of photos and reconstructs them.

    Args:
        method: name of a method (:func:`pyface3d.list_methods`) or a method; None: the one that the card of ``weights``
            names, "compact" without weights.
        weights: name of embedded weights, or a path; None: the embedded weights of the method.
        model: face model or its path, for weights that belong to another model than the embedded one.
        space: parameter space or its path, for weights without a card.
        device: where the network runs; None: CUDA where there is one.
        detector: "yunet", "whole" (pictures are crops already), the path of another YuNet ONNX file, "hub:owner/name",
            or a callable as :mod:`pyface3d.images.detection` describes it.
        faces: "all" faces of a photo, or the "largest" of these. A find that the method sees no face in is dropped.
        passes: 2 crops again around the landmarks of the first pass, as the networks were trained; 1 does not. Places
            given as crops are never moved.
        refine: see each face four times, in two crops and their mirror images, and answer the mean
            (:class:`pyface3d.reconstructor.refining.Refiner`).

    Raises:
        ValueError: an argument that does not exist, or weights that do not fit.

    Example:
        >>> faces = Reconstructor()(photo)
        >>> faces[0].landmarks.shape
        (68, 3)
    """

    def __init__(
        self,
        method: str | Method | None = None,
        *,
        weights: Path | None = None,
        model: MorphableModel | Path | None = None,
        space: camera.ParameterSpace | Path | None = None,
        device: str | torch.device | None = None,
        detector: Path | Detector | None = "yunet",
        faces: Literal["largest", "all"] = "largest",
        passes: int = 2,
        refine: bool = False,
    ) -> None:
        if faces not in ("largest", "all"):
            raise ValueError(f"Reconstructor: faces must be 'largest' or 'all', got {faces!r}")
        if passes not in (1, 2):
            raise ValueError(f"Reconstructor: passes must be 1 or 2, got {passes!r}")
        if method is None or isinstance(method, str):
            method = load_method(method, weights, model, space)
        if not isinstance(method, Method):
            raise TypeError(f"Reconstructor: method must be a name or a pyface3d Method, got {type(method).__name__}")
        self.device = load_device(device)
        self.method = method.deploy().to(self.device)
        passes = 1 if detector in (None, "whole") else passes
        self.looks = Looks(self.method, self.device, passes, refine)
        self.detector = load_detector(detector)
        self.largest = faces == "largest"

    def __call__(
        self,
        image: Path | bytes | np.ndarray | Image.Image | Photo,
        *,
        boxes: Any = None,
        rois: Any = None,
        landmarks: Any = None,
    ) -> list[Face]:
        """The faces of one photo.

        Args:
            image: path, bytes of a file, array (H, W, 3) uint8 RGB, PIL image or :class:`pyface3d.images.Photo`.
            boxes: (F, 4) or (4,) boxes tightly around the faces, instead of the detector's.
            rois: (F, 4) or (4,) square crops, used as they are.
            landmarks: (F, L, 2) or (L, 2) points to crop around.

        Returns:
            One :class:`Face` for each face, the largest find first; empty when none is found.

        Raises:
            OSError: the photo cannot be read.
            ValueError: it is no picture, or the places are none.
        """
        source = Source("photo", lambda: read_photo(image))
        located = self._locate(source, Places(boxes=boxes, rois=rois, landmarks=landmarks))
        if located.error is not None:
            raise located.error
        return self._finish([located])[0].faces

    def person(self, photos: Iterable[Any]) -> Person:
        """The largest face of each photo of one person, with one identity; photos as :meth:`__call__` takes them.

        Raises:
            ValueError: a photo without a face.
        """
        found = [(number, self(photo)) for number, photo in enumerate(photos)]
        empty = [str(number) for number, faces in found if not faces]
        if empty:
            raise ValueError(f"person: each photo must show a face, none is found in number {', '.join(empty)}")
        return share_identity([faces[0] for _, faces in found])

    def iter(
        self,
        inputs: Path | Iterable[Path | Source],
        batch_size: int = 32,
        *,
        places: Mapping[str, Places] | None = None,
        threads: int | None = None,
    ) -> Iterator[PhotoFaces]:
        """Faces of many photos, in order, with bounded memory: photos are read and batches computed in threads.

        Args:
            inputs: files, folders, zips, patterns, videos, cameras (:func:`pyface3d.images.find_sources`), or sources.
            batch_size: faces that go through the network together.
            places: name of a photo, with or without folder and suffix, to where its faces are; photos that are not
                in it are searched.
            threads: how many photos or batches are worked on at a time; None: as many threads as torch uses.

        Yields:
            :class:`PhotoFaces`. A photo that cannot be read carries its error; the others are done.
        """
        threads = torch.get_num_threads() if threads is None else threads
        if batch_size < 1 or threads < 1:
            got = f"{batch_size} and {threads}"
            raise ValueError(f"Reconstructor.iter: batch_size and threads must be positive, got {got}")

        def locate(source: Source) -> Located:
            return self._locate(source, find_places(places or {}, source.name))

        with workers(threads) as pool:
            located = in_order(pool, locate, open_sources(inputs), 2 * threads)
            batches = in_batches(located, batch_size, _MOST_PIXELS // threads)
            yield from itertools.chain.from_iterable(in_order(pool, self._finish, batches, threads))

    def track(
        self,
        frames: Iterable[np.ndarray | tuple[float, np.ndarray]],
        *,
        rate: float = 30.0,
        smooth: Literal["one-euro", "zero-phase", "off"] = "one-euro",
        strength: float = 1.0,
        patience: float = 3.0,
    ) -> "Iterator[TrackedFrame]":
        """The faces of a video, frame by frame, ``face.index`` the same for the same person; memory stays flat.

        Args:
            frames: (H, W, 3) uint8 RGB, or pairs of seconds and such
                (:func:`pyface3d.images.video.read_timed_frames`).
            rate: frames a second, where no seconds come with them.
            smooth: see :class:`pyface3d.reconstructor.tracking.Smoothing`; "zero-phase" answers a few frames late.
            strength: of it; 1 is the default.
            patience: seconds after which a face that stays hidden is given up.

        Example:
            >>> for frame in reconstructor.track([photo, photo]):
            ...     names = {face.index: face.blendshapes["jawOpen"] for face in frame.faces}
        """
        from pyface3d.reconstructor.tracking import Smoothing, track_frames
        from pyface3d.reconstructor.tracking.tracker import Tracker

        tracker = Tracker(self.method, self.looks, self.detector, 1 if self.largest else None, patience)
        return track_frames(tracker, frames, Smoothing(smooth, strength), rate)

    def _locate(self, source: Source, places: Places | None) -> Located:
        """Read a photo, find its faces and cut them out; runs in a thread."""
        try:
            photo = source.read()
            rois = None if places is None else places.crops()
            if rois is None:
                return self._located(source, photo, find_faces(self.detector, photo.pixels, self.largest), True)
            scores, settled = np.ones(len(rois), np.float32), places is not None and places.rois is not None
            return Located(source, photo, rois, scores, crops=self.looks.cut(photo, rois), settled=settled)
        except Exception as error:  # one photo, whatever is wrong with it, does not end the run
            return Located(source, error=error)

    def _located(self, source: Source, photo: Photo, found: Detections, searched: bool) -> Located:
        """The detector's finds, in pixels of the photo's file and cut out."""
        rois = photo.to_file(found.rois(self.method.images.crop)).astype(np.float32)
        points = None if found.points is None else photo.to_file(found.points).astype(np.float32)
        return Located(source, photo, rois, found.scores, points, self.looks.cut(photo, rois), searched)

    def _finish(self, located: list[Located]) -> list[PhotoFaces]:
        """Run the network on all crops together and deal its answers out to the photos."""
        results = [PhotoFaces(entry.source, error=entry.sentence()) for entry in located]
        found = [(entry, result) for entry, result in zip(located, results) if entry.crops is not None]
        if not found:
            return results
        answer = self.looks([entry for entry, _ in found])
        start = 0
        for entry, result in found:
            self._deal(answer[start : start + len(entry.rois)], entry, result)
            start += len(entry.rois)
        return results

    def _deal(self, answer: Reconstruction, entry: Located, result: PhotoFaces) -> None:
        """Give a photo its faces, and drop those that are none."""
        assert entry.photo is not None and answer.roi is not None
        landmarks = None if answer.model.landmarks is None else answer.landmarks.float().cpu().numpy()
        for i, (score, roi) in enumerate(zip(entry.scores, answer.roi.cpu().numpy())):
            points = None if entry.points is None else entry.points[i]
            face = Face(answer[i], entry.photo, len(result.faces), float(score), self.method.name, points)
            if is_any_face(face.landmarks, face.roi) and (
                landmarks is None or points is None or is_face(landmarks[i], roi, points)
            ):
                result.faces.append(face)
            elif entry.searched or points is not None:
                result.dropped += 1
            else:
                result.problem = f"{entry.source.name}: an answer of the network is no face"
        if self.largest and entry.searched and result.dropped and not result.faces:
            self._next_largest(entry.source, entry.photo, result)

    def _next_largest(self, source: Source, photo: Photo, result: PhotoFaces) -> None:
        """The largest of a photo's other finds that the method sees a face in."""
        others = find_faces(self.detector, photo.pixels, False)
        for i in range(1, len(others)):
            other = self._finish([self._located(source, photo, others[i : i + 1], False)])[0]
            result.faces, result.dropped = other.faces, result.dropped + other.dropped
            if result.faces:
                return
