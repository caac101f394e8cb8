"""How a recurrent network reads an image, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.displays.curves import Curves, Series
from pellucid.displays.display import Display
from pellucid.displays.image_grid import ImageGrid
from pellucid.displays.page import Page
from pellucid.displays.palette import CATEGORIES
from pellucid.displays.pixels import Pixels
from pellucid.engines.pytorch.build import Recurrent
from pellucid.errors import SpecError, UsageError
from pellucid.images import Images
from pellucid.inspection._layers import layers
from pellucid.inspection._subject import Subject, forward

#: What the parts are called in the titles, and whether they have values below zero.
PARTS = {
    "state": ("State", True),
    "cell": ("Memory cell", True),
    "input": ("Input gate (1: what is new enters)", False),
    "forget": ("Forget gate (1: the memory is kept)", False),
    "output": ("Output gate (1: the memory is shown)", False),
    "candidate": ("Cell candidate (what is new)", True),
    "reset": ("Reset gate (1: the old state counts for what is new)", False),
    "update": ("Update gate (1: the old state is kept)", False),
    "new": ("New state (what is new)", True),
}


@dataclass(frozen=True)
class RowsPage(Page):
    """The drawings; parts: state and gates, rows x units. probabilities: rows x classes."""

    layer: str = ""
    kind: str = ""
    parts: tuple[tuple[str, NDArray[np.float64]], ...] = ()
    probabilities: NDArray[np.float64] | None = None
    classes: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "layer": self.layer,
            "kind": self.kind,
            "classes": list(self.classes),
            "probabilities": self.probabilities,
            **dict(self.parts),
        }


def row_reader(model: Any, images: Any, *, image: int = 0) -> RowsPage:
    """The state, the gates and the answer of a recurrent network after each row of one image.

        RNN   h' = tanh(W x + U h + b)
        LSTM  c' = f c + i g,  h' = o tanh(c'),  i, f, o = sigmoid(...),  g = tanh(...)
        GRU   h' = (1 - z) n + z h,  n = tanh(W x + b + r (U h + b')),  r, z = sigmoid(...)

    For networks with one recurrent layer, the project's or `nn.RNN`, `nn.LSTM`, `nn.GRU` of one layer and one
    direction, batch first. The class probabilities after a row are what the rest of the network makes of the rows so
    far, as if the image ended there. image: its number among `images`.

    Source: Elman 1990, Hochreiter and Schmidhuber 1997, Cho et al. 2014 (elman1990, hochreiter1997, cho2014 in
    docs/bibliography.bib).

    Raises UsageError for networks without such a layer, or whose other layers need all rows at once.
    """
    subject = Subject.of(model)
    if not 0 <= image < len(images):
        raise UsageError(f"image: expected a number from 0 to {len(images) - 1}, found {image}.")
    one = images.take(np.array([image])) if isinstance(images, Images) else images[image : image + 1]
    x = subject.floats(one)
    name, layer = _recurrent(subject, x)
    with subject.quiet(), torch.no_grad():
        call = _call(subject, layer, x)
        parts = read(layer, *call)
        steps = parts["state"].shape[1]
        outputs = [_after(subject, layer, x, parts, step) for step in range(1, steps + 1)]
    logits = torch.cat(outputs).double().cpu()
    if logits.ndim != 2:
        raise UsageError(
            f"model: expected an output N x classes, found {' x '.join(map(str, outputs[0].shape))}. Give a network "
            "that tells classes apart."
        )
    probabilities = logits.softmax(1).numpy()
    kept = tuple((key, value[0].double().cpu().numpy()) for key, value in parts.items())
    own = isinstance(images, Images) and len(images.class_names) == logits.shape[1]
    classes = images.class_names if own else tuple(f"class {k}" for k in range(logits.shape[1]))
    picture = subject.bytes(one)[0]
    row = "row" if steps == picture.shape[0] else "step"
    kind = _kind(layer)
    true = f", is {images.class_names[images.labels[image]]}" if isinstance(images, Images) else ""
    title = f"{name} ({kind.upper()}): image {image}{true}, {row} by {row}"
    maps = [
        Pixels(
            value,
            row_title=f"after {row}",
            column_title=f"unit of {name}",
            bound=(float(np.abs(value).max(initial=0)) or 1.0) if PARTS[key][1] else 1.0,
            both=PARTS[key][1],
            beside=picture,
            first_row=1,
            cell=(min(max(640 // value.shape[1], 2), 12), min(max(224 // steps, 4), 16)),
            title=PARTS[key][0],
        )
        for key, value in kept
    ]
    top = Page(
        [
            ImageGrid(picture[None].repeat(1, axis=0), title=f"Image {image}{true}"),
            _curves(probabilities, classes, row),
        ],
        columns=2,
    )
    displays: list[Display] = [top, Page(maps)]
    return RowsPage(
        displays, title=title, layer=name, kind=kind, parts=kept, probabilities=probabilities, classes=classes
    )


def _curves(probabilities: NDArray[np.float64], classes: Sequence[str], row: str) -> Curves:
    """The classes that come highest anywhere; colours end before many classes do."""
    steps, count = probabilities.shape
    most = len(CATEGORIES)
    shown = sorted(np.argsort(-probabilities.max(0), kind="stable")[:most].tolist())
    title = f"Class probabilities after each {row}" + (f", the highest {most} of {count}" if count > most else "")
    x = list(range(1, steps + 1))
    series = [Series(classes[k], x, probabilities[:, k].tolist()) for k in shown]
    return Curves(
        series, x_title=f"{row}s read", y_title="probability", title=title, percent=True, width=560, height=220
    )


def _kind(layer: nn.Module) -> str:
    return layer.kind if isinstance(layer, Recurrent) else type(layer).__name__.lower()


def _recurrent(subject: Subject, x: Tensor) -> tuple[str, Any]:
    """The one recurrent layer. Raises UsageError naming the layers where there is none, more, or another kind."""
    found = [
        (name, part)
        for name, part in subject.module.named_modules()
        if name and isinstance(part, (Recurrent, nn.RNNBase))
    ]
    if not found:
        told = ", ".join(f"{one.name} ({one.kind}, {one.shape_text})" for one in layers(subject, x)[:12]) or "none"
        raise UsageError(
            f"model: expected a network with a recurrent layer (RNN, LSTM or GRU) over the rows, found none among "
            f"its layers: {told}. Give one like row_lstm."
        )
    if len(found) > 1:
        raise UsageError(
            f"model: expected one recurrent layer, found {len(found)}: {', '.join(name for name, _ in found)}. "
            "Give a network in which one layer reads the rows."
        )
    name, layer = found[0]
    if isinstance(layer, nn.RNNBase):
        odd = [
            word
            for word, wrong in (
                (f"{layer.num_layers} layers", layer.num_layers != 1),
                ("two directions", layer.bidirectional),
                ("batch_first=False", not layer.batch_first),
                (f"proj_size={layer.proj_size}", layer.proj_size != 0),
            )
            if wrong
        ]
        if odd:
            raise UsageError(
                f"{name}: expected a recurrent layer of one layer and one direction, batch first, found "
                f"{' and '.join(odd)}. Its states after each row are not defined here; give another network."
            )
    return name, layer


class _Called(Exception):  # noqa: N818
    """The recurrent layer is about to be called: what comes after is not needed."""


def _call(subject: Subject, layer: nn.Module, x: Tensor) -> tuple[Tensor, Any]:
    """What the layer gets: N T F and first states."""
    found: list[tuple[Any, Any]] = []

    def see(_: nn.Module, args: Any, kwargs: Any) -> None:
        found.append((args, kwargs))
        raise _Called

    handle = layer.register_forward_pre_hook(see, with_kwargs=True)
    try:
        forward(subject, x)
    except _Called:
        pass
    finally:
        handle.remove()
    if not found:
        raise UsageError("model: expected its recurrent layer to be called, found that it is not.")
    args, kwargs = found[0]
    value = args[0] if args else kwargs["input"]
    if not isinstance(value, Tensor) or value.ndim not in (3, 4):
        raise UsageError(
            f"model: expected a recurrent layer over a batch of sequences N x steps x features, found "
            f"{type(value).__name__}. Give a network that passes plain tensors."
        )
    if value.ndim == 4:
        value = value.permute(0, 2, 3, 1).flatten(2)
    first = args[1] if len(args) > 1 else kwargs.get("hx")
    return value, first


def read(layer: Any, x: Tensor, first: Any = None) -> dict[str, Tensor]:
    """State and gates after each step, each N T units, by the formulas; x: N T F."""
    kind = _kind(layer)
    if isinstance(layer, Recurrent):
        w, u, b, c = layer.parameters()
    else:
        w, u = layer.weight_ih_l0, layer.weight_hh_l0
        zero = w.new_zeros(len(w))
        b, c = (layer.bias_ih_l0, layer.bias_hh_l0) if layer.bias else (zero, zero)
    units = u.shape[1]
    h = x.new_zeros(len(x), units)
    cell = h
    if first is not None:
        h, cell = (first[0][0], first[1][0]) if isinstance(first, tuple) else (first[0], cell)
    squash = torch.relu if getattr(layer, "nonlinearity", "tanh") == "relu" else torch.tanh
    kept: dict[str, list[Tensor]] = {}
    for step in range(x.shape[1]):
        from_x, from_h = x[:, step] @ w.T + b, h @ u.T + c
        found: dict[str, Tensor] = {}
        if kind == "lstm":
            i, f, g, o = (from_x + from_h).chunk(4, dim=1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            cell = f * cell + i * g
            h = o * cell.tanh()
            found = {"state": h, "cell": cell, "input": i, "forget": f, "output": o, "candidate": g}
        elif kind == "gru":
            (xr, xz, xn), (hr, hz, hn) = from_x.chunk(3, dim=1), from_h.chunk(3, dim=1)
            r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
            n = (xn + r * hn).tanh()
            h = (1 - z) * n + z * h
            found = {"state": h, "reset": r, "update": z, "new": n}
        else:
            h = squash(from_x + from_h)
            found = {"state": h}
        for key, value in found.items():
            kept.setdefault(key, []).append(value)
    return {key: torch.stack(values, dim=1) for key, values in kept.items()}


def _after(subject: Subject, layer: Any, x: Tensor, parts: dict[str, Tensor], step: int) -> Tensor:
    """The network's output where the recurrent layer has read `step` rows."""
    states = parts["state"][:, :step]

    def ended(_: nn.Module, __: Any, ___: Any) -> Any:
        if isinstance(layer, Recurrent):
            return states if layer.return_sequences else states[:, -1]
        last = states[:, -1][None]
        return states, (last, parts["cell"][:, step - 1][None]) if "cell" in parts else last

    handle = layer.register_forward_hook(ended)
    try:
        return forward(subject, x)
    except SpecError as error:
        raise UsageError(
            f"model: expected layers after the recurrent one that take {step} rows as well as all of them, found "
            f"that they do not: {error} The answer after each row is not defined for such a network."
        ) from error
    finally:
        handle.remove()
