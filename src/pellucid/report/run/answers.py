"""What the answers on the test images say: everything here is computed from the stored predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.charts.calibration_curve import calibration_curve
from pellucid.charts.confusion_matrix import confusion_matrix
from pellucid.charts.mistakes import mistakes as mistakes_chart
from pellucid.charts.per_class_accuracy import per_class_accuracy
from pellucid.displays.matrix import Behind, Matrix
from pellucid.displays.numbers import percent
from pellucid.displays.table import Table
from pellucid.errors import DataError
from pellucid.evaluation.evaluate import Evaluation, evaluate
from pellucid.images import Images
from pellucid.report.section import Section, named
from pellucid.spec.network import ForeignModule
from pellucid.verbs.run import Run, class_table, confusion_table

#: Images behind a cell of the confusion matrix, and the pixels of all of them together, at most.
BEHIND, PIXELS, SIDE = 12, 600_000, 64


@dataclass(frozen=True, eq=False)
class Answers:
    """Logits N x classes and labels N of the test images, and the numbers that they give."""

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    found: Evaluation

    @property
    def probabilities(self) -> NDArray[np.float64]:
        from scipy.special import softmax

        shares: NDArray[np.float64] = softmax(self.logits.astype(np.float64), axis=1)
        return shares


def answers(run: Run) -> Answers:
    """The stored predictions of a run. Raises DataError where there are none."""
    kept = run.folder.predictions()
    if kept is None or not len(kept["labels"]):
        raise DataError(
            f"{run.id}: expected answers on test images, found none ({run.status}, "
            f"{run.folder.manifest['sizes']['test']} test images). Train it to its end, with a test split."
        )
    return Answers(kept["logits"], kept["labels"], evaluate(kept["logits"], kept["labels"], run.class_names))


def answer(run: Run) -> Section:
    """The question, and the answer in a sentence; the numbers below it."""
    spec = run.spec
    network, data = named(spec.network.name), named(data_name(run))
    question = (
        f"How well does {network} tell the {len(run.class_names)} classes of {data} apart, "
        f"trained with {spec.recipe.optimizer} for at most {spec.recipe.epochs} "
        f"epoch{'s' * (spec.recipe.epochs != 1)} (seed {spec.seed})?"
    )
    try:
        known = answers(run)
    except DataError as error:
        return Section("answer", "In short", (question, f"Not answered yet. {error}"), [_table(run, None)])
    found = known.found
    low, high = found.interval
    often = max(found.support)
    words = [
        question,
        f"{percent(found.accuracy)} of {found.images:,} test images are named right (95 % interval {percent(low)} to "
        f"{percent(high)}); always naming the most frequent class would give {percent(often / found.images)}.",
    ]
    hardest = int(np.argmin([r if n else 2 for r, n in zip(found.recall, found.support, strict=True)]))
    wrong = found.confusion[hardest].copy()
    wrong[hardest] = 0
    if wrong.sum():
        taken = named(found.class_names[int(wrong.argmax())])
        words.append(
            f"The hardest class is {named(found.class_names[hardest])}: {percent(found.recall[hardest])} of its "
            f"{found.support[hardest]:,} images are named right, {int(wrong.max()):,} are taken for {taken}."
        )
    if run.status == "diverged":
        words.append("The training diverged: its loss was no longer a finite number.")
    words.append(
        "The interval is over test images like these; how much another seed would change it takes several runs: "
        "pellucid study."
    )
    return Section("answer", "In short", words, [_table(run, found)])


def classes(run: Run) -> Section:
    """Accuracy of each class with its interval; precision, recall and F1."""
    found = answers(run).found
    chart = per_class_accuracy(found.confusion, class_names=run.class_names)
    return Section("classes", "Class by class", displays=[chart, class_table(found)])


def confusion(run: Run) -> Section:
    """The confusion matrix; its cells open the images behind them, where the images are at hand."""
    known = answers(run)
    heatmap = confusion_matrix(known.found.confusion, class_names=run.class_names)
    table = confusion_table(known.found)
    words = ["Rows are the true classes, columns what the network said."]
    try:
        behind = _behind(_tested(run, known), known)
    except DataError as error:
        behind = {}
        words.append(f"The images behind the cells are not here: {error}")
    return Section("confusion", "What is taken for what", words, [Matrix(heatmap, table, behind)])


def calibration(run: Run) -> Section:
    """Whether the network is right as often as it is sure."""
    found = answers(run).found.calibration
    some = [k for k, n in enumerate(found.count) if n]
    rows = [
        (
            f"{100 * found.edges[k]:.0f} to {100 * found.edges[k + 1]:.0f} %",
            found.count[k],
            percent(found.confidence[k]),
            percent(found.accuracy[k]),
        )
        for k in some
    ]
    # signed over all images: above zero where the network is surer than it is right
    total = sum(found.count)
    surer = sum(found.count[k] * (found.confidence[k] - found.accuracy[k]) for k in some) / total
    verdict = "surer than it is right" if surer > 0 else "right more often than it is sure"
    words = (
        f"Over all images the network is {verdict}, by {100 * abs(surer):.2f} points on average; the expected "
        f"calibration error over 15 bins is {percent(found.error)}.",
    )
    chart = calibration_curve(found.confidence, accuracy=found.accuracy, count=found.count, error=found.error)
    table = Table(("confidence", "images", "mean confidence", "accuracy"), rows, title="Calibration by bin")
    return Section("calibration", "Can its confidence be believed?", words, [chart, table])


def mistakes(run: Run) -> Section:
    """The wrong answers that the network was surest of."""
    known = answers(run)
    images = _tested(run, known)
    return Section("mistakes", "Where it was sure and wrong", displays=[
        mistakes_chart(images, probabilities=known.probabilities)
    ])  # fmt: skip


def data_name(run: Run) -> str:
    """The data set's name; of a folder of images the folder's."""
    data = run.spec.data
    return data.path.rstrip("/").rpartition("/")[2] if data.path else data.name


def _tested(run: Run, known: Answers) -> Images:
    """The test images. Raises DataError where they are not those of the answers."""
    images = run.images("test")
    if not np.array_equal(images.labels, known.labels):
        raise DataError(f"{run.id}: expected the test images of its answers, found others. Give it its data again.")
    return images


def _behind(images: Images, known: Answers) -> dict[tuple[int, int], Behind]:
    """Of each cell some images, the surest answers first; fewer a cell where together they would be too many."""
    height, width = _thumb(images.pixels[:1]).shape[1:3]
    predicted, sure = known.logits.argmax(1), known.probabilities.max(1)
    members = {
        (i, j): np.flatnonzero((known.labels == i) & (predicted == j))
        for i, j in zip(*np.nonzero(known.found.confusion), strict=True)
    }
    most = BEHIND
    while most > 1 and sum(min(most, len(one)) for one in members.values()) * height * width > PIXELS:
        most -= 1
    found = {}
    for (i, j), one in members.items():
        chosen = one[np.argsort(-sure[one], kind="stable")[:most]]
        captions = [f"{100 * sure[k]:.0f} %, image {k}" for k in chosen]
        found[int(i), int(j)] = Behind(_thumb(images.pixels[chosen]), captions)
    return found


def _thumb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every n-th pixel, so that no side is longer than `SIDE`."""
    step = -(-max(pixels.shape[1:3]) // SIDE)
    return pixels[:, ::step, ::step]


def _table(run: Run, found: Evaluation | None) -> Table:
    """The numbers of a run, from its predictions and its metrics."""
    lines, result = run.folder.metrics(), run.folder.result() or {}
    best = next((line for line in lines if line["epoch"] == result.get("best_epoch")), None)
    rows: list[tuple[str, object]] = [("run", run.id), ("status", run.status)]
    if found is not None:
        low, high = found.interval
        rows += [
            ("test accuracy", percent(found.accuracy)),
            ("95 % interval (Wilson)", f"{percent(low)} to {percent(high)}"),
            ("label among the two likeliest", percent(found.top2_accuracy)),
            ("test loss (cross entropy, nats)", f"{found.loss:.4f}"),
            ("expected calibration error", percent(found.calibration.error)),
        ]
    if best is not None and best.get("validation_accuracy") is not None:
        rows.append(("validation accuracy", percent(best["validation_accuracy"])))
    rows += [("epochs", len(lines)), ("best epoch", result.get("best_epoch"))]
    if not isinstance(run.spec.network, ForeignModule):
        from pellucid.verbs.networks import totals

        rows.append(("parameters", totals(run.spec.network, run.input_shape)["all"]["parameters"]))
    if result.get("seconds") is not None:
        rows.append(("seconds of training", round(float(result["seconds"]), 1)))
    return Table(("", ""), [(name, _cell(value)) for name, value in rows], title="The run in numbers")


def _cell(value: object) -> object:
    return f"{value:,}" if isinstance(value, (int, float)) else value
