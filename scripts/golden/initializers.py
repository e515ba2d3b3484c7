#!/usr/bin/env python3
"""Golden statistics of initial weights: mean, standard deviation, kurtosis and range of what torch.nn.init draws; whole
tensors where nothing is drawn."""

import json

import torch
from torch.nn import init

from fixtures import seed_of, write

FILTER = [64, 48, 3, 3]
MATRIX = [96, 240]


def kaiming(function, mode="fan_in", nonlinearity="relu", negative_slope=0.0):
    return lambda tensor: function(tensor, a=negative_slope, mode=mode, nonlinearity=nonlinearity)


# The section, the shape and PyTorch's function.
CASES = {
    "kaiming_normal": ({}, FILTER, kaiming(init.kaiming_normal_)),
    "kaiming_normal_fan_out": ({"mode": "fan_out"}, [32, 96, 3, 3], kaiming(init.kaiming_normal_, "fan_out")),
    "kaiming_uniform_leaky": (
        {"nonlinearity": "leaky_relu", "negative_slope": 0.5}, MATRIX,
        kaiming(init.kaiming_uniform_, "fan_in", "leaky_relu", 0.5)),
    "kaiming_uniform_tanh": ({"nonlinearity": "tanh"}, MATRIX, kaiming(init.kaiming_uniform_, "fan_in", "tanh")),
    "kaiming_normal_selu": ({"nonlinearity": "selu"}, MATRIX, kaiming(init.kaiming_normal_, "fan_in", "selu")),
    "kaiming_normal_linear": ({"nonlinearity": "linear"}, MATRIX, kaiming(init.kaiming_normal_, "fan_in", "linear")),
    "xavier_normal": ({"gain": 1.5}, FILTER, lambda tensor: init.xavier_normal_(tensor, 1.5)),
    "xavier_uniform": ({}, MATRIX, init.xavier_uniform_),
    "orthogonal": ({"gain": 2.0}, FILTER, lambda tensor: init.orthogonal_(tensor, 2.0)),
    "orthogonal_tall": ({}, [240, 96], init.orthogonal_),
    "normal": ({"mean": 0.5, "std": 0.25}, MATRIX, lambda tensor: init.normal_(tensor, 0.5, 0.25)),
    "truncated_normal": (
        {"std": 0.5, "lower": -0.75, "upper": 0.5}, MATRIX, lambda tensor: init.trunc_normal_(tensor, 0, 0.5, -0.75, 0.5)),
    "uniform": ({"lower": -1.0, "upper": 3.0}, MATRIX, lambda tensor: init.uniform_(tensor, -1, 3)),
    "constant": ({"value": 0.125}, [3, 4], lambda tensor: init.constant_(tensor, 0.125)),
    "dirac": ({}, [4, 3, 3, 5], init.dirac_),
    "dirac_even": ({}, [2, 3, 4, 2], init.dirac_),
    "dirac_of_clips": ({}, [2, 2, 3, 3, 3], init.dirac_),
}
NAMES = ["kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform", "truncated_normal", "normal", "uniform",
         "orthogonal", "dirac", "constant"]

for case, (keys, shape, function) in CASES.items():
    torch.manual_seed(seed_of(case))
    values = torch.empty(shape, dtype=torch.float64)
    function(values)
    centred = values - values.mean()
    name = next(name for name in NAMES if case.startswith(name))
    tensors = {"shape": torch.tensor(shape), "statistics": torch.stack(
        [values.mean(), values.std(correction=0), (centred**4).mean() / (centred**2).mean() ** 2,
         values.min(), values.max()])}
    if values.numel() <= 256:
        tensors["values"] = values
    write("Layers", f"initializer_{case}", "initializers.py", {"section": json.dumps({"name": name, **keys})}, tensors)
