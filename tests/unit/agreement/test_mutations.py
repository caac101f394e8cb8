"""Mistakes that people make in backward code, put into ours one by one: each is found, and in the right tensor."""

from __future__ import annotations

import importlib
import time
import types
from pathlib import Path

import pytest

from pellucid.agreement.student import Report, check

#: Each is found within seconds.
pytestmark = pytest.mark.alone

X, W, B = "gradient of x", "gradient of weight", "gradient of bias"
IH, HH, BI, BH = (f"gradient of {name}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
#: File, class, what stands there, what is put there, and the tensors that are wrong then, all of them.
MUTATIONS: list[tuple[str, str, str, str, set[str]]] = [
    # a wrong axis, a missing sum, a factor, a transposition
    ("dense", "Dense", "np.matmul(grad.T, self.x,", "np.matmul(grad.T / len(grad), self.x,", {W}),
    ("dense", "Dense", "np.matmul(grad.T, self.x,", "np.matmul(np.abs(grad).T, self.x,", {W}),
    ("dense", "Dense", "np.matmul(grad.T, self.x,", "np.matmul(grad.T, self.x[::-1],", {W}),
    ("dense", "Dense", "grad.sum(0, out=", "grad.mean(0, out=", {B}),
    ("dense", "Dense", "grad.sum(0, out=", "grad.max(0, out=", {B}),
    ("dense", "Dense", "grad.sum(0, out=", "grad[1:].sum(0, out=", {B}),
    ("dense", "Dense", 'self.parameters["weight"].T @ grad.T', 'self.parameters["weight"].T @ (2 * grad).T', {X}),
    ("dense", "Dense", 'self.parameters["weight"].T @ grad.T', '-self.parameters["weight"].T @ grad.T', {X}),
    ("dense", "Dense", 'self.parameters["weight"].T @ grad.T', 'self.parameters["weight"].T[::-1] @ grad.T', {X}),
    # convolution: filters turned, a lost tap, shifted places, a bias counted wrongly
    ("conv", "Conv", 'at_weight[:, :, -1].reshape(-1)', 'at_weight[:, :, -2].reshape(-1)', {B}),
    ("conv", "Conv", 'at_weight[:, :, -1].reshape(-1)', 'at_weight[:, :, -1].reshape(-1) / at_y.shape[2]', {B}),
    ("conv", "Conv", "at_weight[:, :, :used].reshape(filters.shape)",
     "at_weight[:, :, :used].reshape(filters.shape)[..., ::-1]", {W}),
    ("conv", "Conv", "at_weight[:, :, :used].reshape(filters.shape)",
     "at_weight[:, :, :used].reshape(filters.shape)[:, ::-1]", {W}),
    ("conv", "Conv", "at_weight[:, :, :used].reshape(filters.shape)",
     "at_weight[:, :, :used].reshape(filters.shape) / len(grad)", {W}),
    ("conv", "Conv", "np.matmul(weight.swapaxes(1, 2), at_y[:, :, part], out=room)",
     "np.matmul(weight[:, ::-1].swapaxes(1, 2), at_y[:, :, part], out=room)", {X}),
    ("conv", "Conv", "first = j * beside", "first = min(j, 0) * beside", {X}),
    ("conv", "Conv", "first = down * in_y.start + i * apart",
     "first = down * in_y.start + (high - 1 - i) * apart", {X}),
    ("conv", "Conv", "] += back[:, :, :, j]", "] = back[:, :, :, j]", {X}),
    ("conv", "Conv", "for i in range(high):", "for i in range(high - 1):", {X}),
    ("conv", "Conv", "for j in range(wide):", "for j in range(1, wide):", {X}),
    # pooling: a lost mask, the wrong place, a lost division
    ("pooling", "MaxPool", "at_y * (self.where == k) for", "at_y * (self.where >= k) for", {X}),
    ("pooling", "MaxPool", "at_y * (self.where == k) for", "at_y / 4 for", {X}),
    ("pooling", "MaxPool", "at_y * (self.where == k) for", "at_y * (self.where == 3 - k) for", {X}),
    ("pooling", "MaxPool", "targets[k] += share", "targets[k][...] = share", {X}),
    ("pooling", "AvgPool", "[batch_last(grad) / count] * count", "[batch_last(grad)] * count", {X}),
    ("pooling", "AvgPool", "[batch_last(grad) / count] * count",
     "[batch_last(grad) / self.kernel_size[0]] * count", {X}),
    ("pooling", "GlobalPool", "places / (self.x.shape[2] * self.x.shape[3])", "places / self.x.shape[2]", {X}),
    ("pooling", "GlobalPool", "at_x: Array = largest * (", "at_x: Array = (1 - largest) * (", {X}),
    # batch norm: each of the terms that people forget
    ("batch_norm", "BatchNorm", 'at_x -= (self.gradients["bias"] / count)[:, None]', "pass", {X}),
    ("batch_norm", "BatchNorm", "at_x *= factor", 'at_x *= self.parameters["weight"][:, None]', {X}),
    ("batch_norm", "BatchNorm", '(-along / count)', '(along / count)', {X}),
    ("batch_norm", "BatchNorm", '(-along / count)', '(-along)', {X}),
    ("batch_norm", "BatchNorm", "at_x *= factor", "at_x *= self.scale[:, None]", {X}),
    ("batch_norm", "BatchNorm", "rows, self.normal)", "rows, self.normal / self.scale[:, None])", {W, X}),
    ("batch_norm", "BatchNorm", "rows.sum(1, out=", "rows.mean(1, out=", {B, X}),
    # recurrent layers: time shifted, a gate's slope lost, the state's way back cut
    ("rnn", "RNN", "at_a[t] *= d", "at_a[t] *= from_above[t]", {X, IH, HH, BI, BH}),
    ("rnn", "RNN", "np.subtract(1, at_a, out=at_a)", "pass", {X, IH, HH, BI, BH}),
    ("rnn", "RNN", 'self.parameters["weight_hh"], out=d)', 'self.parameters["weight_hh"].T.copy(), out=d)',
     {X, IH, HH, BI, BH}),
    ("lstm", "LSTM", "e *= f[t]", "e *= i[t]", {X, IH, HH, BI, BH}),
    ("lstm", "LSTM", "to_o[t] *= d", "to_o[t] *= e", {X, IH, HH, BI, BH}),
    ("lstm", "LSTM", "np.multiply(i, 1 - g * g, out=to_g)", "np.multiply(i, 1 - g, out=to_g)", {X, IH, HH, BI, BH}),
    ("lstm", "LSTM", "np.multiply(self.cells[:-1], f", "np.multiply(self.cells[1:], f", {X, IH, HH, BI, BH}),
    ("lstm", "LSTM", "1 - self.shown * self.shown", "1 - self.shown", {X, IH, HH, BI, BH}),
    ("gru", "GRU", "d *= z[t]", "d *= 1 - z[t]", {X, IH, HH, BI, BH}),
    ("gru", "GRU", "np.multiply(to_n, r, out=at_state", "np.multiply(to_n, z, out=at_state", {X, IH, HH, BI, BH}),
    ("gru", "GRU", "to_r *= to_n", "to_r *= 1", {X, IH, HH, BI, BH}),
    ("gru", "GRU", "np.multiply(self.states[:-1] - n, z", "np.multiply(self.states[1:] - n, z", {X, IH, HH, BI, BH}),
    ("recurrent", "GRU", "self.states[:-1].reshape(len(flat_state), -1)",
     "self.states[1:].reshape(len(flat_state), -1)", {HH}),
    ("recurrent", "LSTM", 'flat_state.sum(0, out=self.gradients["bias_hh"])', "pass", {BH}),
    ("recurrent", "RNN", 'at_input @ self.parameters["weight_ih"]',
     'at_input[::-1] @ self.parameters["weight_ih"]', {X}),
    # activations
    ("activations", "ReLU", "return grad * (self.y > 0)", "return grad", {X}),
    ("activations", "ReLU", "return grad * (self.y > 0)", "return grad * self.y", {X}),
    ("activations", "Sigmoid", "self.y * (1 - self.y)", "1 - self.y", {X}),
    ("activations", "Tanh", "1 - self.y * self.y", "1 - self.y", {X}),
    ("activations", "GELU", "self.share + self.x * density", "self.share", {X}),
    ("activations", "SiLU", "1 + self.x * (1 - self.share)", "1 + self.x * self.share", {X}),
    ("activations", "ELU", "self.y + 1)", "self.y)", {X}),
    ("activations", "LeakyReLU", "return grad * self.factor", "return grad * (self.factor > 0.5)", {X}),
]  # fmt: skip
PACKAGE = "pellucid.engines.scratch"


def mutated(file: str, name: str, old: str, new: str) -> type:
    """The class with a line of its file, or of the file it is derived from, changed."""
    module = importlib.import_module(f"{PACKAGE}.{file}")
    source = Path(str(module.__file__)).read_text()
    assert old in source, f"{file}: {old} is not there any more"
    made = types.ModuleType(f"mutated_{file}")
    exec(compile(source.replace(old, new), f"<{file}>", "exec"), made.__dict__)
    if file != "recurrent":
        found: type = getattr(made, name)
        return found
    kind = getattr(importlib.import_module(f"{PACKAGE}.{name.lower()}"), name)
    members = {key: value for key, value in vars(kind).items() if key in ("steps", "steps_back", "of_inputs")}
    return type(name, (made.Recurrent,), members)


def wrong(report: Report) -> set[str]:
    return {fault.tensor for fault in report.faults}


RESULTS: dict[int, bool] = {}


@pytest.mark.parametrize("number", range(len(MUTATIONS)))
def test_a_mistake_is_found(number: int) -> None:
    file, name, old, new, tensors = MUTATIONS[number]
    start = time.perf_counter()
    report = check(mutated(file, name, old, new))
    assert time.perf_counter() - start < 5
    assert not report.right
    assert "output" not in wrong(report), "forward is as it was"
    RESULTS[number] = wrong(report) == tensors
    assert wrong(report) & tensors, report.words


def test_mistakes_are_localised_to_the_tensors_that_are_wrong() -> None:
    assert len(MUTATIONS) >= 50
    for number, (file, name, old, new, tensors) in enumerate(MUTATIONS):
        if number not in RESULTS:
            RESULTS[number] = wrong(check(mutated(file, name, old, new))) == tensors
    missed = [MUTATIONS[number][:4] for number, right in RESULTS.items() if not right]
    assert len(missed) <= 0.05 * len(MUTATIONS), missed


@pytest.mark.parametrize(
    ("file", "name"), sorted({(file, name) for file, name, *_ in MUTATIONS if file != "recurrent"})
)
def test_without_a_mistake_nothing_is_found(file: str, name: str) -> None:
    report = check(getattr(importlib.import_module(f"{PACKAGE}.{file}"), name))
    assert report.right, report.words
    assert "as both engines compute it" in report.words
