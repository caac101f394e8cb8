"""A run: a training whose every epoch is kept, so that it can be killed at any moment and go on to the same bits.

The order of writes carries the promise. After an epoch: metrics, timings, the state, then the best weights. A process
killed before the state is written goes on from the state before, drops the lines beyond it and writes them again,
byte for byte, since every step is a function of the state and of (seed, epoch, step). One killed before the best
weights are takes them from the state.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pellucid.engines.engine import Engine, Trainer, engine
from pellucid.errors import DamagedError, DataError, DivergedError, InterruptedRunError, StorageError
from pellucid.images import Images, Splits
from pellucid.spec.network import Network
from pellucid.spec.progressive import check_progressive
from pellucid.spec.recipe import Recipe
from pellucid.spec.run import RunSpec
from pellucid.spec.shapes import check
from pellucid.storage.run_folder import RunFolder
from pellucid.training.decisions import Decisions, decide
from pellucid.training.environment import differences, environment
from pellucid.training.fit import Progress, fit
from pellucid.training.interrupt import interruptible
from pellucid.training.record import EpochRecord, EpochTiming
from pellucid.training.schedules import OVER_ALL_EPOCHS
from pellucid.training.stopping import best_epoch, stop_reason

#: A checkpoint is written within an epoch too when this many seconds have passed since the last one.
CHECKPOINT_SECONDS = 60.0


class Observer:
    """Told of what happens; every method does nothing unless overridden."""

    def begin(self, folder: RunFolder, decisions: Decisions, steps_per_epoch: int, resumed: Progress | None) -> None:
        """Training begins, or goes on from `resumed`."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def step(self, progress: Progress) -> None:
        """After every training step: has to be quick."""

    def epoch(self, record: EpochRecord, timing: EpochTiming, *, best: bool) -> None:
        """After every epoch, when it is on disk."""


def run(
    spec: RunSpec,
    splits: Splits,
    root: Path,
    *,
    module: Any = None,
    observer: Observer | None = None,
    probes: Path,
    checkpoints: bool = False,
    earlier: str | None = None,
) -> Iterator[EpochRecord]:
    """Trains `spec` in its folder under `root`, from where it stands; yields the epochs trained now.

    A run that is over yields nothing. module: the user's own network, where the spec names one. probes: folder for
    what the precision probe found. checkpoints: keep the weights after every epoch, and the first ones. earlier: a
    finished run that a new one begins with, to the bits of one begun anew, where `goes_on` allows it and it is whole.

    Raises UsageError where the device that it began on is not here, DivergedError (the run is marked, its last finite
    checkpoint stays), InterruptedRunError after Ctrl-C, StorageError when a file cannot be written or another process
    trains this run, DataError when the images are not those that the run began with.
    """
    observer = observer or Observer()
    chosen = engine(spec.engine)
    classes = len(splits.class_names)
    network = module
    if isinstance(spec.network, Network):
        check(spec.network, splits.shape, classes)
        check_progressive(spec.recipe, spec.network, splits.shape)
        network = spec.network
    if RunFolder.exists(root, spec.id):
        folder = RunFolder.open(root, spec.id)
    else:
        begun = _begun_with(root, spec, earlier)
        if begun is None:
            decisions = decide(chosen, spec, network, splits.shape, classes, probes)
            begun = _created(root, spec, _manifest(spec, splits, decisions, chosen))
        folder = begun
    _same_spec(folder, spec)
    with folder.lock():
        _same_images(folder, splits)  # also of a run that is over: its numbers are of other images
        if folder.result() is not None:
            return
        decisions = Decisions(**folder.manifest["decisions"])
        chosen.check(network, decisions.device, decisions.precision)  # it may have begun on another machine
        with chosen.threads(decisions.threads), interruptible() as interrupt:
            trainer = chosen.trainer(
                network,
                splits.train,
                splits.scaling,
                spec.recipe,
                seed=spec.seed,
                device=decisions.device,
                precision=decisions.precision,
            )
            progress = _resume(folder, trainer, spec.recipe)
            changed: list[str] = []
            if progress:
                changed = differences(folder.manifest["environment"], environment(chosen, decisions.threads))
            if changed:
                observer.note(f"Bits may differ from an uninterrupted run: {'; '.join(changed)}.")
            observer.begin(folder, decisions, trainer.steps_per_epoch, progress)
            folder.append_event("resumed" if progress else "started", **({"changed": changed} if progress else {}))
            if progress is None:
                progress = Progress()
                if checkpoints:
                    folder.save_epoch(0, trainer.weights())
                _checkpoint(
                    folder, trainer, progress
                )  # a loss that breaks in the first epoch has this to fall back on
            last_saved = time.monotonic()

            def on_step(progress: Progress) -> None:
                nonlocal last_saved
                observer.step(progress)
                if interrupt.requested:
                    _checkpoint(folder, trainer, progress)
                    folder.append_event("interrupted", epoch=progress.epoch, step=progress.done)
                    raise InterruptedRunError(
                        f"{folder.id}: stopped in epoch {progress.epoch} after step {progress.done}; the checkpoint "
                        "is saved. The same command goes on from there."
                    )
                if time.monotonic() - last_saved > CHECKPOINT_SECONDS:
                    _checkpoint(folder, trainer, progress)
                    last_saved = time.monotonic()

            try:
                for record, timing in fit(trainer, splits, spec.recipe, progress, on_step=on_step):
                    best = best_epoch(spec.recipe, progress.records) == record.epoch
                    folder.append_metrics(record.to_dict())
                    folder.append_timings(timing.to_dict())
                    if checkpoints:
                        folder.save_epoch(record.epoch, trainer.weights())
                    _checkpoint(folder, trainer, progress)
                    if best:
                        folder.save_weights("best", trainer.weights(), epoch=record.epoch)
                    last_saved = time.monotonic()
                    observer.epoch(record, timing, best=best)
                    yield record
            except DivergedError as error:
                folder.append_event("diverged", reason=str(error))
                folder.save_result(_result(spec, progress, folder, "diverged", str(error)))
                raise DivergedError(f"{folder.id}: {error} The last finite checkpoint is kept.") from None
            _finish(spec, splits, folder, trainer, progress)


def _manifest(spec: RunSpec, splits: Splits, decisions: Decisions, chosen: Engine) -> dict[str, Any]:
    return {
        "spec": spec.to_dict(),
        "input_shape": list(splits.shape),
        "class_names": list(splits.class_names),
        "scaling": {"scale": list(splits.scaling.scale), "shift": list(splits.scaling.shift)},
        "sizes": {name: len(images) for name, images in splits},
        "fingerprint": splits.fingerprint(),
        "test_files": files_of(splits.test, spec.data.path),
        "decisions": decisions.to_dict(),
        "environment": environment(chosen, decisions.threads),
        "created": _now(),
    }


def files_of(images: Images, folder: str | None) -> str:
    """SHA-256 over the folder and the names of the images' files, in their order; "" for a set that has no files."""
    names = "\n".join([str(Path(folder or "").absolute()), *images.sources])
    return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest() if images.sources else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def goes_on(spec: RunSpec, earlier: RunSpec) -> bool:
    """Whether a finished run of `earlier` is the beginning of a run of `spec`, bit by bit.

    It is where they differ in the number of epochs alone, and neither learning rates nor sizes of images that it saw
    depend on that number.
    """
    longer = replace(earlier, recipe=replace(earlier.recipe, epochs=spec.recipe.epochs))
    return (
        longer.id == spec.id
        and earlier.recipe.epochs <= spec.recipe.epochs
        and spec.recipe.schedule not in OVER_ALL_EPOCHS
        and spec.recipe.time_budget is None
        and all(
            spec.recipe.side(epoch) == earlier.recipe.side(epoch) for epoch in range(1, earlier.recipe.epochs + 1)
        )
    )


def _begun_with(root: Path, spec: RunSpec, earlier: str | None) -> RunFolder | None:
    """A new run that begins with an earlier one, if that is there, finished, whole and the beginning of this one."""
    if earlier is None or not RunFolder.exists(root, earlier):
        return None
    with suppress(DamagedError):  # trained anew it comes to the same bits
        before = RunFolder.open(root, earlier)
        result = before.result() or {}
        finished = result.get("status") == "finished" and result["epochs"] == len(before.metrics())
        if finished and goes_on(spec, RunSpec.from_dict(before.manifest["spec"])):
            return _created(root, spec, {**before.manifest, "spec": spec.to_dict(), "created": _now()}, before)
    return None


def _created(root: Path, spec: RunSpec, manifest: dict[str, Any], before: RunFolder | None = None) -> RunFolder:
    """The new run of `spec`, or the one that another process has just made."""
    try:
        return RunFolder.create(root, spec.id, manifest, before=before)
    except StorageError:
        if not RunFolder.exists(root, spec.id):
            raise
        return RunFolder.open(root, spec.id)


def _same_spec(folder: RunFolder, spec: RunSpec) -> None:
    if folder.manifest["spec"] != json.loads(json.dumps(spec.to_dict())):  # ids are a few digits of a digest
        raise StorageError(
            f"{folder.id}: expected the run of this spec, found another one's under the same id. Use another folder "
            "of runs (--runs)."
        )


def _same_images(folder: RunFolder, splits: Splits) -> None:
    if folder.manifest["fingerprint"] != splits.fingerprint():
        raise DataError(
            f"{folder.id}: expected the images that this run began with, found others under the same name. Put them "
            f"back to go on, or delete the run (pellucid runs delete {folder.id}) and train anew."
        )


def _resume(folder: RunFolder, trainer: Trainer, recipe: Recipe) -> Progress | None:
    """The progress of the newest state, with that state in the trainer; None if there is none yet.

    Best weights that a killed process did not come to are written.
    """
    found = folder.latest_state()
    if found is None:
        folder.keep_epochs(0)
        return None
    tensors, kept = found
    trainer.load_state(tensors)
    folder.keep_epochs(int(kept["epochs"]))
    records = [EpochRecord(**line) for line in folder.metrics()]
    progress = Progress(
        records, int(kept["done"]), float(kept["seconds"]), float(kept["epoch_seconds"]), float(kept["lr"])
    )
    newest, kept_epoch = len(records), None
    try:
        kept_epoch = folder.weights_epoch("best")
    except DamagedError as error:  # they are written anew here, or by a later epoch, or missed at the end
        folder.append_event("damaged", file="best.safetensors", reason=str(error))
    if not progress.done and best_epoch(recipe, records) == newest != kept_epoch:
        folder.save_weights("best", trainer.weights(), epoch=newest)
    return progress


def _checkpoint(folder: RunFolder, trainer: Trainer, progress: Progress) -> None:
    steps = len(progress.records) * trainer.steps_per_epoch + progress.done
    folder.save_state(
        steps,
        trainer.state(),
        {
            "epochs": len(progress.records),
            "done": progress.done,
            "lr": progress.lr,
            "seconds": progress.seconds,
            "epoch_seconds": progress.epoch_seconds,
        },
    )


def _finish(spec: RunSpec, splits: Splits, folder: RunFolder, trainer: Trainer, progress: Progress) -> None:
    """Last weights, the best weights' logits on the test images, the result; the result's presence ends the run."""
    last, best = len(progress.records), best_epoch(spec.recipe, progress.records)
    folder.save_weights("last", trainer.weights(), epoch=last)
    if best != last and (kept := folder.weights_epoch("best")) not in (None, best):
        raise DamagedError(
            f"{folder.id}: expected the weights of its best epoch, {best}, found those of epoch {kept}, which was "
            f"trained again and came out otherwise. Delete it (pellucid runs delete {folder.id}) and train anew."
        )
    if len(splits.test):
        if best != last:
            trainer.load_weights(folder.load_weights("best"))
        folder.save_predictions({"logits": trainer.logits(splits.test), "labels": splits.test.labels})
    reason = stop_reason(spec.recipe, progress.records, progress.seconds) or ""
    folder.append_event("finished", reason=reason)
    folder.save_result(_result(spec, progress, folder, "finished", reason))


def _result(spec: RunSpec, progress: Progress, folder: RunFolder, status: str, reason: str) -> dict[str, Any]:
    best = best_epoch(spec.recipe, progress.records)
    record = progress.records[best - 1] if best else None
    seconds = progress.seconds + progress.epoch_seconds
    epochs = folder.timings()
    images = sum(one["seconds"] * one["images_per_second"] for one in epochs)  # a time budget cuts the last one
    spent = sum(one["seconds"] for one in epochs)
    names = ("train", "validation", "test")
    return {
        "status": status,
        "reason": reason,
        "epochs": len(progress.records),
        "best_epoch": best,
        **{
            f"{split}_{value}": record.metric(f"{split}_{value}") if record else None
            for split in names
            for value in ("accuracy", "loss")
        },
        "seconds": seconds,
        "images_per_second": images / spent if spent else None,
    }
