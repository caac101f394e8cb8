"""A run that was kept: its spec, history and result, and what can be asked of its weights."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.charts.confusion_matrix import confusion_matrix
from pellucid.charts.learning_curves import learning_curves
from pellucid.charts.mistakes import mistakes
from pellucid.charts.per_class_accuracy import per_class_accuracy
from pellucid.datasets._load import load
from pellucid.displays.display import Display
from pellucid.displays.numbers import percent
from pellucid.displays.table import Table
from pellucid.engines.engine import Model, engine
from pellucid.errors import DataError, SpecError, StorageError, UsageError, unknown_name
from pellucid.evaluation.averaged import averaged
from pellucid.evaluation.evaluate import Evaluation, evaluate
from pellucid.images import Images, Scaling, Splits
from pellucid.spec.layer import Shape, shape_text
from pellucid.spec.network import ForeignModule
from pellucid.spec.run import RunSpec
from pellucid.spec.shapes import parameter_shapes
from pellucid.storage.run_folder import RunFolder
from pellucid.storage.runs_root import find, runs_root
from pellucid.views._parse import viewed

SPLITS = ("train", "validation", "test")


class Run:
    """One run folder, opened. `module`: the user's own network, for runs that trained one."""

    def __init__(self, folder: RunFolder, *, splits: Splits | None = None, module: Any = None) -> None:
        self.folder, self.module = folder, module
        self.id, self.path = folder.id, folder.path
        self._splits = splits

    @classmethod
    def open(
        cls,
        root: str | Path | None,
        name: str,
        *,
        splits: Splits | None = None,
        module: Any = None,
    ) -> Run:
        """The run called `name` under `root`: its id, a unique part of it, a path of its folder, or "last".

        Raises UsageError naming the nearest runs where there is none.
        """
        path = Path(name)
        if root is None and (path / "run.json").is_file():
            return cls(RunFolder.open(path.resolve().parent, path.resolve().name), splits=splits, module=module)
        base = runs_root(root)
        return cls(RunFolder.open(base, find(base, name)), splits=splits, module=module)

    @cached_property
    def spec(self) -> RunSpec:
        return RunSpec.from_dict(self.folder.manifest["spec"])

    @property
    def status(self) -> str:
        """running, interrupted, finished, diverged or broken."""
        return self.folder.status()

    @property
    def result(self) -> dict[str, Any]:
        """The final numbers. Raises StorageError for a run that is not over."""
        found = self.folder.result()
        if found is None:
            raise StorageError(f"{self.id}: expected a finished run, found one that is {self.status}. Train it on.")
        return found

    @property
    def history(self) -> dict[str, NDArray[np.float64]]:
        """Every number of every epoch, one float64 array a name, NaN where there is none; with `seconds` of each."""
        lines = [
            {**record, **{key: timing[key] for key in ("seconds", "images_per_second")}}
            for record, timing in zip(self.folder.metrics(), self.folder.timings(), strict=False)
        ]
        names = list(lines[0]) if lines else []
        return {
            name: np.array([np.nan if line[name] is None else line[name] for line in lines], np.float64)
            for name in names
        }

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.folder.manifest["class_names"])

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        height, width, channels = self.folder.manifest["input_shape"]
        return height, width, channels

    @property
    def scaling(self) -> Scaling:
        kept = self.folder.manifest["scaling"]
        return Scaling(tuple(kept["scale"]), tuple(kept["shift"]))

    @cached_property
    def splits(self) -> Splits:
        """The images of the run, read again where they came from.

        Raises DataError if they are others than the run was trained on.
        """
        if self._splits is not None:
            return self._splits
        splits = load(self.spec.data)
        if splits.fingerprint() != self.folder.manifest["fingerprint"]:
            raise DataError(f"{self.id}: expected the images it was trained on, found others under the same name.")
        return splits

    def model(self, *, weights: str = "best") -> Model:
        """The network with its "best" or "last" weights, ready to be asked."""
        network = self.spec.network
        if isinstance(network, ForeignModule):
            if self.module is None:
                raise UsageError(
                    f"{self.id}: expected the module that it trained ({network.name}), which a run folder does not "
                    "keep. Open the run from Python with module=..."
                )
            from copy import deepcopy

            network = deepcopy(self.module)
        chosen = engine(self.spec.engine)
        return chosen.model(network, self.input_shape, self.scaling, self.folder.load_weights(weights))

    def inspected(self, *, weights: str = "best") -> Model:
        """The network as PyTorch computes it, whichever engine trained it: ways of looking need its gradients."""
        if self.spec.engine == "pytorch" or isinstance(self.spec.network, ForeignModule):
            return self.model(weights=weights)
        arrays = self.folder.load_weights(weights)
        return engine("pytorch").model(self.spec.network, self.input_shape, self.scaling, arrays)

    def evaluate(
        self,
        *,
        split: str = "test",
        views: str | Sequence[str] = (),
        weights: str = "best",
        mirror: bool = False,
        shifted: bool = False,
    ) -> Evaluation:
        """Numbers of the run's network on a split; `views` are applied to its images first, such as "negative".

        mirror, shifted: test-time augmentation, the mean logits of each image and its mirror image, and of copies
        that are moved by a pixel (`pellucid.evaluation.averaged`).

        Raises UsageError for an unknown split or view, DataError for an empty split.
        """
        if not (mirror or shifted):
            return evaluate(*self._asked(split, views, weights), self.class_names)
        images, model = self.images(split, views), self.model(weights=weights)
        logits = averaged(
            lambda pixels: model.logits(replace(images, pixels=pixels)), images.pixels, mirror=mirror, shifted=shifted
        )
        return evaluate(logits, images.labels, self.class_names)

    def images(self, split: str = "test", views: str | Sequence[str] = ()) -> Images:
        """The images of a split, changed by one further view or several."""
        views = (views,) if isinstance(views, str) else views
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        splits = self.splits
        if views:
            splits = load(replace(self.spec.data, views=()))
            for view in (*self.spec.data.views, *views):
                # the model scales its images as in training, whatever is done to their bytes
                seen = viewed(splits, view)
                splits = replace(seen, scaling=Scaling.unit(seen.shape[2]))
            self._check_fit(splits.shape, views)
        found: Images = getattr(splits, split)
        return found

    def _check_fit(self, shape: Shape, views: Sequence[str]) -> None:
        """Raises UsageError where views made images that the network cannot take; one that pools them all can."""
        network = self.spec.network
        if shape == self.input_shape or isinstance(network, ForeignModule):
            return
        try:
            fits = parameter_shapes(network, shape) == parameter_shapes(network, self.input_shape)
        except SpecError:
            fits = False
        if not fits:
            raise UsageError(
                f"{self.id}: expected images of {shape_text(self.input_shape)}, found {shape_text(shape)} after "
                f"{', '.join(views)}. Leave out what changes their size or channels."
            )

    def _asked(
        self, split: str, views: str | Sequence[str], weights: str
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        images = self.images(split, views)
        if split == "test" and not views and weights == "best" and self.folder.result() is not None:
            kept = self.folder.predictions()
            if kept is not None:
                return kept["logits"], kept["labels"]
        return self.model(weights=weights).logits(images), images.labels

    def learning_curves(self) -> Display:
        """Loss and accuracy by epoch."""
        found = self.folder.result()
        return learning_curves(self.folder.metrics(), best_epoch=found["best_epoch"] if found else None)

    def confusion_matrix(self, *, split: str = "test") -> Display:
        """True against predicted classes."""
        found = self.evaluate(split=split)
        return confusion_matrix(found.confusion, class_names=self.class_names)

    def mistakes(self, *, split: str = "test", n: int = 40) -> Display:
        """The wrong predictions that the network was surest of."""
        from scipy.special import softmax

        logits, _ = self._asked(split, (), "best")
        return mistakes(self.images(split), probabilities=softmax(logits.astype(np.float64), axis=1), n=n)

    def draw(self) -> list[Path]:
        """Writes the run's pictures into its folder, those that are not there yet; their paths."""
        makers = {"learning_curves": self.learning_curves} if self.folder.metrics() else {}
        if self.folder.manifest["sizes"]["test"] and self.status == "finished":
            makers |= {
                "confusion_matrix": self.confusion_matrix,
                "per_class_accuracy": self.per_class_accuracy,
                "mistakes": self.mistakes,
            }
        folder = self.path / "pictures"
        for name, make in makers.items():
            if not (folder / f"{name}.png").exists():
                self.folder.save_file(f"pictures/{name}.png", make().render("png"))
        return [folder / f"{name}.png" for name in makers]

    def per_class_accuracy(self, *, split: str = "test") -> Display:
        """Accuracy of each class with its 95 % interval."""
        found = self.evaluate(split=split)
        return per_class_accuracy(found.confusion, class_names=self.class_names)

    def per_class_table(self) -> Table:
        """Precision, recall and F1 of each class on the test images."""
        return class_table(self.evaluate())

    def seconds_per_image(self, *, weights: str = "best") -> dict[str, float]:
        """How long the network takes for an image on this machine: in batches, and alone; medians, in seconds."""
        model = self.model(weights=weights)
        pixels = np.random.default_rng(0).integers(0, 256, (500, *self.input_shape), dtype=np.uint8)
        many = Images(pixels, np.zeros(len(pixels), np.int64), self.class_names)
        one = many.take(np.arange(1))

        def median(images: Images, repeats: int) -> float:
            model.logits(images)
            seconds = []
            for _ in range(repeats):
                start = time.perf_counter()
                model.logits(images)
                seconds.append(time.perf_counter() - start)
            return float(np.median(seconds)) / len(images)

        return {"batch": median(many, 5), "single": median(one, 50)}

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.status})"

    def _repr_html_(self) -> str:
        summary = Table(
            columns=("", ""),
            rows=[(name, value) for name, value in self.summary().items()],
            title=self.id,
        )
        body = self.learning_curves()._repr_html_() if self.folder.metrics() else ""
        return f"<section aria-label='{html.escape(self.id, quote=True)}'>{summary._repr_html_()}{body}</section>"

    def summary(self) -> dict[str, Any]:
        """The run in a few words and numbers."""
        spec, found = self.spec, self.folder.result() or {}
        return {
            "status": self.status,
            "network": spec.network.name,
            "data": spec.data.name,
            "optimizer": f"{spec.recipe.optimizer}, lr {spec.recipe.lr:g}, {spec.recipe.schedule}",
            "seed": spec.seed,
            "epochs": len(self.folder.metrics()),
            "best epoch": found.get("best_epoch"),
            "validation accuracy": found.get("validation_accuracy"),
            "test accuracy": found.get("test_accuracy"),
            "test loss": found.get("test_loss"),
            "seconds": found.get("seconds"),
        }


def class_table(found: Evaluation) -> Table:
    """Precision, recall, F1 and images of each class."""
    return Table(
        title="",
        columns=("class", "precision", "recall", "F1", "images"),
        rows=[
            (name, percent(precision), percent(recall), percent(f1), support)
            for name, precision, recall, f1, support in zip(
                found.class_names, found.precision, found.recall, found.f1, found.support, strict=True
            )
        ],
    )


def confusion_table(found: Evaluation) -> Table:
    """Images by true class (rows) and predicted class (columns)."""
    return Table(
        title="true class by row, predicted class by column",
        columns=("", *found.class_names),
        rows=[(name, *row) for name, row in zip(found.class_names, found.confusion.tolist(), strict=True)],
    )
