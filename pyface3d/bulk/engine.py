"""Units through a pool of actors on Ray Data."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyface3d.bulk.output import Parts
from pyface3d.bulk.reading import sources_of
from pyface3d.bulk.schema import rows_of
from pyface3d.bulk.units import UNIT, Unit, find_units
from pyface3d.foreign.limits import VARIABLE

_MOST_BLOCKS = 2000  # Ray's scheduler keeps some state for each
# glibc gives every thread a heap of its own; with one heap for all an actor stays below 700 MB instead of passing 1 GB
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}


class Actor:
    """One process with one method; Ray Data gives it units.

    Args:
        out: folder of the result.
        settings: arguments of :class:`pyface3d.Reconstructor`.
        places: where the faces are, or None to search for them.
        batch: faces that go through the network together.
        cpus: threads of this process.
    """

    def __init__(
        self, out: str, settings: dict[str, Any], places: Mapping[str, Any] | None, batch: int, cpus: float
    ) -> None:
        import torch

        from pyface3d.reconstructor import Reconstructor

        torch.set_num_threads(max(1, int(cpus)))
        self.reconstructor, self.parts = Reconstructor(**settings), Parts(out)
        self.places, self.batch, self.threads = places, batch, max(1, int(cpus))

    def __call__(self, block: dict[str, Any]) -> dict[str, Any]:
        """Reconstructs the units of a block and writes their parts; answers how much there was."""
        photos = faces = errors = 0
        for unit, key in zip(block["unit"], block["key"]):
            rows = self._rows(unit)
            self.parts.write(key, rows)
            photos += len({row["path"] for row in rows})
            faces += sum(row.get("face") is not None for row in rows)
            errors += sum("error" in row for row in rows)
        return {"photos": [photos], "faces": [faces], "errors": [errors]}

    def _rows(self, unit: Unit) -> list[dict[str, Any]]:
        answers = self.reconstructor.iter(sources_of(unit), self.batch, places=self.places, threads=self.threads)
        return [row for photo in answers for row in rows_of(photo)]


def reconstruct_all(
    inputs: Sequence[str],
    out: str | os.PathLike[str],
    settings: Mapping[str, Any],
    *,
    places: Mapping[str, Any] | None = None,
    address: str | None = None,
    actors: int = 1,
    cpus: float = 1,
    gpus: float = 0,
    batch: int = 32,
    unit: int = UNIT,
    advance: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Reconstructs the faces of very many photos into a folder of Parquet files.

    Every unit of inputs becomes one file, which appears when it is complete. Units whose file is there are not done
    again, so a run that was killed continues with the same command; an actor that dies is started again by Ray and its
    unit repeated. Each photo is in the result exactly once.

    Args:
        inputs: paths or URIs of folders, zips, WebDataset tars and Parquet tables (see :func:`find_units`).
        out: path or URI of the folder of the result; its rows are those of :data:`pyface3d.bulk.SCHEMA`.
        settings: arguments of :class:`pyface3d.Reconstructor`.
        places: name of a photo to where its faces are, as ``Reconstructor.iter`` takes it.
        address: of a Ray cluster, such as "auto" or "ray://host:10001"; None starts Ray on this machine.
        actors: processes, each with one method.
        cpus: cores of each actor.
        gpus: GPUs of each actor; 0.25 lets four share one.
        batch: faces that go through the network together.
        unit: photos of a unit; tars and row groups are units whatever they hold.
        advance: called after each unit.

    Returns:
        Counts: units, skipped (complete before), photos, faces, errors; ``passed_over`` counts, by suffix, the files
        that are no pictures, archives or tables.

    Raises:
        FileNotFoundError: an input does not exist.
        ValueError: the folder holds results of other inputs or settings, or the cluster is too small.

    Example:
        >>> reconstruct_all(["s3://bucket/photos"], "s3://bucket/faces", {}, actors=64)  # doctest: +SKIP
    """
    out, settings = os.fspath(out), dict(settings)
    if any(_inside(out, place) for place in inputs):
        raise ValueError(f"reconstruct_all: the results must not lie among the inputs, got {out}")
    passed_over: Counter[str] = Counter()
    known = settings if places is None else {**settings, "places": _digest(places)}
    parts, plan = Parts(out), {u.key(known): u for u in find_units(inputs, unit, passed_over)}
    done = parts.keys()
    if strangers := done - plan.keys():
        raise ValueError(
            f"reconstruct_all: {out} holds {len(strangers)} files of other inputs or settings; "
            "name the same inputs and settings to continue, or another folder"
        )
    parts.sweep()
    counts: dict[str, Any] = {"units": len(plan), "skipped": len(done), "photos": 0, "faces": 0, "errors": 0}
    counts["passed_over"] = dict(passed_over)
    todo = [{"unit": unit, "key": key} for key, unit in plan.items() if key not in done]
    if not todo:
        return counts
    arguments = {"out": out, "settings": settings, "places": places, "batch": batch, "cpus": cpus}
    for answer in _run(todo, arguments, address, actors, cpus, gpus):
        advance()
        for name in ("photos", "faces", "errors"):
            counts[name] += int(answer[name])
    return counts


def _digest(places: Mapping[str, Any]) -> str:
    """Stands for all that is said of where faces are."""
    told = hashlib.sha256()
    for name, place in sorted(places.items()):
        what = place.problem if place.problem is not None else place.crops().tolist()
        told.update(repr((name, what)).encode())
    return told.hexdigest()


def _inside(out: str, place: str) -> bool:
    paths = [path if "://" in path else os.path.realpath(path) for path in (out, place)]
    return f"{paths[0]}/".startswith(f"{paths[1].rstrip('/')}/")


def _run(
    todo: list[dict[str, Any]], arguments: dict[str, Any], address: str | None, actors: int, cpus: float, gpus: float
) -> Any:
    import ray
    import ray.data

    started = not ray.is_initialized()
    if started:
        ray.init(address=address or "local", include_dashboard=False if address is None else None, log_to_driver=False)
    try:
        _check_room(ray.cluster_resources(), actors, cpus, gpus)
        ray.data.DataContext.get_current().enable_progress_bars = False
        blocks = ray.data.from_items(todo, override_num_blocks=min(len(todo), _MOST_BLOCKS))
        answers = blocks.map_batches(
            Actor,
            batch_size=1,
            fn_constructor_kwargs=arguments,
            compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
            num_cpus=cpus,
            num_gpus=gpus,
            runtime_env={"env_vars": _ENVIRONMENT | {VARIABLE: os.environ.get(VARIABLE, "")}},
        )
        yield from answers.iter_rows()
    finally:
        if started:
            ray.shutdown()


def _check_room(resources: Mapping[str, float], actors: int, cpus: float, gpus: float) -> None:
    for name, each in (("CPU", cpus), ("GPU", gpus)):
        if actors * each > resources.get(name, 0):
            have = resources.get(name, 0)
            raise ValueError(f"reconstruct_all: {actors} actors of {each} {name} each do not fit into {have:g} {name}")
