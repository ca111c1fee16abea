"""A training with everything by name: what ``pyface3d train`` calls."""

import difflib
import inspect
import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_only

from pyface3d.camera import ParameterSpace
from pyface3d.data import Augment, Strength, Tolerant, read_names
from pyface3d.data.augment import LIGHT, PRNET
from pyface3d.data.synthetic import parameter_space, portrait_count
from pyface3d.fitting import Correspondence, read_correspondence
from pyface3d.foreign.regular import read_text
from pyface3d.foreign.text import parse_yaml
from pyface3d.methods import Method, Recipe, create_method, save_weights
from pyface3d.morphable import load_model
from pyface3d.training.launch import available_cores, default_processes, launch
from pyface3d.training.run import train
from pyface3d.training.sources import label_space, open_source

AUGMENTS: dict[str, Strength | None] = {"strong": Strength(), "light": LIGHT, "prnet": PRNET, "none": None}
RECIPE_FIELDS = {f.name for f in fields(Recipe)} - {"data", "sources", "epochs", "steps", "batch_size"}
# what `run_training` hands on: fields of a recipe, arguments of `train` and of Lightning's trainer
KNOWN = (
    RECIPE_FIELDS
    | {"tests", "labels_model", "correspondence", "leave_out"}
    | set(inspect.signature(train).parameters)
    | set(inspect.signature(Trainer).parameters)
)


def run_training(
    name: str,
    sources: Sequence[str],
    folder: str | os.PathLike,
    *,
    arguments: Mapping[str, Any] | None = None,
    augment: str = "strong",
    processes: int | None = None,
    pool: str | os.PathLike | None = None,
    seed: int = 0,
    **options: Any,
) -> dict[str, Any]:
    """``train`` with everything by name: makes the method, opens the data, writes weights at each checkpoint.

    On a CPU it runs in as many processes as there are cores (at most 8), of one thread each, that average their
    gradients; on GPUs in one for each. The first process shows the bar. Rendered portraits that no pool keeps are
    rendered on the GPU itself, unless ``workers`` asks for processes that render.

    Args:
        name: of the method.
        sources: see :func:`open_source`; equal shares of each batch.
        folder: of checkpoint, metrics and ``<name>.safetensors``.
        arguments: of the method's constructor; ``model`` and ``space`` may be paths: labels of that face model need no
            translation.
        augment: "strong", "light", "prnet" or "none".
        processes: None: one for each core or GPU; 1: this one.
        pool: folder in which rendered portraits and decoded crops are kept between epochs and calls.
        seed: of the weights, the data and everything random in a step.
        options: ``tests`` (also take sets that are for testing), ``labels_model`` (path of the face model that
            translated labels belong to), ``correspondence`` (path of what ``pyface3d register`` wrote of that model and
            the method's), ``leave_out`` (file of names, :func:`pyface3d.data.read_names`), fields of
            :class:`pyface3d.methods.Recipe` and arguments of :func:`train`.

    Returns:
        weights (path), steps (of the whole training), pictures_per_second, notes (starting weights, labels that were
        translated, samples that were passed over).

    Raises:
        ValueError: unknown names or values; the errors of :func:`train`.

    Example:
        >>> run_training("mobile_frnet", ["synthetic:64"], "run", steps=2, batch_size=4)  # doctest: +SKIP
    """
    if augment not in AUGMENTS:
        raise ValueError(f"train: augment must be one of {', '.join(AUGMENTS)}, got {augment!r}")
    unknown = sorted(set(options) - KNOWN)
    if unknown:
        near = difflib.get_close_matches(unknown[0], KNOWN, 1)
        raise ValueError(f"train: unknown option {unknown[0]!r}" + (f"; is {near[0]!r} meant?" if near else ""))
    job: dict[str, Any] = {
        "arguments": dict(arguments or {}),
        "augment": augment,
        "pool": None if pool is None else str(pool),
    }
    if "TORCHELASTIC_RUN_ID" not in os.environ and processes != 1:
        recipe = make_method(name, **job["arguments"]).recipe
        batch_size = options.get("batch_size") or recipe.batch_size
        gpus = torch.cuda.device_count()
        count = processes or (gpus if gpus else default_processes(batch_size))
        threads = max(1, available_cores() // count)
        if count > 1 or not gpus:
            named = {"name": name, "sources": list(sources), "folder": str(folder), "seed": seed, "processes": 1}
            return launch({**named, **job, **options}, count, threads)
    return _run(name, list(sources), Path(folder), seed, job, options)


def _run(
    name: str, sources: list[str], folder: Path, seed: int, job: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    torch.manual_seed(seed)  # before the method is made: its weights are drawn
    method = make_method(name, **job["arguments"])
    notes: list[str] = []
    about = {"data": sources, "seed": seed, "command": command(name, sources, seed, {**job, **options})}
    own_model = options.pop("labels_model", None)
    common = {"pool": job["pool"], "tests": options.pop("tests", False), "tell": notes.append}
    common["leave_out"] = read_names(options.pop("leave_out")) if "leave_out" in options else ()
    common["correspondence"] = _way_to(method, options.pop("correspondence", None))
    common["labels_model"] = None if own_model is None else load_model(Path(own_model))
    if any(portrait_count(source, "train") is not None for source in sources) and job["pool"] is None:
        common["device"] = _renders_on(options)
    sets = [Tolerant(data) for source in sources for data in open_source(source, method, seed, **common)]
    strength = AUGMENTS[job["augment"]]
    changes = None if strength is None else Augment(label_space(method), method.model, method.atlas, strength)
    own = {key: options.pop(key) for key in list(options) if key in RECIPE_FIELDS}
    recipe = replace(method.recipe, **{key: _tuples(value) for key, value in own.items()})
    weights = folder / f"{name}.safetensors"

    def write(method: Method) -> None:
        save_weights(method, weights, training=about)

    report: dict[str, Any] = {}
    on_save = rank_zero_only(write)
    train(method, sets, folder, recipe=recipe, seed=seed, augment=changes, on_save=on_save, report=report, **options)
    return {
        "weights": str(weights),
        "steps": report["step"],
        "pictures_per_second": round(report["pictures_per_second"], 1),
        "notes": [*([report["start"]] if report["start"] else []), *notes, *_refused(sets)],
    }


def _renders_on(options: dict[str, Any]) -> torch.device | None:
    """This process' GPU, if portraits may be rendered there; readers in processes of their own could not share it."""
    wanted = options.get("accelerator", "auto") in ("auto", "gpu", "cuda") and not options.get("workers")
    if not (wanted and torch.cuda.is_available()):
        return None
    options["workers"] = 0
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


def _way_to(method: Method, path: str | None) -> Correspondence | None:
    """The direction of a correspondence that leads to the method's face model."""
    if path is None:
        return None
    for way in read_correspondence(path):
        if way.target == method.model.hash():
            return way
    raise ValueError(f"train: {path} leads to other face models than {method.model.name}")


def _refused(sets: list[Tolerant]) -> list[str]:
    """A line for each set in which samples were passed over."""
    reports = [(faces.title, faces.report()) for faces in sets]
    return [f"{title}: {report}" for title, report in reports if report.refused]


def make_method(name: str, **arguments: Any) -> Method:
    """A method; with the default face it gets the whitening measured on portraits, not the rough default.

    Args:
        name: of the method.
        arguments: of its constructor; ``model`` and ``space`` may be paths.
    """
    readers: dict[str, Callable[[Path], Any]] = {"model": load_model, "space": ParameterSpace.load}
    arguments = {
        key: readers[key](Path(value)) if key in readers and isinstance(value, str) else value
        for key, value in arguments.items()
    }
    method, labels = create_method(name, **arguments), parameter_space()
    own = method.space is None or "space" in arguments or "model" in arguments or method.images.size != labels.size
    return method if own else create_method(name, **arguments, space=labels)


def read_recipe(name: str | os.PathLike[str]) -> dict[str, Any]:
    """The options of a YAML file, or of a recipe in the package by its name.

    Raises:
        FileNotFoundError: there is neither.
        ValueError: the file holds no NAME: VALUE lines.

    Example:
        >>> read_recipe("mobile_frnet_synthetic")["method"]
        'mobile_frnet'
    """
    path, packaged = Path(name), resources.files("pyface3d.training").joinpath("recipes")
    if not path.is_file():
        known = sorted(entry.name.removesuffix(".yaml") for entry in packaged.iterdir() if entry.name.endswith(".yaml"))
        if str(name) not in known:
            raise FileNotFoundError(f"train: no recipe {str(name)!r}; known: {', '.join(known)}; or give a YAML file")
        text = packaged.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    else:
        text = read_text(path)
    wanted = f"train: {name} must hold NAME: VALUE lines, as the options of `pyface3d train` are named"
    try:
        options = parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"{wanted}, got no YAML that is read ({error})") from None
    if not isinstance(options, dict):
        raise ValueError(wanted)
    return {str(key).replace("-", "_"): _number(value) for key, value in options.items()}


def _number(value: Any) -> Any:
    """``1e-3`` as the number it is: YAML wants a point in it."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def command(name: str, sources: Sequence[str], seed: int, options: Mapping[str, Any]) -> str:
    """The command line that trains so again."""
    parts = ["pyface3d", "train", name, *(word for source in sources for word in ("--data", source))]
    parts += ["--seed", str(seed)]
    for key, value in (options.get("arguments") or {}).items():
        parts += ["--argument", f"{key}={json.dumps(value)}"]
    for key, value in options.items():
        if value is not None and key not in ("arguments", "bar", "resume", "workers", "max_minutes", "save_minutes"):
            parts += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(parts)


def _tuples(value: Any) -> Any:
    """Lists of a YAML file as a recipe holds them."""
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
