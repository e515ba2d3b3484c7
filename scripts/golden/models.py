#!/usr/bin/env python3
"""Golden values of whole models: loss, logits, every gradient and the updated buffers, in float64.

Filters and matrices take Convoy's own initial values for the case's seed, computed in random_stream.py; vectors are
drawn here and stored, so that biases and batch norms are not at their initial zeros and ones. The small model is
stored whole.
"""

import torch
from torch import nn
from torch.nn import functional

from fixtures import generator, numbers, redraw, seed_of, write
from random_stream import initial


class SimpleCNN(nn.Module):
    """Two convolutions with pooling and two linear layers."""

    def __init__(self, channels, height, width, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * (height // 2 // 2) * (width // 2 // 2), 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class Block(nn.Module):
    """A residual block with a projection where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.c1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.b1 = nn.BatchNorm2d(outputs)
        self.c2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.b2 = nn.BatchNorm2d(outputs)
        self.sc = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.sc = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.b2(self.c2(torch.relu(self.b1(self.c1(x)))))
        return torch.relu(y + self.sc(x))


def resnet(channels, classes, widths, blocks):
    layers = [nn.Conv2d(channels, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    width = widths[0]
    for stage, wider in enumerate(widths):
        for block in range(blocks):
            layers.append(Block(width, wider, 2 if stage > 0 and block == 0 else 1))
            width = wider
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


# [N, C, H, W], classes, label smoothing, whether all parameters are stored.
CASES = {
    "simple_cnn": ([4, 3, 7, 6], 10, 0.0, True),
    "resnet20": ([3, 3, 12, 10], 7, 0.125, False),
}

for name, (shape, classes, smoothing, stores_all) in CASES.items():
    random = generator(name)
    channels, height, width = shape[1:]
    model = SimpleCNN(channels, height, width, classes) if name == "simple_cnn" \
        else resnet(channels, classes, [16, 32, 64], 3)
    model.double()
    redraw(model, random)
    tensors = {}
    for index, (key, parameter) in enumerate(model.named_parameters()):
        if parameter.dim() > 1 and not stores_all:
            parameter.data = torch.from_numpy(initial(seed_of(name), index, parameter.shape)).double()
        else:
            tensors[f"parameter.{key}"] = parameter.detach().clone()
    tensors |= {f"buffer.{key}": value.clone() for key, value in model.named_buffers()}
    x = numbers(random, *shape)
    target = torch.randint(classes, (shape[0],), generator=random)
    logits = model(x)
    loss = functional.cross_entropy(logits, target, label_smoothing=smoothing, reduction="sum")
    loss.backward()
    tensors |= {"input": x, "target": target, "logits": logits, "loss": loss.reshape(1)}
    tensors |= {f"grad.{key}": value.grad for key, value in model.named_parameters()}
    tensors |= {f"updated.{key}": value.clone() for key, value in model.named_buffers()}
    parameters = {"model": name, "classes": classes, "label_smoothing": smoothing}
    write("Models", name, "models.py", parameters, tensors)
