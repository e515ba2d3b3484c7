#!/usr/bin/env python3
"""Golden values of Grad-CAM: hooks on a layer's output and its gradient, in float64 and evaluation mode."""

import torch

from fixtures import generator, numbers, seed_of, write
from initial_values import initialize
from networks import NETWORKS

# Network, layer, sample.
CASES = {
    "grad_cam_simple_cnn": ("simple_cnn", "conv2", [2, 10, 13]),
    "grad_cam_resnet20": ("resnet20", "9.c2", [2, 12, 9]),
    "grad_cam_frames": ("cnn_gru", "enc.conv.3", [3, 2, 8, 11]),
    "grad_cam_c3d": ("c3d", "f.3", [4, 2, 9, 8]),
}

for name, (network, layer, sample) in CASES.items():
    random = generator(name)
    model = NETWORKS[network](sample, 4).double().eval()
    initialize(model, seed_of(name))
    seen = []
    model.get_submodule(layer).register_forward_hook(lambda module, inputs, output: seen.append(output))
    x = numbers(random, 3, *sample).requires_grad_()
    targets = torch.tensor([2, 0, 3])
    logits = model(x)
    gradients = torch.autograd.grad(logits[torch.arange(3), targets].sum(), seen)
    # A layer of each frame is seen once a frame; channels are axis 1.
    maps = [(gradient.flatten(2).mean(2).reshape(*gradient.shape[:2], *[1] * (gradient.dim() - 2)) * features).sum(1).relu()
            for features, gradient in zip(seen, gradients)]
    result = torch.stack(maps, 1) if len(maps) > 1 else maps[0]
    write("Models", name, "grad_cam.py", {"model": network, "layer": layer, "classes": 4},
          {"input": x, "target": targets, "map": result})
