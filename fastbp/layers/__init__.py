"""The layers of networks, as descriptions: shapes, matrices Theta, and the steps they emit."""

from fastbp.blocks import Block
from fastbp.layers.chain import Chain, blocks, chain, table
from fastbp.layers.convolution import Conv1d, Conv2d
from fastbp.layers.dense import Dense
from fastbp.layers.gated import GRU, LSTM
from fastbp.layers.layer import Layer
from fastbp.layers.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from fastbp.layers.program import Program
from fastbp.layers.recurrent import RNN
from fastbp.layers.shape import Flatten

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AvgPool1d",
    "AvgPool2d",
    "Block",
    "Chain",
    "Conv1d",
    "Conv2d",
    "Dense",
    "Flatten",
    "Layer",
    "MaxPool1d",
    "MaxPool2d",
    "Program",
    "blocks",
    "chain",
    "table",
]
