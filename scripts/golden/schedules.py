#!/usr/bin/env python3
"""Golden learning rates, step by step, in float64.

PyTorch steps CosineAnnealingLR and LinearLR by a recursion on the last rate, Convoy computes the closed form. The two
differ by rounding only, which is checked here to 1e-12 of the base rate.
"""

import math

import torch
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR

from fixtures import write

CASES = {
    "schedule_constant": {"name": "constant", "rate": 0.05, "warmup": 0, "total": 20},
    "schedule_constant_warmed": {"name": "constant", "rate": 0.1, "warmup": 7, "total": 20},
    "schedule_cosine": {"name": "cosine", "rate": 0.1, "warmup": 0, "total": 33},
    "schedule_cosine_warmed": {"name": "cosine", "rate": 0.4, "warmup": 10, "total": 101},
    "schedule_cosine_warmed_by_one": {"name": "cosine", "rate": 0.05, "warmup": 1, "total": 12},
}


def closed_form(name, rate, warmup, total, step):
    if step < warmup:
        return rate * (step + 1) / (warmup + 1)
    return rate if name == "constant" else rate * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


for case, p in CASES.items():
    name, rate, warmup, total = p["name"], p["rate"], p["warmup"], p["total"]
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=rate)
    after = (ConstantLR(optimizer, factor=1) if name == "constant"
             else CosineAnnealingLR(optimizer, T_max=total - warmup))
    scheduler = after
    if warmup:
        linear = LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        scheduler = SequentialLR(optimizer, [linear, after], milestones=[warmup])
    rates = []
    for step in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        difference = abs(rates[-1] - closed_form(name, rate, warmup, total, step))
        assert difference <= 1e-12 * rate, f"{case} step {step}: {difference}"
    write("Optimizers", case, "schedules.py", p, {"exact.rates": torch.tensor(rates, dtype=torch.float64)})
