"""Networks, recipes, data and runs as plain data, with the arithmetic of shapes. Standard library alone."""

from pellucid.spec.augmentation import Augmentation
from pellucid.spec.data import DataSpec
from pellucid.spec.layer import Layer, Shape
from pellucid.spec.layers import Activation, BatchNorm, Dense, Dropout, Flatten, Residual, Scale
from pellucid.spec.network import ForeignModule, Network
from pellucid.spec.receptive_field import ReceptiveField, receptive_field
from pellucid.spec.recipe import Recipe
from pellucid.spec.recurrent import GRU, LSTM, RNN
from pellucid.spec.run import RunSpec
from pellucid.spec.shapes import LayerTrace, trace
from pellucid.spec.windowed import AvgPool, Conv, GlobalPool, MaxPool, Whitening

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Augmentation",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "DataSpec",
    "Dense",
    "Dropout",
    "Flatten",
    "ForeignModule",
    "GlobalPool",
    "Layer",
    "LayerTrace",
    "MaxPool",
    "Network",
    "ReceptiveField",
    "Recipe",
    "Residual",
    "RunSpec",
    "Scale",
    "Shape",
    "Whitening",
    "receptive_field",
    "trace",
]
