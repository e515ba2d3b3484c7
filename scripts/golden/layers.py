#!/usr/bin/env python3
"""Golden values of single layers: output, gradients and running statistics in float64 from PyTorch."""

import torch
from torch import nn

from fixtures import generator, numbers, redraw, write


class ResidualBlock(nn.Module):
    """Two convolutions with batch norm and the input added, for images of an unchanged number of channels."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + x)


class Residual(nn.Module):
    """body(x) + x, or body(x) + shortcut(x) where the body changes the shape."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        projects = stride != 1 or inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False) if projects else nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Concatenation(nn.ModuleList):
    """The channels of three branches side by side."""

    def __init__(self, inputs, outputs):
        super().__init__(
            [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.Conv2d(inputs, 1, 1)])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self], dim=1)


def of_axes(image, clip, p):
    """The class for images, or the one for clips."""
    return clip if p["axes"] == 3 else image


def convolution(p):
    return of_axes(nn.Conv2d, nn.Conv3d, p)(
        p["from"], p["to"], p["kernel"], stride=p.get("stride", 1), padding=p.get("padding", 0),
        dilation=p.get("dilation", 1), groups=p.get("groups", 1), bias=p.get("bias", True))


LAYERS = {
    "convolution": convolution,
    "linear": lambda p: nn.Linear(p["from"], p["to"], bias=p.get("bias", True)),
    "relu": lambda p: nn.ReLU(),
    "leaky_relu": lambda p: nn.LeakyReLU(p["slope"]),
    "elu": lambda p: nn.ELU(p["alpha"]),
    "gelu": lambda p: nn.GELU(approximate=p["form"]),
    "silu": lambda p: nn.SiLU(),
    "sigmoid": lambda p: nn.Sigmoid(),
    "tanh": lambda p: nn.Tanh(),
    "softmax": lambda p: nn.Softmax(dim=1),
    "group_norm": lambda p: nn.GroupNorm(p["groups"], p["channels"], affine=p.get("affine", True)),
    "max_pool": lambda p: of_axes(nn.MaxPool2d, nn.MaxPool3d, p)(
        p["kernel"], stride=p.get("stride"), padding=p.get("padding", 0), dilation=p.get("dilation", 1)),
    "average_pool": lambda p: of_axes(nn.AvgPool2d, nn.AvgPool3d, p)(
        p["kernel"], stride=p.get("stride"), padding=p.get("padding", 0),
        count_include_pad=p.get("countsPadding", True)),
    "adaptive_average_pool": lambda p: of_axes(nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, p)(p["output"]),
    "batch_norm": lambda p: of_axes(nn.BatchNorm2d, nn.BatchNorm3d, p)(p["channels"], affine=p.get("affine", True)),
    "flatten": lambda p: nn.Flatten(),
    "residual": lambda p: Residual(p["from"], p["to"], p.get("stride", 1)),
    "residual_block": lambda p: ResidualBlock(p["channels"]),
    "concatenation": lambda p: Concatenation(p["from"], p["to"]),
}

# Inputs are in PyTorch's layout [N, C, H, W] or [N, C, T, H, W].
CASES = {
    "convolution_padded": ([2, 3, 7, 5], {"from": 3, "to": 8, "kernel": 3, "padding": 1}),
    "convolution_strided": ([2, 4, 8, 7], {"from": 4, "to": 5, "kernel": 3, "stride": 2, "padding": 1}),
    "convolution_stride_over_kernel": (
        [2, 3, 9, 11], {"from": 3, "to": 4, "kernel": 2, "stride": 3, "bias": False}),
    "convolution_dilated": ([1, 3, 9, 8], {"from": 3, "to": 4, "kernel": 3, "padding": 2, "dilation": 2}),
    "convolution_dilated_strided": (
        [2, 2, 13, 10], {"from": 2, "to": 3, "kernel": 3, "stride": 2, "padding": 1, "dilation": 3}),
    "convolution_grouped": ([2, 4, 6, 5], {"from": 4, "to": 6, "kernel": 3, "padding": 1, "groups": 2}),
    "convolution_grouped_dilated": (
        [2, 6, 7, 9], {"from": 6, "to": 9, "kernel": 3, "stride": 2, "padding": 2, "dilation": 2, "groups": 3}),
    "convolution_depthwise": ([2, 17, 5, 6], {"from": 17, "to": 17, "kernel": 3, "padding": 1, "groups": 17}),
    "convolution_depthwise_strided": (
        [3, 5, 8, 7], {"from": 5, "to": 5, "kernel": 3, "stride": 2, "padding": 1, "groups": 5, "bias": False}),
    "convolution_depthwise_dilated": (
        [1, 6, 9, 9], {"from": 6, "to": 6, "kernel": 3, "padding": 2, "dilation": 2, "groups": 6}),
    "convolution_channel_multiplier": (
        [2, 4, 5, 5], {"from": 4, "to": 8, "kernel": 3, "padding": 1, "groups": 4}),
    "convolution_pointwise": ([2, 7, 4, 5], {"from": 7, "to": 6, "kernel": 1}),
    "convolution_pointwise_strided": ([2, 3, 7, 6], {"from": 3, "to": 5, "kernel": 1, "stride": 2, "bias": False}),
    "convolution_pointwise_padded": ([1, 3, 4, 3], {"from": 3, "to": 2, "kernel": 1, "padding": 1}),
    "convolution_pointwise_grouped": ([2, 6, 3, 4], {"from": 6, "to": 4, "kernel": 1, "groups": 2}),
    "convolution_of_one_pixel": ([1, 3, 1, 1], {"from": 3, "to": 4, "kernel": 3, "padding": 1}),
    "convolution_of_one_channel": ([2, 1, 6, 6], {"from": 1, "to": 1, "kernel": 3}),
    "convolution_wide_kernel": ([1, 2, 8, 9], {"from": 2, "to": 19, "kernel": 5, "padding": 2}),
    "convolution_even_kernel": ([2, 3, 7, 7], {"from": 3, "to": 4, "kernel": 4, "stride": 3, "padding": 1}),
    "convolution_of_unlike_axes": (
        [2, 3, 9, 8], {"from": 3, "to": 4, "kernel": [2, 5], "stride": [3, 1], "padding": [0, 2], "dilation": [2, 1]}),
    "convolution_of_one_row": ([2, 5, 1, 9], {"from": 5, "to": 16, "kernel": [1, 3], "padding": [0, 1]}),
    "convolution_column_kernel": (
        [1, 16, 7, 3], {"from": 16, "to": 16, "kernel": [3, 1], "stride": [2, 1], "padding": [1, 0]}),
    "convolution_of_clips": ([2, 3, 4, 5, 6], {"from": 3, "to": 8, "kernel": 3, "padding": 1}),
    "convolution_of_clips_strided": (
        [1, 4, 5, 7, 6], {"from": 4, "to": 5, "kernel": [3, 2, 3], "stride": [2, 3, 1], "padding": [1, 0, 2]}),
    "convolution_of_clips_dilated": (
        [1, 2, 6, 7, 5], {"from": 2, "to": 3, "kernel": [2, 3, 2], "padding": [1, 2, 0], "dilation": [3, 2, 1]}),
    "convolution_of_clips_grouped": (
        [2, 4, 3, 4, 5], {"from": 4, "to": 6, "kernel": [3, 3, 1], "padding": [1, 1, 0], "groups": 2, "bias": False}),
    "convolution_of_clips_depthwise": (
        [2, 5, 3, 5, 4], {"from": 5, "to": 5, "kernel": [2, 3, 3], "stride": [1, 2, 1], "padding": 1, "groups": 5}),
    "convolution_of_clips_pointwise": ([2, 3, 2, 3, 4], {"from": 3, "to": 5, "kernel": 1}),
    "convolution_of_clips_of_one_frame": ([1, 3, 1, 5, 4], {"from": 3, "to": 4, "kernel": 3, "padding": 1}),
    "convolution_of_clips_of_one_pixel": ([1, 2, 1, 1, 1], {"from": 2, "to": 3, "kernel": 3, "padding": 1}),
    "convolution_of_clips_whole_vectors": (
        [1, 16, 3, 4, 3], {"from": 16, "to": 16, "kernel": 3, "padding": 1, "bias": False}),
    "convolution_of_clips_vectors_strided": (
        [1, 8, 5, 4, 5], {"from": 8, "to": 16, "kernel": [3, 1, 2], "stride": [2, 1, 2], "padding": [1, 0, 1]}),
    "convolution_whole_vectors": ([1, 16, 4, 6], {"from": 16, "to": 16, "kernel": 3, "padding": 1}),
    "linear": ([5, 7], {"from": 7, "to": 3}),
    "linear_without_bias": ([4, 19], {"from": 19, "to": 33, "bias": False}),
    "linear_batch_of_one": ([1, 13], {"from": 13, "to": 17}),
    "linear_many_rows": ([131, 3], {"from": 3, "to": 2}),
    "linear_of_sequences": ([3, 4, 5], {"from": 5, "to": 6}),
    "relu": ([2, 3, 4, 5], {}),
    "leaky_relu": ([2, 3, 4, 5], {"slope": 0.2}),
    "elu": ([2, 3, 5, 5], {"alpha": 0.7, "spread": 3}),
    "gelu": ([2, 3, 5, 5], {"form": "none", "spread": 2}),
    "gelu_tanh": ([2, 3, 5, 5], {"form": "tanh", "spread": 2}),
    "silu": ([2, 3, 5, 5], {"spread": 3}),
    "sigmoid": ([2, 3, 5, 5], {"spread": 3}),
    "tanh": ([2, 3, 5, 5], {"spread": 2}),
    "softmax": ([7, 10], {"spread": 3}),
    "softmax_of_images": ([2, 19, 3, 2], {"spread": 3}),
    "max_pool": ([2, 3, 6, 8], {"kernel": 2}),
    "max_pool_of_odd_image": ([2, 5, 7, 9], {"kernel": 2}),
    "max_pool_overlapping": ([2, 3, 9, 8], {"kernel": 3, "stride": 2}),
    "max_pool_padded": ([2, 4, 8, 7], {"kernel": 3, "stride": 2, "padding": 1}),
    "max_pool_stride_one": ([1, 17, 5, 6], {"kernel": 3, "stride": 1, "padding": 1}),
    "max_pool_wide": ([1, 2, 11, 10], {"kernel": 5, "stride": 3, "padding": 2}),
    "max_pool_stride_over_kernel": ([1, 2, 9, 9], {"kernel": 2, "stride": 3}),
    "max_pool_of_unlike_axes": (
        [2, 3, 9, 8], {"kernel": [3, 2], "stride": [2, 3], "padding": [1, 0], "dilation": [1, 3]}),
    "max_pool_of_many_taps": ([1, 2, 17, 18], {"kernel": [16, 17], "stride": 1}),
    "max_pool_of_clips": ([2, 3, 4, 6, 5], {"kernel": [1, 2, 2]}),
    "max_pool_of_clips_padded": (
        [1, 4, 5, 4, 6], {"kernel": 3, "stride": [2, 1, 3], "padding": 1, "dilation": [1, 1, 2]}),
    "average_pool": ([2, 3, 6, 8], {"kernel": 2}),
    "average_pool_padded": ([2, 5, 7, 6], {"kernel": 3, "stride": 2, "padding": 1}),
    "average_pool_without_padding": (
        [2, 5, 7, 6], {"kernel": [3, 4], "stride": [1, 2], "padding": [1, 2], "countsPadding": False}),
    "average_pool_of_clips": ([2, 3, 5, 4, 6], {"kernel": [2, 3, 2], "stride": [2, 1, 2], "padding": [1, 1, 0]}),
    "average_pool_of_clips_without_padding": (
        [1, 3, 3, 4, 5], {"kernel": 3, "stride": 2, "padding": 1, "countsPadding": False}),
    "adaptive_average_pool_global": ([3, 19, 4, 5], {"output": 1}),
    "adaptive_average_pool_of_one_pixel": ([1, 5, 1, 1], {"output": 1}),
    "adaptive_average_pool_even": ([2, 3, 8, 6], {"output": [4, 3]}),
    "adaptive_average_pool_overlapping": ([2, 3, 7, 5], {"output": [3, 4]}),
    "adaptive_average_pool_larger": ([1, 2, 2, 3], {"output": 5}),
    "adaptive_average_pool_of_clips": ([2, 3, 5, 4, 7], {"output": [2, 4, 3]}),
    "adaptive_average_pool_of_clips_global": ([2, 7, 3, 4, 5], {"output": 1}),
    "batch_norm": ([4, 5, 3, 3], {"channels": 5}),
    "batch_norm_batch_of_one": ([1, 17, 4, 5], {"channels": 17}),
    "batch_norm_one_pixel": ([6, 3, 1, 1], {"channels": 3}),
    "batch_norm_many_rows": ([3, 3, 11, 13], {"channels": 3}),
    "batch_norm_far_from_zero": ([4, 4, 5, 5], {"channels": 4, "offset": 30}),
    "batch_norm_evaluation": ([3, 5, 4, 3], {"channels": 5, "evaluation": True}),
    "batch_norm_of_clips": ([2, 3, 3, 4, 2], {"channels": 3}),
    "batch_norm_without_affine": ([3, 4, 3, 2], {"channels": 4, "affine": False}),
    "batch_norm_without_affine_evaluation": ([3, 4, 3, 2], {"channels": 4, "affine": False, "evaluation": True}),
    "group_norm": ([3, 6, 4, 5], {"groups": 3, "channels": 6}),
    "group_norm_of_clips": ([2, 4, 3, 2, 3], {"groups": 2, "channels": 4}),
    "group_norm_of_one_group": ([2, 5, 3, 4], {"groups": 1, "channels": 5}),
    "group_norm_of_single_channels": ([2, 17, 4, 3], {"groups": 17, "channels": 17}),
    "group_norm_of_vectors": ([4, 12], {"groups": 4, "channels": 12}),
    "group_norm_without_affine": ([2, 6, 3, 3], {"groups": 2, "channels": 6, "affine": False}),
    "group_norm_evaluation": ([2, 4, 3, 5], {"groups": 2, "channels": 4, "evaluation": True}),
    "flatten": ([2, 3, 4, 5], {}),
    "flatten_of_sequences": ([2, 3, 4], {}),
    "flatten_of_clips": ([2, 3, 2, 4, 3], {}),
    "flatten_one_channel": ([2, 1, 4, 3], {}),
    "flatten_many_channels": ([2, 37, 5, 4], {}),
    "residual_identity": ([2, 3, 5, 6], {"from": 3, "to": 3}),
    "residual_projection": ([2, 3, 7, 5], {"from": 3, "to": 6, "stride": 2}),
    "residual_block": ([2, 6, 5, 7], {"channels": 6}),
    "concatenation": ([2, 3, 4, 5], {"from": 3, "to": 5}),
    "residual_block_evaluation": ([2, 4, 5, 4], {"channels": 4, "evaluation": True}),
}


def layer_of(name):
    """The kind of layer in the case `name`: the longest one that the name begins with."""
    return max((kind for kind in LAYERS if name.startswith(kind)), key=len)


def make(name, shape, parameters):
    random = generator(name)
    kind = layer_of(name)
    module = LAYERS[kind](parameters | {"axes": len(shape) - 2}).double()
    redraw(module, random)
    module.train(not parameters.get("evaluation", False))
    tensors = {f"parameter.{key}": value.clone() for key, value in module.named_parameters()}
    tensors |= {f"buffer.{key}": value.clone() for key, value in module.named_buffers()}
    # A second batch shows how running statistics go on.
    for step in ("first", "second")[: 2 if list(module.buffers()) else 1]:
        offset = parameters.get("offset", 0)
        x = (numbers(random, *shape) * parameters.get("spread", 1) + offset).float().double().requires_grad_()
        y = module(x)
        gradient = numbers(random, *y.shape)
        module.zero_grad()
        y.backward(gradient)
        tensors |= {f"{step}.input": x, f"{step}.output": y, f"{step}.grad.output": gradient, f"{step}.grad.input": x.grad}
        tensors |= {f"{step}.grad.{key}": value.grad.clone() for key, value in module.named_parameters()}
        tensors |= {f"{step}.buffer.{key}": value.clone() for key, value in module.named_buffers()}
    write("Layers", name, "layers.py", {"layer": kind, **parameters}, tensors)


for name, (shape, parameters) in CASES.items():
    make(name, shape, parameters)
