"""The residual block."""

from __future__ import annotations

from pellucid.engines.scratch.layer import Array, Layer


class Residual(Layer):
    """The sum of two branches: y = body(x) + shortcut(x), where an empty shortcut passes x on.

        dL/dx = what comes back through the body + what comes back through the shortcut

    Source: He et al. 2016 (he2016 in docs/bibliography.bib).
    """

    def __init__(self, body: dict[str, Layer], shortcut: dict[str, Layer]) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def layers(self) -> dict[str, Layer]:
        return self.body | self.shortcut

    def twin(self) -> Residual:
        body, shortcut = ({name: one.twin() for name, one in branch.items()} for branch in (self.body, self.shortcut))
        return Residual(body, shortcut)

    def forward(self, x: Array) -> Array:
        body = shortcut = x
        for layer in self.body.values():
            body = layer.forward(body)
        for layer in self.shortcut.values():
            shortcut = layer.forward(shortcut)
        return body + shortcut

    def backward(self, grad: Array) -> Array:
        at_body: Array | None = grad
        at_shortcut: Array | None = grad
        for layer in reversed(self.body.values()):
            assert at_body is not None
            at_body = layer.backward(at_body)
        for layer in reversed(self.shortcut.values()):
            assert at_shortcut is not None
            at_shortcut = layer.backward(at_shortcut)
        assert at_body is not None and at_shortcut is not None
        return at_body + at_shortcut
