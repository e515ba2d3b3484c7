#!/usr/bin/env python3
"""Golden values of ten optimizer steps, of gradient clipping, and of the moving average of the weights.

LARS and LAMB are written out below from their papers; the other rules are PyTorch's own.
"""

import json

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fixtures import generator, numbers, write

STEPS = 10
SHAPES = {"matrix": (5, 7), "vector": (19,), "number": (1,)}


class LARS(torch.optim.Optimizer):
    """You, Gitman and Ginsburg 2017, algorithm 1; the trust ratio is 1 where a norm is 0."""

    def __init__(self, parameters, lr, momentum=0.9, trust_coefficient=0.001, weight_decay=5e-4):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "trust_coefficient": trust_coefficient,
                                      "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                v = self.state[w].setdefault("momentum_buffer", torch.zeros_like(w))
                norm, gradient_norm = w.norm(), w.grad.norm()
                ratio = 1
                if norm > 0 and gradient_norm > 0 and group.get("trust", True):
                    ratio = group["trust_coefficient"] * norm / (gradient_norm + group["weight_decay"] * norm)
                v.mul_(group["momentum"]).add_(group["lr"] * ratio * (w.grad + group["weight_decay"] * w))
                w.sub_(v)


class LAMB(torch.optim.Optimizer):
    """You et al. 2020, algorithm 2 with φ the identity; the trust ratio is 1 where a norm is 0."""

    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01):
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            first, second = group["betas"]
            for x in group["params"]:
                state = self.state[x]
                if not state:
                    state |= {"step": 0, "exp_avg": torch.zeros_like(x), "exp_avg_sq": torch.zeros_like(x)}
                state["step"] += 1
                state["exp_avg"].mul_(first).add_((1 - first) * x.grad)
                state["exp_avg_sq"].mul_(second).add_((1 - second) * x.grad**2)
                m = state["exp_avg"] / (1 - first ** state["step"])
                v = state["exp_avg_sq"] / (1 - second ** state["step"])
                direction = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * x
                ratio = 1
                if x.norm() > 0 and direction.norm() > 0 and group.get("trust", True):
                    ratio = x.norm() / direction.norm()
                x.sub_(group["lr"] * ratio * direction)


RULES = {
    "sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop,
    "lars": LARS, "lamb": LAMB,
}
PLAIN = {"nesterov": False, "weight_decay": 0.0}
GROUPS = [{"match": "ve*", "weight_decay": 0.0, "learning_rate_factor": 2.0}, {"match": "*", "weight_decay": 0.3}]

# The rule and its keys; what is left out has the rule's default.
CASES = {
    "sgd": ("sgd", {"learning_rate": 0.1, "momentum": 0.0, **PLAIN}),
    "sgd_decayed": ("sgd", {"learning_rate": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.01}),
    "sgd_momentum": ("sgd", {"learning_rate": 0.05, "momentum": 0.9, **PLAIN}),
    "sgd_momentum_decayed": ("sgd", {"momentum": 0.9, "nesterov": False, "weight_decay": 0.02}),
    "sgd_dampened": ("sgd", {"momentum": 0.8, "dampening": 0.3, "nesterov": False, "weight_decay": 0.001}),
    "sgd_fully_dampened": ("sgd", {"momentum": 0.8, "dampening": 1.0, **PLAIN}),
    "sgd_nesterov": ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.0}),
    "sgd_by_default": ("sgd", {}),
    "adam": ("adam", {}),
    "adam_decayed": ("adam", {"learning_rate": 0.02, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1}),
    "adamw": ("adamw", {}),
    "adamw_decayed": ("adamw", {"learning_rate": 0.05, "betas": [0.0, 0.9], "weight_decay": 0.5}),
    "rmsprop": ("rmsprop", {}),
    "rmsprop_momentum": ("rmsprop", {"learning_rate": 0.005, "momentum": 0.9, "weight_decay": 0.1, "eps": 1e-4}),
    "rmsprop_centered": ("rmsprop", {"alpha": 0.9, "centered": True}),
    "rmsprop_centered_momentum": ("rmsprop", {"alpha": 0.9, "centered": True, "momentum": 0.7, "weight_decay": 0.01}),
    "lars": ("lars", {}),
    "lars_decayed": ("lars", {"learning_rate": 1.0, "momentum": 0.5, "trust_coefficient": 0.1, "weight_decay": 0.2}),
    "lamb": ("lamb", {}),
    "lamb_decayed": ("lamb", {"learning_rate": 0.05, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.3}),
    "sgd_groups": ("sgd", {"weight_decay": 0.1, "groups": GROUPS}),
    "adamw_groups": ("adamw", {"learning_rate": 0.01, "groups": GROUPS}),
    "lamb_groups": ("lamb", {"learning_rate": 0.01, "groups": GROUPS}),
    "adamw_exempt": ("adamw", {"learning_rate": 0.05, "weight_decay": 0.5, "decay_bias_and_norms": False}),
    "lars_exempt": ("lars", {"decay_bias_and_norms": False}),
    "lamb_exempt": ("lamb", {"decay_bias_and_norms": False}),
    "sgd_clipped_by_value": ("sgd", {}),
    "lars_clipped_by_value": ("lars", {}),
    "lamb_clipped_by_value": ("lamb", {}),
}
# Convoy's defaults where they are not PyTorch's.
DEFAULTS = {
    "sgd": {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
    "adam": {"learning_rate": 1e-3}, "adamw": {"learning_rate": 1e-3}, "rmsprop": {"learning_rate": 1e-2},
    "lars": {"learning_rate": 0.1}, "lamb": {"learning_rate": 1e-3},
}


def settings(name, rule, keys):
    """A parameter's options in PyTorch's words."""
    options = DEFAULTS[rule] | keys
    groups, decays = options.pop("groups", []), options.pop("decay_bias_and_norms", True)
    group = next((group for group in groups if group["match"] == "*" or name.startswith(group["match"][:-1])), {})
    options["lr"] = options.pop("learning_rate") * group.get("learning_rate_factor", 1)
    if not decays and len(SHAPES[name]) < 2:
        options |= {"weight_decay": 0.0, "trust": False} if rule in ("lars", "lamb") else {"weight_decay": 0.0}
    if "weight_decay" in group:
        options["weight_decay"] = group["weight_decay"]
    if "betas" in options:
        options["betas"] = tuple(options["betas"])
    return options


for name, (rule, keys) in CASES.items():
    random = generator(name)
    bound = 0.75 if name.endswith("clipped_by_value") else None
    parameters = {key: numbers(random, *shape).requires_grad_() for key, shape in SHAPES.items()}
    optimizer = RULES[rule]([{"params": [parameter], **settings(key, rule, keys)} for key, parameter in parameters.items()],
                            lr=DEFAULTS[rule]["learning_rate"])
    tensors = {f"parameter.{key}": value.detach().clone() for key, value in parameters.items()}
    history = {}
    for step in range(STEPS):
        for key, parameter in parameters.items():
            parameter.grad = numbers(random, *parameter.shape)
            history.setdefault(f"steps.grad.{key}", []).append(parameter.grad.clone())
        if bound:
            torch.nn.utils.clip_grad_value_(parameters.values(), bound)
        optimizer.step()
        for key, parameter in parameters.items():
            history.setdefault(f"steps.parameter.{key}", []).append(parameter.detach().clone())
            for slot, value in optimizer.state[parameter].items():
                if slot != "step" and value is not None:
                    history.setdefault(f"steps.{slot}.{key}", []).append(value.clone())
    tensors |= {key: torch.stack(values) for key, values in history.items()}
    section = json.dumps({"name": rule, **keys})
    write("Optimizers", f"optimizer_{name}", "optimizers.py",
          {"section": section, "steps": STEPS, "maximum_value": bound}, tensors)

# The bound of the norm, whose value is about 7, and of the elements.
for name, (norm_bound, value_bound) in {
    "clip_large": (0.5, None), "clip_slightly": (6.0, None), "clip_not_at_all": (100.0, None),
    "clip_by_value": (None, 0.5), "clip_by_both": (3.0, 0.25),
}.items():
    random = generator(name)
    parameters = {key: torch.zeros(shape).double() for key, shape in SHAPES.items()}
    tensors = {}
    for key, parameter in parameters.items():
        parameter.grad = numbers(random, *parameter.shape)
        tensors[f"grad.{key}"] = parameter.grad.clone()
    if norm_bound:
        torch.nn.utils.clip_grad_norm_(parameters.values(), norm_bound)
    if value_bound:
        torch.nn.utils.clip_grad_value_(parameters.values(), value_bound)
    for key, parameter in parameters.items():
        tensors[f"clipped.{key}"] = parameter.grad
    bounds = {"maximum_norm": norm_bound, "maximum_value": value_bound}
    write("Optimizers", name, "optimizers.py", bounds, tensors)

# A moving average of parameters and buffers along ten steps of plain descent.
model = torch.nn.BatchNorm1d(5).double()
random = generator("average")
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
history = {}
for step in range(STEPS):
    for key, parameter in model.named_parameters():
        parameter.grad = numbers(random, *parameter.shape)
        history.setdefault(f"steps.grad.{key}", []).append(parameter.grad.clone())
    for key, statistic in {"running_mean": numbers(random, 5), "running_var": numbers(random, 5) ** 2}.items():
        getattr(model, key).lerp_(statistic, 0.1)
        history.setdefault(f"steps.statistic.{key}", []).append(statistic)
    optimizer.step()
    average.update_parameters(model)
    for key, value in average.module.state_dict().items():
        if value.is_floating_point():
            history.setdefault(f"steps.average.{key}", []).append(value.clone())
write("Optimizers", "average", "optimizers.py", {"decay": 0.9, "learning_rate": 0.5},
      {key: torch.stack(values) for key, values in history.items()})
