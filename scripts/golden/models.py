#!/usr/bin/env python3
"""Golden values of whole models in float64.

Two models with everything: loss, logits, every gradient and the updated buffers; filters and matrices take Convoy's own
initial values for the case's seed, computed in random_stream.py, vectors are drawn here and stored, so that biases and
batch norms are not at their initial zeros and ones. The small model is stored whole.

All models of the catalogue with loss and logits of three steps of gradient descent from Convoy's own initial values.
"""

import torch
from torch.nn import functional

from fixtures import generator, numbers, redraw, seed_of, write
from initial_values import initialize
from networks import CLIPS, NETWORKS, PACKED
from random_stream import initial

# [N, C, H, W], classes, label smoothing, whether all parameters are stored.
CASES = {
    "simple_cnn": ([4, 3, 7, 6], 10, 0.0, True),
    "resnet20": ([3, 3, 12, 10], 7, 0.125, False),
}

for name, (shape, classes, smoothing, stores_all) in CASES.items():
    random = generator(name)
    model = NETWORKS[name](shape[1:], classes).double()
    redraw(model, random)
    tensors = {}
    for index, (key, parameter) in enumerate(model.named_parameters()):
        if parameter.dim() > 1 and not stores_all:
            parameter.data = torch.from_numpy(initial(seed_of(name), index, parameter.shape)).double()
        else:
            tensors[f"parameter.{key}"] = parameter.detach().clone()
    tensors |= {f"buffer.{key}": value.clone() for key, value in model.named_buffers()}
    x = numbers(random, *shape)
    target = torch.randint(classes, (shape[0],), generator=random)
    logits = model(x)
    loss = functional.cross_entropy(logits, target, label_smoothing=smoothing, reduction="sum")
    loss.backward()
    tensors |= {"input": x, "target": target, "logits": logits, "loss": loss.reshape(1)}
    tensors |= {f"grad.{key}": value.grad for key, value in model.named_parameters()}
    tensors |= {f"updated.{key}": value.clone() for key, value in model.named_buffers()}
    parameters = {"model": name, "classes": classes, "label_smoothing": smoothing}
    write("Models", name, "models.py", parameters, tensors)

STEPS, RATE = 3, 0.01
# Steep at its initial parameters: a ReLU tipped by rounding in the first step would show in the next ones.
RATES = {"resnet18": 1e-5}

for name, make in NETWORKS.items():
    case = f"training_{name}"
    random = generator(case)
    # Sizes that halvings do not divide, except where a network needs 32 pixels.
    side = (32, 35) if name == "resnet9" else (10, 13)
    shape = [3, 5, 2, *side] if name in CLIPS else [3, 2, *side]
    model = make(shape[1:], 4).double()
    initialize(model, seed_of(case))
    x = numbers(random, *shape)
    target = torch.randint(4, (3,), generator=random)
    arguments = [x]
    tensors = {"input": x, "target": target}
    if name in PACKED:
        tensors["lengths"] = torch.tensor([2, 5, 1])
        arguments.append(tensors["lengths"])
    losses = []
    rate = RATES.get(name, RATE)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    for step in range(STEPS):
        logits = model(*arguments)
        loss = functional.cross_entropy(logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        tensors[f"logits.{step}"] = logits
    tensors["losses"] = torch.stack(losses)
    write("Models", case, "models.py", {"model": name, "classes": 4, "rate": rate}, tensors)
