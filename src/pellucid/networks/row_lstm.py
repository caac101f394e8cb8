"""The image read row by row by a recurrent layer (reports 000 and 001)."""

from pellucid.spec import LSTM, Dense, Network, Shape


def row_lstm(*, input_shape: Shape = (28, 28, 1), classes: int = 10, hidden_size: int = 128) -> Network:
    """The image as a sequence of its rows through one LSTM layer, its last state to the logits.

    Weights begin orthogonal, which lets gradients through many rows (saxe2014 in docs/bibliography.bib).
    """
    return Network("row_lstm", (LSTM(hidden_size), Dense(classes)), initialisation="orthogonal")
