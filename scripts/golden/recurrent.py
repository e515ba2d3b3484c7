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


# [N, T, H, W], channels, hidden channels, kernel, whether there is a bias.
CONVOLUTIONAL = {
    "": ([2, 3, 4, 5], 3, 4, 3, True),
    "_of_one_frame": ([2, 1, 3, 3], 2, 2, 3, True),
    "_of_one_clip": ([1, 4, 3, 2], 1, 3, 3, True),
    "_without_bias": ([2, 2, 3, 4], 2, 3, 3, False),
    "_wide_kernel": ([2, 2, 4, 3], 1, 2, 5, True),
    "_whole_vectors": ([1, 3, 4, 4], 2, 8, 3, True),
    "_many_clips": ([10, 2, 2, 2], 1, 2, 1, True),
}


class ConvolutionalLSTM(nn.Module):
    """All hidden states of a cell of one convolution, with the gates i, f, o, g."""

    def __init__(self, channels, hidden, kernel, bias):
        super().__init__()
        self.hidden = hidden
        self.conv = nn.Conv2d(channels + hidden, 4 * hidden, kernel, padding="same", bias=bias)

    def forward(self, x):
        clips, frames, _, height, width = x.shape
        h = c = x.new_zeros(clips, self.hidden, height, width)
        states = []
        for step in range(frames):
            i, f, o, g = torch.split(self.conv(torch.cat([x[:, step], h], 1)), self.hidden, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            states.append(h)
        return torch.stack(states, 1)


def record(name, module, x, y, gradient, parameters):
    """Writes the case of one pass; clips as [N, C, T, H, W]."""
    def stored(tensor):
        return tensor.transpose(1, 2) if tensor.dim() == 5 else tensor

    module.zero_grad()
    y.backward(gradient)
    tensors = {f"parameter.{key}": value.clone() for key, value in module.named_parameters()}
    tensors |= {"first.input": stored(x), "first.output": stored(y), "first.grad.output": stored(gradient),
                "first.grad.input": stored(x.grad)}
    tensors |= {f"first.grad.{key}": value.grad for key, value in module.named_parameters()}
    write("Layers", name, "recurrent.py", parameters, tensors)


def make(name, kind, shape, layers, hidden, options):
    random = generator(name)
    lengths = options.get("lengths")
    options = {key: value for key, value in options.items() if key != "lengths"}
    module = KINDS[kind](FEATURES, hidden, layers, batch_first=True, **options).double()
    redraw(module, random)
    x = numbers(random, *shape, FEATURES).requires_grad_()
    if lengths:
        packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        y, _ = pad_packed_sequence(module(packed)[0], batch_first=True, total_length=shape[1])
    else:
        y, _ = module(x)
    parameters = {"layer": "recurrent", "kind": kind, "from": FEATURES, "hidden": hidden, "layers": layers, **options}
    if lengths:
        parameters["lengths"] = lengths
    record(name, module, x, y, numbers(random, *y.shape), parameters)


def make_convolutional(name, shape, channels, hidden, kernel, bias):
    random = generator(name)
    module = ConvolutionalLSTM(channels, hidden, kernel, bias).double()
    redraw(module, random)
    x = numbers(random, *shape[:2], channels, *shape[2:]).requires_grad_()
    y = module(x)
    parameters = {"layer": "convolutional_lstm", "from": channels, "hidden": hidden, "kernel": kernel, "bias": bias}
    record(name, module, x, y, numbers(random, *y.shape), parameters)


for kind in KINDS:
    for variant, (shape, layers, hidden, options) in VARIANTS.items():
        make(f"recurrent_{kind}{variant}", kind, shape, layers, hidden, options)

for variant, case in CONVOLUTIONAL.items():
    make_convolutional(f"convolutional_lstm{variant}", *case)
