"""The plain recurrent layer."""

from __future__ import annotations

import numpy as np

from pellucid.engines.scratch.layer import Array
from pellucid.engines.scratch.recurrent import Recurrent


class RNN(Recurrent):
    """The state is a dense layer of the step and of the state before.

        h_t = tanh(a_t),   a_t = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh

    h_t is seen from above and by the next step, so with d_t = dL/dh_t in all, from the last step to the first:

        d_t = from above + W_hh^T dL/da_(t+1),   dL/da_t = d_t (1 - h_t^2)

    Source: Elman 1990 (elman1990 in docs/bibliography.bib).
    """

    def steps(self) -> None:
        sums = self.of_inputs()
        sums += self.parameters["bias_hh"]
        turned = np.ascontiguousarray(self.parameters["weight_hh"].T)
        product = np.empty_like(sums[0])
        for t, a in enumerate(sums):
            np.matmul(self.states[t], turned, out=product)
            a += product
            np.tanh(a, out=self.states[t + 1])

    def steps_back(self, from_above: Array) -> tuple[Array, Array]:
        at_a = self.states[1:] * self.states[1:]
        np.subtract(1, at_a, out=at_a)
        d = np.zeros_like(from_above[0])
        for t in range(len(at_a) - 1, -1, -1):
            d += from_above[t]
            at_a[t] *= d
            np.matmul(at_a[t], self.parameters["weight_hh"], out=d)
        return at_a, at_a
