"""The LSTM."""

from __future__ import annotations

import numpy as np

from pellucid.engines.scratch.activations import logistic
from pellucid.engines.scratch.layer import Array
from pellucid.engines.scratch.recurrent import Recurrent


class LSTM(Recurrent):
    """A cell c that is kept, and three gates that say what goes in, what stays and what is shown.

        i, f, g, o = s(a_i), s(a_f), tanh(a_g), s(a_o),   a = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh
        c_t = f c_(t-1) + i g,   h_t = o tanh(c_t)

    s is the logistic function. Backward, from the last step to the first, with d = dL/dh_t and e = dL/dc_t:

        d = from above + W_hh^T dL/da_(t+1)
        e = f_(t+1) e_(t+1) + d o (1 - tanh(c_t)^2)
        dL/da_i = e g i (1 - i),   dL/da_f = e c_(t-1) f (1 - f),   dL/da_g = e i (1 - g^2)
        dL/da_o = d tanh(c_t) o (1 - o)

    Source: Hochreiter and Schmidhuber 1997 (hochreiter1997 in docs/bibliography.bib), with the forget gate.
    """

    def steps(self) -> None:
        units = self.states.shape[2]
        self.gates = self.of_inputs()
        self.gates += self.parameters["bias_hh"]
        self.cells = np.zeros_like(self.states)
        self.shown = np.empty_like(self.states[1:])
        turned = np.ascontiguousarray(self.parameters["weight_hh"].T)
        product, work = np.empty_like(self.gates[0]), np.empty_like(self.states[0])
        for t, a in enumerate(self.gates):
            np.matmul(self.states[t], turned, out=product)
            a += product
            i_f, g, o = a[:, : 2 * units], a[:, 2 * units : 3 * units], a[:, 3 * units :]
            logistic(i_f, out=i_f)
            np.tanh(g, out=g)
            logistic(o, out=o)
            c = self.cells[t + 1]
            np.multiply(i_f[:, units:], self.cells[t], out=c)
            np.multiply(i_f[:, :units], g, out=work)
            c += work
            np.tanh(c, out=self.shown[t])
            np.multiply(o, self.shown[t], out=self.states[t + 1])

    def steps_back(self, from_above: Array) -> tuple[Array, Array]:
        units = self.states.shape[2]
        i, f, g, o = (self.gates[:, :, k * units : (k + 1) * units] for k in range(4))
        # everything but d and e is known of all steps at once
        at_a = np.empty_like(self.gates)
        to_i, to_f, to_g, to_o = (at_a[:, :, k * units : (k + 1) * units] for k in range(4))
        np.multiply(g, i * (1 - i), out=to_i)
        np.multiply(self.cells[:-1], f * (1 - f), out=to_f)
        np.multiply(i, 1 - g * g, out=to_g)
        np.multiply(self.shown, o * (1 - o), out=to_o)
        to_cell = o * (1 - self.shown * self.shown)
        d, e = np.zeros_like(from_above[0]), np.zeros_like(from_above[0])
        work = np.empty_like(d)
        for t in range(len(at_a) - 1, -1, -1):
            d += from_above[t]
            np.multiply(d, to_cell[t], out=work)
            e += work
            three = at_a[t, :, : 3 * units].reshape(-1, 3, units)
            three *= e[:, None]
            to_o[t] *= d
            e *= f[t]
            np.matmul(at_a[t], self.parameters["weight_hh"], out=d)
        return at_a, at_a
