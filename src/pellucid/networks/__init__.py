"""Networks as data: one file, one function ``(*, input_shape, classes, ...) -> Network``."""
