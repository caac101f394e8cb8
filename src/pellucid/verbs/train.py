"""The first verb."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from platformdirs import user_cache_dir

from pellucid.engines.engine import engine
from pellucid.errors import DivergedError, UsageError
from pellucid.images import Splits
from pellucid.spec.network import ForeignModule, Network
from pellucid.spec.progressive import check_smaller
from pellucid.spec.recipe import Recipe
from pellucid.spec.run import RunSpec
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import runs_root
from pellucid.storage.tensorboard import write_events
from pellucid.training.run import Observer
from pellucid.training.run import run as train_run
from pellucid.verbs.options import Request, request, resolve
from pellucid.verbs.run import Run


def train(
    network: Any = None,
    data: Any = None,
    *,
    recipe: str | Recipe | None = None,
    config: str | Path | None = None,
    network_options: Mapping[str, Any] | None = None,
    runs: str | Path | None = None,
    observer: Observer | None = None,
    pictures: bool = True,
    tensorboard: bool = False,
    exact: bool = False,
    checkpoints: bool = False,
    **options: Any,
) -> Run:
    """Trains a network on images and keeps the run; the same call again resumes it, or opens it if it is done.

    network: a name (``"lenet5"``), a path of a TOML file, a `Network`, or a `torch.nn.Module` of your own, which is
    trained in place and takes floats N C H W to logits N x classes. data: a name (``"mnist"``), a folder of images, a
    `DataSpec`. recipe, config: where the values begin; options go over them: any field of `Recipe`, `Augmentation`,
    `DataSpec` and `RunSpec`, as on the command line. pictures: draw learning curves, confusion matrix and mistakes.
    tensorboard: also write event files into the run's folder. exact: nothing is left to the machine's choice; one
    thread, float32, on the processor. checkpoints: keep the weights after every epoch, for ways of looking that
    follow the training.

    Raises UsageError, SpecError, DataError, StorageError, DivergedError, InterruptedRunError; see pellucid.errors.

    >>> run = train("mlp", "digits", epochs=1, seed=0)  # doctest: +SKIP
    >>> run.result["test_accuracy"]  # doctest: +SKIP
    0.88
    """
    if exact:
        options = exactly(options)
    module = None if network is None or isinstance(network, (str, Network)) else network
    asked = request(
        network if module is None else "(module)",
        data,
        recipe=recipe,
        config=config,
        network_options=network_options,
        options=options,
    )
    spec, splits = prepare(asked, module)
    root = runs_root(runs)
    if module is not None:
        spec = _as_begun(module, spec, root)
    try:
        for _ in train_run(
            spec, splits, root, module=module, observer=observer, probes=probe_folder(), checkpoints=checkpoints
        ):
            pass
    except BaseException:
        if module is not None:
            _remember(module, spec)
        raise
    finished = Run.open(root, spec.id, splits=splits, module=module)
    if finished.status == "diverged":  # before: now it has raised
        reason = finished.result["reason"]
        raise DivergedError(f"{spec.id}: {reason} Delete it (pellucid runs delete {spec.id}) to try again.")
    if module is not None:
        _leave(module, spec, finished)
    if checkpoints and not finished.folder.epochs():
        raise UsageError(
            f"{finished.id}: expected the weights of its epochs, found that it was trained without them. Delete it "
            f"(pellucid runs delete {finished.id}) to train it anew, or take another seed."
        )
    if pictures:
        finished.draw()
    if tensorboard:
        write_events(finished.folder)
    return finished


#: What `exact` asks for: no probe decides, and no sum is split among threads in another way on another machine.
EXACT = {"threads": 1, "precision": "fp32", "device": "cpu"}


def exactly(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` with those of `EXACT`. Raises UsageError where one of them is given otherwise."""
    for name, value in EXACT.items():
        if options.get(name) not in (None, value):
            raise UsageError(
                f"exact: expected {name} {value}, found {options[name]}. Leave out either of the two options."
            )
    return {**options, **EXACT}


def prepare(asked: Request, module: Any = None) -> tuple[RunSpec, Splits]:
    """The whole spec of a request, with its images."""
    if module is None:
        network, data, splits = resolve(asked)
        return RunSpec(network=network, data=data, recipe=asked.recipe, **asked.rest), splits
    from pellucid.datasets._load import load

    splits = load(asked.data)
    asked.recipe.augmentation.suits(splits.shape)
    check_smaller(asked.recipe, splits.shape)
    foreign = ForeignModule(type(module).__name__, _digest(module))
    return RunSpec(network=foreign, data=asked.data, recipe=asked.recipe, **asked.rest), splits


def probe_folder() -> Path:
    """Where the outcomes of precision probes are kept."""
    return Path(user_cache_dir("pellucid")) / "probes"


#: Of each module of the user's own: its digest when its last run began, and the one that the run left behind.
_BEGAN: WeakKeyDictionary[Any, tuple[str, str]] = WeakKeyDictionary()


def _as_begun(module: Any, spec: RunSpec, root: Path) -> RunSpec:
    """The spec with the module's first weights, where they are those that a run of it left: the same call goes on."""
    first, left = _BEGAN.get(module, ("", ""))
    assert isinstance(spec.network, ForeignModule)
    begun = replace(spec, network=ForeignModule(spec.network.name, first))
    return begun if left == spec.network.digest and RunFolder.exists(root, begun.id) else spec


def _leave(module: Any, spec: RunSpec, finished: Run) -> None:
    """Leaves the module as the run has trained it, now or before: with its best weights."""
    engine(spec.engine).model(module, finished.input_shape, finished.scaling, finished.folder.load_weights("best"))
    _remember(module, spec)


def _remember(module: Any, spec: RunSpec) -> None:
    """What the module was when its run began, and is now that it has ended or was stopped."""
    assert isinstance(spec.network, ForeignModule)
    _BEGAN[module] = spec.network.digest, _digest(module)


def _digest(module: Any) -> str:
    """Of a module's description, code and weights: whatever its output depends on, as far as can be told."""
    digest = hashlib.sha256(repr(module).encode())
    for kind in sorted({type(part) for part in module.modules()}, key=lambda one: f"{one.__module__}.{one.__name__}"):
        if not kind.__module__.startswith("torch."):
            with suppress(OSError, TypeError):  # typed into a console: there is no source
                digest.update(inspect.getsource(kind).encode())
    for part in module.modules():
        plain = {k: v for k, v in vars(part).items() if isinstance(v, (int, float, str)) and k != "training"}
        digest.update(repr(sorted(plain.items())).encode())
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
