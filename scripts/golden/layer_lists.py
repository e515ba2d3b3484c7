"""Networks as lists of layers: one sample's shape in PyTorch's layout, the PyTorch module, the `model` section."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from networks import ConvLSTMCell


class Sum(nn.Sequential):
    """A sequence whose input is added to its output."""

    def forward(self, x):
        return x + super().forward(x)


class Concatenation(nn.ModuleList):
    """What several layers make of one input, their channels one behind the other."""

    def forward(self, x):
        return torch.cat([layer(x) for layer in self], 1)


class Frames(nn.Sequential):
    """Layers applied to each frame."""

    def forward(self, x):
        return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Volume(nn.Sequential):
    """Layers over frames, rows and columns of clips whose frames come before their channels."""

    def forward(self, x):
        return super().forward(x.transpose(1, 2))


class ConvLSTMLayer(ConvLSTMCell):
    """The states of a convolutional LSTM after each frame."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.hidden = hidden

    def forward(self, x):
        h = c = x.new_zeros(len(x), self.hidden, *x.shape[3:])
        states = []
        for frame in x.unbind(1):
            h, c = super().forward(frame, h, c)
            states.append(h)
        return torch.stack(states, 1)


class LastOutput(nn.Module):
    """The last frame, of clips with lengths the last one of their own."""

    def forward(self, x, lengths=None):
        return x[:, -1] if lengths is None else x[torch.arange(len(x)), lengths - 1]


class Clips(nn.Sequential):
    """Layers one after another, of which recurrent ones see the frames of each clip that are its own."""

    def forward(self, x, lengths=None):
        for layer in self:
            if isinstance(layer, LastOutput):
                x = layer(x, lengths)
            elif not isinstance(layer, nn.RNNBase):
                x = layer(x)
            elif lengths is None:
                x = layer(x)[0]
            else:
                packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
                x = pad_packed_sequence(layer(packed)[0], batch_first=True)[0]
        return x


def encoder():
    return Frames(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())


ENCODER = "{frames: [{conv2d: {out: 8, kernel: 3, stride: 2}}, relu, {adaptive_avg_pool2d: {out: 2}}, flatten]}"

LAYER_LISTS = {
    "list_of_convolutions": (
        (3, 32, 32),
        lambda: nn.Sequential(
            nn.Conv2d(3, 12, 3, stride=2, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
            Sum(nn.Conv2d(12, 12, 3, padding=1, groups=3), nn.ReLU()),
            nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Flatten()), nn.Linear(768, 20), nn.ReLU(), nn.Linear(20, 10)),
        """
  layers:
    - conv2d: {out: 12, kernel: 3, stride: 2, bias: false}
    - batch_norm2d
    - relu
    - residual: {body: [{conv2d: {out: 12, kernel: 3, padding: 1, groups: 3}}, relu]}
    - [{max_pool2d: {kernel: 3, stride: 2, padding: 1}}, flatten]
    - linear: {out: 20}
    - relu
    - linear: {out: classes}
"""),
    "list_of_activations": (
        (3, 33, 31),
        lambda: nn.Sequential(
            nn.Conv2d(3, 12, (3, 5), 2, (1, 2)), nn.GroupNorm(4, 12), nn.ELU(),
            nn.Conv2d(12, 12, 3, padding=2, dilation=2, groups=12), nn.GELU(),
            nn.AvgPool2d(3, 2, 1, count_include_pad=False),
            Concatenation([nn.Conv2d(12, 4, 1), nn.Sequential(nn.Conv2d(12, 6, 3, padding=1), nn.GELU("tanh"))]),
            nn.SiLU(), nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(), nn.Linear(60, 20), nn.Tanh(),
            nn.Linear(20, 10), nn.Sigmoid(), nn.Linear(10, 10), nn.Softmax(1)),
        """
  layers:
    - conv2d: {out: 12, kernel: [3, 5], stride: 2, padding: [1, 2]}
    - group_norm: {groups: 4}
    - elu
    - depthwise_conv2d: {kernel: 3, padding: 2, dilation: 2}
    - gelu
    - avg_pool2d: {kernel: 3, stride: 2, padding: 1, count_include_pad: false}
    - concatenation:
        - conv2d: {out: 4, kernel: 1}
        - [{conv2d: {out: 6, kernel: 3, padding: 1}}, gelu: {approximate: tanh}]
    - silu
    - adaptive_avg_pool2d: {out: [2, 3]}
    - flatten
    - linear: {out: 20}
    - tanh
    - linear: {out: 10}
    - sigmoid
    - linear: {out: classes}
    - softmax
"""),
    "list_of_volumes": (
        (7, 3, 32, 32),
        lambda: Volume(
            nn.Conv3d(3, 16, 3, (1, 2, 2), 1), nn.BatchNorm3d(16), nn.ReLU(),
            nn.Conv3d(16, 16, (3, 1, 1), padding=(1, 0, 0), groups=16), nn.AvgPool3d(2),
            nn.Conv3d(16, 8, 3, padding=2, dilation=2), nn.GELU(), nn.MaxPool3d((1, 2, 2)), nn.AdaptiveAvgPool3d(1),
            nn.Flatten(), nn.Linear(8, 10)),
        """
  layers:
    - conv3d: {out: 16, kernel: 3, stride: [1, 2, 2], padding: 1}
    - batch_norm3d
    - relu
    - depthwise_conv3d: {kernel: [3, 1, 1], padding: [1, 0, 0]}
    - avg_pool3d: {kernel: 2}
    - conv3d: {out: 8, kernel: 3, padding: 2, dilation: 2}
    - gelu
    - max_pool3d: {kernel: [1, 2, 2]}
    - adaptive_avg_pool3d: {out: 1}
    - flatten
    - linear: {out: classes}
"""),
    "list_over_frames": (
        (6, 3, 32, 32),
        lambda: Clips(
            encoder(), nn.RNN(32, 12, batch_first=True), nn.GRU(12, 9, 2, batch_first=True, bidirectional=True),
            LastOutput(), nn.Linear(18, 10)),
        f"""
  layers:
    - {ENCODER}
    - rnn: {{hidden: 12}}
    - gru: {{hidden: 9, layers: 2, bidirectional: true}}
    - last_output
    - linear: {{out: classes}}
"""),
    "list_over_frames_packed": (
        (6, 3, 32, 32),
        lambda: Clips(
            encoder(), nn.LSTM(32, 12, 2, batch_first=True, bidirectional=True), nn.GRU(24, 9, batch_first=True),
            LastOutput(), nn.Linear(9, 10)),
        f"""
  layers:
    - {ENCODER}
    - lstm: {{hidden: 12, layers: 2, bidirectional: true, packed: true}}
    - gru: {{hidden: 9, packed: true}}
    - last_output: {{valid: true}}
    - linear: {{out: classes}}
"""),
    "list_of_states": (
        (5, 3, 32, 32),
        lambda: Clips(ConvLSTMLayer(3, 6), LastOutput(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 10)),
        """
  layers:
    - conv_lstm: {hidden: 6, kernel: 3}
    - last_output
    - adaptive_avg_pool2d: {out: 2}
    - flatten
    - linear: {out: classes}
"""),
}
