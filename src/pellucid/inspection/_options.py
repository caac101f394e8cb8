"""Types of options: what a way's signature says of them, `look` checks and the app's form offers."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge

Count = Annotated[int, Ge(1)]
#: Of random numbers.
Seed = Annotated[int, Ge(0)]
#: What deconvnet and guided backpropagation do at other activations than ReLU.
Others = Literal["refuse", "gradient"]
#: What begins at the neuron: its own activation, or one.
Begin = Literal["activation", "one"]
