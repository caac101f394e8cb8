"""The same networks in Keras on TensorFlow: `model.fit` on float arrays in memory.

python keras_fit.py LAYERS.json IMAGES.npz BATCH
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from served import serve

RECURRENT = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def built(layers: list[dict], shape: tuple[int, ...]) -> keras.Sequential:
    model = keras.Sequential([keras.layers.Input(shape)])
    for layer in layers:
        kind = layer["layer"]
        if kind == "conv":
            padding = layer["padding"]
            if isinstance(padding, int) and padding:
                model.add(keras.layers.ZeroPadding2D(padding))
            word = padding if isinstance(padding, str) else "valid"
            model.add(keras.layers.Conv2D(layer["filters"], layer["kernel_size"], layer["stride"], word))
        elif kind == "max_pool":
            model.add(keras.layers.MaxPooling2D(layer["kernel_size"], layer["stride"]))
        elif kind == "batch_norm":
            model.add(keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5))
        elif kind == "dense":
            model.add(keras.layers.Dense(layer["units"]))
        elif kind in RECURRENT:
            model.add(keras.layers.Reshape((shape[0], shape[1] * shape[2])))
            model.add(RECURRENT[kind](layer["units"]))
        elif kind == "activation":
            model.add(keras.layers.Activation(layer["function"]))
        else:
            model.add(keras.layers.Flatten() if kind == "flatten" else keras.layers.Dropout(layer["rate"]))
    return model


def main() -> None:
    layers, data, batch = json.loads(Path(sys.argv[1]).read_text()), np.load(sys.argv[2]), int(sys.argv[3])
    keras.utils.set_random_seed(0)
    images, labels = data["pixels"].astype(np.float32) / 255, data["labels"]
    model = built(layers, images.shape[1:])
    model.compile(
        optimizer=keras.optimizers.Adam(0.001), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )

    def test() -> float:
        logits = model.predict(data["test_pixels"].astype(np.float32) / 255, batch_size=500, verbose=0)
        return float((logits.argmax(1) == data["test_labels"]).mean())

    serve(lambda: model.fit(images, labels, batch_size=batch, verbose=0), test, version=keras.__version__)


if __name__ == "__main__":
    main()
