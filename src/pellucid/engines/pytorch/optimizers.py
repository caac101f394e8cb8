"""The optimizers of a recipe, PyTorch's own where it has them (fused on the CPU too), four written here.

With gradient g, parameter x, learning rate lr, all element by element unless said otherwise. For sgd, rmsprop, adam,
adagrad and the printed forms, weight decay adds ``weight_decay * x`` to g first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pellucid.spec.recipe import Recipe


def optimizers(recipe: Recipe, module: nn.Module) -> list[Optimizer]:
    """The optimizers that train `module`: one, or two for muon, whose vectors and last layer are AdamW's.

    Learning rates are set before each step by the caller; see `pellucid.training.schedules`.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if recipe.optimizer in MUONS:
        matrices = [parameter for parameter in parameters if parameter.ndim >= 2][:-1]
        chosen = {id(parameter) for parameter in matrices}
        others = [parameter for parameter in parameters if id(parameter) not in chosen]
        found: list[Optimizer] = [_adamw(recipe, others)]
        if matrices:
            found.insert(0, MUONS[recipe.optimizer](recipe, matrices))
        return found
    make: dict[str, Callable[[Recipe, list[nn.Parameter]], Optimizer]] = {
        "sgd": _sgd,
        "rmsprop": _rmsprop,
        "adam": _adam,
        "adamw": _adamw,
        "adagrad": _adagrad,
        "rmsprop_printed": RMSpropPrinted,
        "adam_printed": AdamPrinted,
    }
    return [make[recipe.optimizer](recipe, parameters)]


def _sgd(recipe: Recipe, parameters: list[nn.Parameter]) -> Optimizer:
    return torch.optim.SGD(
        parameters,
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def _rmsprop(recipe: Recipe, parameters: list[nn.Parameter]) -> Optimizer:
    return torch.optim.RMSprop(
        parameters,
        lr=recipe.lr,
        alpha=recipe.alpha,
        eps=recipe.eps,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )


def _adam(recipe: Recipe, parameters: list[nn.Parameter]) -> Optimizer:
    return torch.optim.Adam(
        parameters, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, weight_decay=recipe.weight_decay, fused=True
    )


def _adamw(recipe: Recipe, parameters: list[nn.Parameter]) -> Optimizer:
    return torch.optim.AdamW(
        parameters, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, weight_decay=recipe.weight_decay, fused=True
    )


def _adagrad(recipe: Recipe, parameters: list[nn.Parameter]) -> Optimizer:
    return torch.optim.Adagrad(parameters, lr=recipe.lr, eps=recipe.eps, weight_decay=recipe.weight_decay, fused=True)


class _Written(Optimizer):
    """What the optimizers written here share: one group, zero tensors as first state, a rule for one parameter."""

    buffers: tuple[str, ...]

    def __init__(self, recipe: Recipe, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__(parameters, {"lr": recipe.lr})
        self.recipe = recipe

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.zeros(())
                    for name in self.buffers:
                        state[name] = torch.zeros_like(parameter)
                state["step"] += 1
                self.update(parameter, parameter.grad, state, group["lr"])

    def update(self, x: Tensor, g: Tensor, state: dict[str, Tensor], lr: float) -> None:
        raise NotImplementedError

    def decayed(self, x: Tensor, g: Tensor) -> Tensor:
        """The gradient with weight decay as a penalty's."""
        return g.add(x, alpha=self.recipe.weight_decay) if self.recipe.weight_decay else g


class RMSpropPrinted(_Written):
    """RMSprop as report 000 prints it: epsilon outside the root, momentum on the scaled step.

    v = alpha * v + (1 - alpha) * g^2
    m = momentum * m + lr * g / (sqrt(v) + eps)
    x = x - m
    """

    buffers = ("square_avg", "momentum_buffer")

    def update(self, x: Tensor, g: Tensor, state: dict[str, Tensor], lr: float) -> None:
        g, v, m = self.decayed(x, g), state["square_avg"], state["momentum_buffer"]
        v.lerp_(g * g, 1 - self.recipe.alpha)
        m.mul_(self.recipe.momentum).addcdiv_(g, v.sqrt().add_(self.recipe.eps), value=lr)
        x.sub_(m)


class AdamPrinted(_Written):
    """Adam as report 000 prints it: the rate is corrected, not the averages, so that eps is scaled with them.

        lr_t = lr * sqrt(1 - beta2^t) / (1 - beta1^t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        x = x - lr_t * m / (sqrt(v) + eps)

    Source: the form before section 2.1's end in Kingma and Ba 2015 (kingma2015 in docs/bibliography.bib).
    """

    buffers = ("exp_avg", "exp_avg_sq")

    def update(self, x: Tensor, g: Tensor, state: dict[str, Tensor], lr: float) -> None:
        g, m, v = self.decayed(x, g), state["exp_avg"], state["exp_avg_sq"]
        beta1, beta2 = self.recipe.betas
        t = state["step"].item()
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        x.addcdiv_(m, v.sqrt().add_(self.recipe.eps), value=-lr * sqrt(1 - beta2**t) / (1 - beta1**t))


class Muon(_Written):
    """Momentum, orthogonalised: each weight is read as a matrix, rows its outputs, columns everything else.

        m = momentum * m + g
        u = g + momentum * m  (Nesterov), or m
        x = x * (1 - lr * weight_decay) - lr * 0.2 * sqrt(max(rows, columns)) * orthogonalised(u)

    The factor gives the step the size that AdamW's has, so that one learning rate serves both.

    Source: Jordan et al. 2024 (jordan2024); factor: Liu et al. 2025 (liu2025), docs/bibliography.bib.
    """

    buffers = ("momentum_buffer",)
    #: Newton-Schulz steps.
    steps = 5

    def update(self, x: Tensor, g: Tensor, state: dict[str, Tensor], lr: float) -> None:
        m, momentum = state["momentum_buffer"], self.recipe.momentum
        m.mul_(momentum).add_(g)
        u = (g.add(m, alpha=momentum) if self.recipe.nesterov else m).flatten(1)
        step = orthogonalised(u, self.steps).view_as(x)
        self.shrink(x, lr)
        x.add_(step, alpha=-lr * self.factor(*u.shape))

    def factor(self, rows: int, columns: int) -> float:
        """The size of a step of such a matrix, over the rate."""
        return 0.2 * sqrt(max(rows, columns))

    def shrink(self, x: Tensor, lr: float) -> None:
        """What keeps the weights from growing: weight decay."""
        x.mul_(1 - lr * self.recipe.weight_decay)


class MuonOnSphere(Muon):
    """Muon that brings each matrix to the norm sqrt(rows) before each step, in place of weight decay.

        x = x * sqrt(rows) / ||x|| - lr * 12 * sqrt(rows / min(rows, columns)) * orthogonalised(u)

    Every filter keeps about the norm 1, and a step turns each matrix by about 12 lr, whatever its gradient and its
    size: at 0.02, which suits AdamW beside it, by the 0.24 of the source. Three Newton-Schulz steps, as there. For
    networks that do not depend on the norm of their weights, as with batch norm after them.

    Source: Jordan 2024 (jordan2024b in docs/bibliography.bib).
    """

    steps = 3

    def shrink(self, x: Tensor, lr: float) -> None:
        x.mul_(sqrt(len(x)) / x.norm().clamp_min(1e-7))

    def factor(self, rows: int, columns: int) -> float:
        return 12 * sqrt(rows / min(rows, columns))


MUONS: dict[str, type[Muon]] = {"muon": Muon, "muon_on_sphere": MuonOnSphere}


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """Nearly U V^T of `matrix` = U S V^T, rows x columns: Newton-Schulz steps of a quintic.

        X = matrix / ||matrix||;  in each step  A = X X^T,  X = Q X  with  Q = 3.4445 I - 4.775 A + 2.0315 A A

    Q commutes with A, so that the next A is Q A Q and all Q can be multiplied first: all but the first product and
    the last are of rows x rows, a fraction of the work where rows are few. After five steps the singular values are
    between about 0.7 and 1.2, which serves as well as 1; after three, small ones are not there yet. In float32: bf16
    rounding would make the result depend on the processor's kernels more than the step does.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    a = x @ x.T
    one = torch.eye(len(a), dtype=a.dtype, device=a.device)

    def polynomial(a: Tensor) -> Tensor:
        return 3.4445 * one + (-4.7750 * one + 2.0315 * a) @ a

    q = product = polynomial(a)
    for _ in range(steps - 1):
        a = q @ a @ q
        q = polynomial(a)
        product = q @ product
    x = product @ x
    orthogonal: Tensor = x.T if tall else x
    return orthogonal
