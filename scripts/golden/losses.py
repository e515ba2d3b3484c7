#!/usr/bin/env python3
"""Golden values of losses: the sum over samples, the divisor of PyTorch's mean, the gradient of the sum and the number
of correct samples, in float64."""

import json

import torch
from torch.nn import functional

from fixtures import generator, numbers, write


def cross_entropy(logits, target, reduction, label_smoothing=0.0, class_weights=None, ignore_index=-100):
    weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float64)
    return functional.cross_entropy(logits, target, weight=weights, ignore_index=ignore_index, reduction=reduction,
                                    label_smoothing=label_smoothing)


def focal(logits, target, reduction, alpha=0.25, gamma=2.0):
    entropy = functional.cross_entropy(logits, target, reduction="none")
    probability = torch.exp(-entropy)
    loss = alpha * (1 - probability) ** gamma * entropy
    return loss.sum() if reduction == "sum" else loss.mean()


def one_hot(logits, target):
    return functional.one_hot(target, logits.shape[1]).double()


def mse(logits, target, reduction):
    return functional.mse_loss(logits, one_hot(logits, target), reduction=reduction)


def bce_with_logits(logits, target, reduction, pos_weight=None):
    weights = None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float64)
    return functional.binary_cross_entropy_with_logits(logits, one_hot(logits, target), pos_weight=weights,
                                                       reduction=reduction)


FIVE = [0.5, 2.0, 0.0, 1.25, 3.0]
# The loss, [N, classes], factor of the logits, keys.
CASES = {
    "cross_entropy": (cross_entropy, [5, 7], 1, {}),
    "cross_entropy_smoothed": (cross_entropy, [6, 10], 1, {"label_smoothing": 0.125}),
    "cross_entropy_fully_smoothed": (cross_entropy, [3, 4], 1, {"label_smoothing": 1.0}),
    "cross_entropy_batch_of_one": (cross_entropy, [1, 3], 1, {"label_smoothing": 0.25}),
    "cross_entropy_of_large_logits": (cross_entropy, [4, 9], 100, {}),
    "cross_entropy_of_large_logits_smoothed": (cross_entropy, [4, 9], 100, {"label_smoothing": 0.25}),
    "cross_entropy_of_one_class": (cross_entropy, [2, 1], 1, {}),
    "cross_entropy_weighted": (cross_entropy, [11, 5], 1, {"class_weights": FIVE}),
    "cross_entropy_weighted_smoothed": (cross_entropy, [9, 5], 1, {"class_weights": FIVE, "label_smoothing": 0.1}),
    "cross_entropy_ignoring": (cross_entropy, [12, 4], 1, {"ignore_index": 2}),
    "cross_entropy_ignoring_smoothed": (cross_entropy, [12, 4], 1, {"ignore_index": 1, "label_smoothing": 0.2}),
    "cross_entropy_ignoring_weighted": (
        cross_entropy, [13, 5], 1, {"ignore_index": 0, "class_weights": FIVE, "label_smoothing": 0.3}),
    "focal": (focal, [8, 10], 1, {}),
    "focal_of_large_logits": (focal, [6, 7], 30, {}),
    "focal_gamma_of_half": (focal, [7, 4], 2, {"alpha": 0.7, "gamma": 0.5}),
    "focal_gamma_of_one": (focal, [7, 4], 2, {"alpha": 1.0, "gamma": 1.0}),
    "focal_gamma_of_zero": (focal, [5, 3], 1, {"alpha": 1.0, "gamma": 0.0}),
    "mse": (mse, [5, 6], 1, {}),
    "mse_of_large_logits": (mse, [3, 4], 50, {}),
    "bce_with_logits": (bce_with_logits, [6, 5], 1, {}),
    "bce_with_logits_of_large_logits": (bce_with_logits, [4, 6], 60, {}),
    "bce_with_logits_weighted": (bce_with_logits, [7, 5], 1, {"pos_weight": FIVE}),
}

for name, (function, shape, factor, keys) in CASES.items():
    random = generator(name)
    logits = (numbers(random, *shape) * factor).float().double().requires_grad_()
    target = torch.randint(shape[1], (shape[0],), generator=random)
    loss = function(logits, target, "sum", **keys)
    loss.backward()
    mean = function(logits, target, "mean", **keys)
    tensors = {"logits": logits, "target": target, "loss": loss.reshape(1), "mean": mean.reshape(1),
               "grad.logits": logits.grad, "correct": (logits.argmax(1) == target).sum().reshape(1)}
    section = json.dumps({"name": function.__name__, **keys})
    write("Layers", name, "losses.py", {"section": section}, tensors)
