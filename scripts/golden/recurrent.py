#!/usr/bin/env python3
"""Golden values of recurrent layers: outputs and gradients in float64 from PyTorch."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from fixtures import generator, numbers, redraw, write

KINDS = {
    "rnn": nn.RNN,
    "rnn_relu": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}

# [N, T], layers, hidden, further options; lengths make a packed batch.
VARIANTS = {
    "": ([3, 5], 1, 6, {}),
    "_of_one_frame": ([2, 1], 1, 3, {}),
    "_of_one_sequence": ([1, 4], 1, 5, {}),
    "_without_bias": ([2, 3], 2, 4, {"bias": False}),
    "_two_layers": ([2, 4], 2, 5, {}),
    "_bidirectional": ([3, 4], 2, 4, {"bidirectional": True}),
    "_packed": ([5, 5], 2, 5, {"lengths": [2, 5, 1, 5, 3]}),
    "_packed_bidirectional": ([4, 6], 2, 4, {"lengths": [3, 1, 6, 3], "bidirectional": True}),
    "_packed_short": ([3, 5], 1, 3, {"lengths": [2, 1, 3], "bidirectional": True}),
    "_whole_vectors": ([3, 3], 1, 16, {}),
    "_many_sequences": ([19, 2], 1, 2, {"bidirectional": True}),
}
FEATURES = 4


def make(name, kind, shape, layers, hidden, options):
    random = generator(name)
    lengths = options.get("lengths")
    options = {key: value for key, value in options.items() if key != "lengths"}
    module = KINDS[kind](FEATURES, hidden, layers, batch_first=True, **options).double()
    redraw(module, random)
    tensors = {f"parameter.{key}": value.clone() for key, value in module.named_parameters()}
    x = numbers(random, *shape, FEATURES).requires_grad_()
    if lengths:
        packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        y, _ = pad_packed_sequence(module(packed)[0], batch_first=True, total_length=shape[1])
    else:
        y, _ = module(x)
    gradient = numbers(random, *y.shape)
    y.backward(gradient)
    tensors |= {"first.input": x, "first.output": y, "first.grad.output": gradient, "first.grad.input": x.grad}
    tensors |= {f"first.grad.{key}": value.grad for key, value in module.named_parameters()}
    parameters = {"layer": "recurrent", "kind": kind, "from": FEATURES, "hidden": hidden, "layers": layers, **options}
    if lengths:
        parameters["lengths"] = lengths
    write("Layers", name, "recurrent.py", parameters, tensors)


for kind in KINDS:
    for variant, (shape, layers, hidden, options) in VARIANTS.items():
        make(f"recurrent_{kind}{variant}", kind, shape, layers, hidden, options)
