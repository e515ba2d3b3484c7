"""Which way ReLUs and max poolings go: rounding can tip those whose inputs lie next to a tie.

A ReLU whose input is next to zero passes its gradient or not, a window with two values next to each other passes it to
one or the other; where float32 tips one, gradients jump. `Recording` notes the decisions of a pass, `Holding` makes
another pass decide likewise, whatever its own numbers say, so that what is left of a difference is rounding.
"""

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

RECTIFIERS = {torch.relu, torch.Tensor.relu, functional.relu}
POOLS = {functional.max_pool2d: 2, torch.max_pool2d: 2, functional.max_pool3d: 3, torch.max_pool3d: 3}


def windows(x, axes, kernel_size, stride=None, padding=0, **_):
    """What each window sees, along a last axis."""
    sizes = [value if isinstance(value, (tuple, list)) else (value,) * axes
             for value in (kernel_size, stride or kernel_size, padding)]
    x = functional.pad(x, [end for side in reversed(sizes[2]) for end in (side, side)], value=-torch.inf)
    for axis in range(axes):
        x = x.unfold(2 + axis, sizes[0][axis], sizes[1][axis])
    return x.flatten(-axes)


class Recording(TorchFunctionMode):
    """Notes what leaves each ReLU and what enters each max pooling, in order."""

    def __init__(self):
        super().__init__()
        self.rectified, self.pooled = [], []

    def __torch_function__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        if function in RECTIFIERS:
            self.rectified.append(result.detach())
        elif function in POOLS:
            self.pooled.append(arguments[0].detach())
        return result


class Holding(TorchFunctionMode):
    """Decides as another pass did; `tipped` counts the decisions it would have made otherwise, and `margin` tells how
    far the farthest of them was from a tie, as a share of the layer's root mean square."""

    def __init__(self, rectified, pooled):
        super().__init__()
        self.rectified, self.pooled = iter(rectified), iter(pooled)
        self.tipped, self.margin = 0, 0.0

    def __torch_function__(self, function, types, arguments=(), options=None):
        if function in RECTIFIERS:
            return self.rectify(arguments[0])
        if function in POOLS:
            return self.pool(arguments[0], POOLS[function], *arguments[1:], **(options or {}))
        return function(*arguments, **(options or {}))

    def rectify(self, x):
        passes = like(next(self.rectified), x) > 0
        self.count(x, torch.where(passes != (x > 0), x.abs(), 0))
        return x * passes

    def pool(self, x, axes, *arguments, **options):
        names = ("kernel_size", "stride", "padding")
        options = dict(zip(names, arguments)) | options
        winners = windows(like(next(self.pooled), x), axes, **options).argmax(-1, keepdim=True)
        own = windows(x, axes, **options)
        result = own.gather(-1, winners).squeeze(-1)
        self.count(x, own.amax(-1) - result)
        return result

    def count(self, x, distances):
        """`distances` are those from a tie, zero where nothing tipped."""
        self.tipped += int((distances > 0).sum())
        self.margin = max(self.margin, float((distances.max() / x.square().mean().sqrt()).detach()))


def like(decisions, x):
    """The decisions in the order of x's axes: of clips' axes, frames may come before channels."""
    if decisions.shape != x.shape:
        decisions = decisions.transpose(1, 2)
    if decisions.shape != x.shape:
        raise ValueError(f"decisions of shape {tuple(decisions.shape)} for an input of {tuple(x.shape)}")
    return decisions
