"""RMSprop in the form that report 000 prints."""

from pellucid.spec import Recipe


def rmsprop_printed(*, lr: float = 0.001) -> Recipe:
    """Report 000's RMSprop: epsilon outside the root, momentum 0.9 on the scaled step, early stopping."""
    return Recipe(
        optimizer="rmsprop_printed", lr=lr, momentum=0.9, alpha=0.9, patience=5, min_delta=0.0001, epochs=50
    )
