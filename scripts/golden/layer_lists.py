"""Networks as lists of layers: one sample's shape in PyTorch's layout, the PyTorch module, the `model` section."""

from torch import nn


class Sum(nn.Sequential):
    """A sequence whose input is added to its output."""

    def forward(self, x):
        return x + super().forward(x)


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
}
