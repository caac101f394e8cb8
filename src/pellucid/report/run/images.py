"""What the network was given."""

from __future__ import annotations

from pellucid.charts.class_counts import class_counts
from pellucid.charts.samples import samples as samples_chart
from pellucid.displays.table import Table
from pellucid.report.run.answers import data_name
from pellucid.report.section import Section, named
from pellucid.spec.layer import shape_text
from pellucid.verbs.run import SPLITS, Run

#: Classes of which samples are drawn, and images a class.
CLASSES, EACH = 20, 8


def samples(run: Run) -> Section:
    """Random training images of each class, and how many there are. Raises DataError where the images are gone."""
    splits, sizes = run.splits, run.folder.manifest["sizes"]
    views = named(", ".join(run.spec.data.views))
    words = [
        f"{named(data_name(run))}: images of {shape_text(run.input_shape)} (height x width x channels), "
        f"{len(run.class_names):,} classes{', through ' * bool(views)}{views}."
    ]
    shown = splits.train
    if len(run.class_names) > CLASSES:
        words.append(f"Samples of the first {CLASSES} classes.")
        shown = shown.take((shown.labels < CLASSES).nonzero()[0])
    table = Table(("split", "images"), [(name, sizes[name]) for name in SPLITS], title="Splits")
    grid = samples_chart(shown, per_class=EACH, title="Training images, drawn at random from each class")
    return Section("samples", "The images", words, [table, class_counts(splits), grid])
