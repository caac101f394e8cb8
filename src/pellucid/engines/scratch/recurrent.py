"""What the recurrent layers share: an image is a sequence of its rows, and gradients come back through time."""

from __future__ import annotations

import numpy as np

from pellucid.engines.scratch.layer import Array, Layer


class Recurrent(Layer):
    """A state h that is made anew at each step of a sequence, from the step and from itself.

    x: N C H W, whose rows are the steps, or N T F. W_ih: gates*H x F, W_hh: gates*H x H, b_ih, b_hh: gates*H.
    Gives the states N T H, or the last one, N H. The first state is zero.

    What the steps contribute is one product of matrices before the first step, and the gradients of the weights are
    one product each after the last: only what needs the state is done step by step.
    """

    def __init__(
        self, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array, *, return_sequences: bool = False
    ) -> None:
        super().__init__({"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh})
        self.return_sequences = return_sequences

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        if x.ndim == 4:
            x = x.transpose(0, 2, 3, 1).reshape(len(x), x.shape[2], -1)
        self.x = np.ascontiguousarray(x.swapaxes(0, 1))  # T N F
        self.states = np.zeros((len(self.x) + 1, len(x), self.parameters["weight_hh"].shape[1]), x.dtype)
        self.steps()
        return self.states[1:].swapaxes(0, 1) if self.return_sequences else self.states[-1]

    def backward(self, grad: Array) -> Array | None:
        from_above = np.zeros_like(self.states[1:])
        if self.return_sequences:
            from_above[...] = grad.swapaxes(0, 1)
        else:
            from_above[-1] = grad
        at_input, at_state = self.steps_back(from_above)  # T N gates*H: at W_ih x + b_ih and at W_hh h + b_hh
        flat_input, flat_state = (at.reshape(-1, at.shape[2]) for at in (at_input, at_state))
        np.matmul(flat_input.T, self.x.reshape(len(flat_input), -1), out=self.gradients["weight_ih"])
        np.matmul(flat_state.T, self.states[:-1].reshape(len(flat_state), -1), out=self.gradients["weight_hh"])
        flat_input.sum(0, out=self.gradients["bias_ih"])
        flat_state.sum(0, out=self.gradients["bias_hh"])
        if self.first:
            return None
        at_x = (at_input @ self.parameters["weight_ih"]).swapaxes(0, 1)
        if len(self.shape) == 3:
            return at_x
        n, channels, height, width = self.shape
        return at_x.reshape(n, height, width, channels).transpose(0, 3, 1, 2)

    def of_inputs(self) -> Array:
        """W_ih x + b_ih of all steps, T N gates*H."""
        found: Array = self.x @ self.parameters["weight_ih"].T
        found += self.parameters["bias_ih"]
        return found

    def steps(self) -> None:
        """Fills `states` from step to step."""
        raise NotImplementedError

    def steps_back(self, from_above: Array) -> tuple[Array, Array]:
        """From dL/dh of each step, T N H, as far as it comes from outside of the layer."""
        raise NotImplementedError
