"""Convoy's initial parameters for a seed, so that fixtures of whole networks need not hold any."""

import torch
from torch import nn

from random_stream import PARAMETERS, uniform


def initialize(model, seed):
    """Gives a model the parameters that Convoy draws for `seed`; batch norms keep their ones and zeros."""
    for index, (name, parameter) in enumerate(model.named_parameters()):
        owner = model.get_submodule(name.rpartition(".")[0])
        if isinstance(owner, nn.RNNBase):
            fan_in = owner.hidden_size
        elif isinstance(owner, (nn.Conv2d, nn.Conv3d, nn.Linear)):
            fan_in = owner.weight[0].numel()
        else:
            continue
        values = uniform(seed, [PARAMETERS, index], float(fan_in) ** -0.5, parameter.numel())
        parameter.data = torch.from_numpy(values).double().reshape(parameter.shape)
