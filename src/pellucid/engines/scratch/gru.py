"""The GRU."""

from __future__ import annotations

import numpy as np

from pellucid.engines.scratch.activations import logistic
from pellucid.engines.scratch.layer import Array
from pellucid.engines.scratch.recurrent import Recurrent


class GRU(Recurrent):
    """The state is mixed with a new one, which may forget the old.

        r, z = s(a_r), s(a_z),          a_r, a_z = W_i x_t + b_i + W_h h_(t-1) + b_h, each with its own weights
        n = tanh(W_in x_t + b_in + r q),   q = W_hn h_(t-1) + b_hn
        h_t = (1 - z) n + z h_(t-1)

    s is the logistic function. Backward, from the last step to the first, with d = dL/dh_t in all:

        dL/da_n = d (1 - z) (1 - n^2),   dL/da_r = dL/da_n q r (1 - r),   dL/da_z = d (h_(t-1) - n) z (1 - z)
        dL/dq = dL/da_n r
        d_(t-1) = from above + z d + W_hr^T dL/da_r + W_hz^T dL/da_z + W_hn^T dL/dq

    Source: Cho et al. 2014 (cho2014 in docs/bibliography.bib), r after the product as in PyTorch.
    """

    def steps(self) -> None:
        units = self.states.shape[2]
        two = 2 * units
        weight_hh, bias_hh = self.parameters["weight_hh"], self.parameters["bias_hh"]
        self.gates = self.of_inputs()  # becomes r, z, n
        self.gates[:, :, :two] += bias_hh[:two]
        self.inner = np.empty_like(self.states[1:])  # q
        turned = np.ascontiguousarray(weight_hh.T)
        product, work = np.empty_like(self.gates[0]), np.empty_like(self.states[0])
        for t, a in enumerate(self.gates):
            h, q, r_z, n = self.states[t], self.inner[t], a[:, :two], a[:, two:]
            np.matmul(h, turned, out=product)
            r_z += product[:, :two]
            logistic(r_z, out=r_z)
            np.add(product[:, two:], bias_hh[two:], out=q)
            np.multiply(r_z[:, :units], q, out=work)
            n += work
            np.tanh(n, out=n)
            np.subtract(h, n, out=work)
            work *= r_z[:, units:]
            np.add(n, work, out=self.states[t + 1])

    def steps_back(self, from_above: Array) -> tuple[Array, Array]:
        units = self.states.shape[2]
        r, z, n = (self.gates[:, :, k * units : (k + 1) * units] for k in range(3))
        # everything but d is known of all steps at once
        at_input, at_state = np.empty_like(self.gates), np.empty_like(self.gates)
        to_r, to_z, to_n = (at_input[:, :, k * units : (k + 1) * units] for k in range(3))
        np.multiply(1 - z, 1 - n * n, out=to_n)
        np.multiply(self.inner, r * (1 - r), out=to_r)
        to_r *= to_n
        np.multiply(self.states[:-1] - n, z * (1 - z), out=to_z)
        at_state[:, :, : 2 * units] = at_input[:, :, : 2 * units]
        np.multiply(to_n, r, out=at_state[:, :, 2 * units :])
        d, back = np.zeros_like(from_above[0]), np.empty_like(from_above[0])
        for t in range(len(at_input) - 1, -1, -1):
            d += from_above[t]
            gates = at_state[t].reshape(-1, 3, units)
            gates *= d[:, None]
            at_input[t, :, : 2 * units] = at_state[t, :, : 2 * units]
            to_n[t] *= d
            np.matmul(at_state[t], self.parameters["weight_hh"], out=back)
            d *= z[t]
            d += back
        return at_input, at_state
