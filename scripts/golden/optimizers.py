#!/usr/bin/env python3
"""Golden values of ten optimizer steps, and of gradient clipping."""

import torch

from fixtures import generator, numbers, write

STEPS = 10
SHAPES = {"matrix": (5, 7), "vector": (19,), "number": (1,)}

SGD = {
    "sgd": {"learning_rate": 0.1},
    "sgd_decayed": {"learning_rate": 0.1, "weight_decay": 0.01},
    "sgd_momentum": {"learning_rate": 0.05, "momentum": 0.9},
    "sgd_momentum_decayed": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.02},
    "sgd_dampened": {"learning_rate": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.001},
    "sgd_fully_dampened": {"learning_rate": 0.05, "momentum": 0.8, "dampening": 1.0},
    "sgd_nesterov": {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    "sgd_nesterov_decayed": {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
}

for name, settings in SGD.items():
    random = generator(name)
    parameters = {key: numbers(random, *shape).requires_grad_() for key, shape in SHAPES.items()}
    options = {key: value for key, value in settings.items() if key != "learning_rate"}
    optimizer = torch.optim.SGD(parameters.values(), lr=settings["learning_rate"], **options)
    tensors = {f"parameter.{key}": value.detach().clone() for key, value in parameters.items()}
    history = {}
    for step in range(STEPS):
        for key, parameter in parameters.items():
            parameter.grad = numbers(random, *parameter.shape)
            history.setdefault(f"steps.grad.{key}", []).append(parameter.grad.clone())
        optimizer.step()
        for key, parameter in parameters.items():
            history.setdefault(f"steps.parameter.{key}", []).append(parameter.detach().clone())
            if "momentum" in settings:
                buffer = optimizer.state[parameter]["momentum_buffer"]
                history.setdefault(f"steps.momentum_buffer.{key}", []).append(buffer.clone())
    tensors |= {key: torch.stack(values) for key, values in history.items()}
    defaults = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
    write("Optimizers", name, "optimizers.py", {"name": "sgd", "steps": STEPS, **defaults, **settings}, tensors)

# The bound of the norm; the gradients' norm is about 7.
for name, bound in {"clip_large": 0.5, "clip_slightly": 6.0, "clip_not_at_all": 100.0}.items():
    random = generator(name)
    parameters = {key: torch.zeros(shape).double() for key, shape in SHAPES.items()}
    tensors = {}
    for key, parameter in parameters.items():
        parameter.grad = numbers(random, *parameter.shape)
        tensors[f"grad.{key}"] = parameter.grad.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters.values(), bound)
    tensors["norm"] = norm.reshape(1)
    for key, parameter in parameters.items():
        tensors[f"clipped.{key}"] = parameter.grad
    write("Optimizers", name, "optimizers.py", {"maximum_norm": bound}, tensors)
