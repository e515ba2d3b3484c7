#!/usr/bin/env python3
"""Golden learning rates, step by step, in float64, four steps an epoch.

PyTorch steps most schedules by a recursion on the last rate, Convoy computes closed forms; the two differ by rounding
only.
"""

import json
import warnings

import torch
from torch.optim import lr_scheduler as torch_schedules
from torch.optim.lr_scheduler import LinearLR, SequentialLR

from fixtures import write

EPOCH = 4


def steps(epochs):
    return round(epochs * EPOCH)


def one_cycle(optimizer, total, rate, anneal="cosine", **keys):
    forms = {"cosine": "cos", "linear": "linear"}
    return torch_schedules.OneCycleLR(
        optimizer, rate, total_steps=total, anneal_strategy=forms[anneal], cycle_momentum=False, **keys)


# PyTorch's schedule over `total` steps from a base `rate`.
SCHEDULES = {
    "constant": lambda o, total, rate: torch_schedules.ConstantLR(o, factor=1),
    "cosine": lambda o, total, rate, end_factor=0.0: torch_schedules.CosineAnnealingLR(
        o, T_max=total, eta_min=end_factor * rate),
    "linear": lambda o, total, rate, end_factor=0.0: LinearLR(o, 1.0, end_factor, total),
    "polynomial": lambda o, total, rate, power=2.0: torch_schedules.PolynomialLR(o, total, power),
    "step": lambda o, total, rate, step_epochs=30.0, gamma=0.1: torch_schedules.StepLR(o, steps(step_epochs), gamma),
    "multi_step": lambda o, total, rate, milestones, gamma=0.1: torch_schedules.MultiStepLR(
        o, [steps(epochs) for epochs in milestones], gamma),
    "exponential": lambda o, total, rate, gamma=0.95: torch_schedules.ExponentialLR(o, gamma ** (1 / EPOCH)),
    "one_cycle": one_cycle,
}

# The schedule, its keys, the base rate, the steps of the warm-up and of the run.
CASES = {
    "constant": ("constant", {}, 0.05, 0, 20),
    "constant_warmed": ("constant", {}, 0.1, 7, 20),
    "cosine": ("cosine", {}, 0.1, 0, 33),
    "cosine_warmed": ("cosine", {}, 0.4, 10, 101),
    "cosine_warmed_by_one": ("cosine", {}, 0.05, 1, 12),
    "cosine_to_a_tenth": ("cosine", {"end_factor": 0.1}, 0.2, 3, 24),
    "linear": ("linear", {}, 0.1, 0, 25),
    "linear_to_a_fifth_warmed": ("linear", {"end_factor": 0.2}, 0.3, 5, 30),
    "polynomial": ("polynomial", {}, 0.1, 0, 30),
    "polynomial_flat_warmed": ("polynomial", {"power": 0.5}, 0.1, 4, 30),
    "step": ("step", {"step_epochs": 2, "gamma": 0.5}, 0.1, 0, 41),
    "step_of_half_an_epoch_warmed": ("step", {"step_epochs": 0.5, "gamma": 0.9}, 0.1, 3, 20),
    "multi_step": ("multi_step", {"milestones": [2, 5, 7.5]}, 0.1, 0, 40),
    "multi_step_unsorted_warmed": ("multi_step", {"milestones": [6, 1.25, 6], "gamma": 0.3}, 0.1, 8, 40),
    "exponential": ("exponential", {}, 0.1, 0, 30),
    "exponential_warmed": ("exponential", {"gamma": 0.5}, 0.1, 6, 30),
    "one_cycle": ("one_cycle", {}, 0.1, 0, 50),
    "one_cycle_linear": (
        "one_cycle", {"anneal": "linear", "pct_start": 0.45, "div_factor": 10.0, "final_div_factor": 100.0}, 0.2, 0, 41),
}

for case, (name, keys, rate, warmup, total) in CASES.items():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    scheduler = SCHEDULES[name](optimizer, total - warmup, rate, **keys)
    if warmup:
        linear = LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        scheduler = SequentialLR(optimizer, [linear, scheduler], milestones=[warmup])
    rates = []
    for step in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # OneCycleLR says that it ends, and SequentialLR how it steps.
            if step + 1 < total:
                scheduler.step()
    section = json.dumps({"name": name, "warmup_epochs": warmup / EPOCH, **keys})
    write("Optimizers", f"schedule_{case}", "schedules.py", {"section": section, "rate": rate, "total": total},
          {"exact.rates": torch.tensor(rates, dtype=torch.float64)})
