#!/usr/bin/env python3
"""Golden values of losses: the sum over samples, its gradient and the number of correct samples, in float64."""

import torch
from torch.nn import functional

from fixtures import generator, numbers, write

# [N, classes], factor of the logits, label smoothing.
CASES = {
    "cross_entropy": ([5, 7], 1, 0.0),
    "cross_entropy_smoothed": ([6, 10], 1, 0.125),
    "cross_entropy_fully_smoothed": ([3, 4], 1, 1.0),
    "cross_entropy_batch_of_one": ([1, 3], 1, 0.25),
    "cross_entropy_of_large_logits": ([4, 9], 100, 0.0),
    "cross_entropy_of_large_logits_smoothed": ([4, 9], 100, 0.25),
    "cross_entropy_of_one_class": ([2, 1], 1, 0.0),
}

for name, (shape, factor, smoothing) in CASES.items():
    random = generator(name)
    logits = (numbers(random, *shape) * factor).float().double().requires_grad_()
    target = torch.randint(shape[1], (shape[0],), generator=random)
    loss = functional.cross_entropy(logits, target, label_smoothing=smoothing, reduction="sum")
    loss.backward()
    tensors = {"logits": logits, "target": target, "loss": loss.reshape(1), "grad.logits": logits.grad,
               "correct": (logits.argmax(1) == target).sum().reshape(1)}
    write("Layers", name, "losses.py", {"label_smoothing": smoothing}, tensors)
