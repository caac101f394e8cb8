"""Reports 000 and 001: RNN, LSTM and GRU over the rows of MNIST."""

from __future__ import annotations

from pellucid.spec.study import Claim, Figure, Study


def cells_on_mnist_rows() -> Study:
    """RNN, LSTM and GRU over the rows of MNIST x learning rate x optimizer x hidden size, ten epochs (report 001)."""
    rows: list[tuple[str, float, str, int, float | None]] = [
        ("row_rnn", 0.01, "adam", 128, 0.8378),
        ("row_rnn", 0.001, "adam", 128, 0.9818),
        ("row_rnn", 0.001, "adam", 64, None),
        ("row_rnn", 0.01, "adagrad", 128, 0.9737),
        ("row_lstm", 0.01, "adam", 128, 0.9776),
        ("row_lstm", 0.001, "adam", 128, 0.9895),
        ("row_lstm", 0.001, "adam", 64, 0.9863),
        ("row_lstm", 0.01, "adagrad", 128, 0.9847),
        ("row_gru", 0.01, "adam", 128, 0.9432),
        ("row_gru", 0.001, "adam", 128, 0.9906),
        ("row_gru", 0.001, "adam", 64, 0.9871),
        ("row_gru", 0.01, "adagrad", 128, 0.9862),
    ]
    configs = [
        {"network": cell, "lr": lr, "optimizer": name, "hidden_size": size} for cell, lr, name, size, _ in rows
    ]
    return Study(
        name="cells-on-mnist-rows",
        base={"data": "mnist", "batch_size": 100, "epochs": 10},
        listed=tuple(configs),
        seeds=(0, 1, 2),
        reported={
            f"network={cell} lr={lr:g} optimizer={name} hidden_size={size}": value
            for cell, lr, name, size, value in rows
            if value is not None
        },
        figures=(
            Figure("accuracy by epoch on validation images", "curves"),
            Figure("loss by epoch on validation images", "curves", {"metric": "validation_loss"}),
            Figure("how steadily each cell trains", "steadiness"),
            Figure(
                "what the GRU reads, row by row",
                "row_reader",
                arm="network=row_gru lr=0.001 optimizer=adam hidden_size=128",
            ),
        ),
        claims=(
            Claim(
                "the GRU is better than the plain RNN",
                "network=row_gru lr=0.001 optimizer=adam hidden_size=128",
                "network=row_rnn lr=0.001 optimizer=adam hidden_size=128",
            ),
            *(
                Claim(
                    f"the {words} trains more steadily than the plain RNN at 0.01",
                    f"network={cell} lr=0.01 optimizer=adam hidden_size=128",
                    "network=row_rnn lr=0.01 optimizer=adam hidden_size=128",
                    metric="largest_fall",
                )
                for cell, words in (("row_lstm", "LSTM"), ("row_gru", "GRU"))
            ),
        ),
    )
