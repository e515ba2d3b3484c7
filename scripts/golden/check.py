"""Compares convoy's gradients with PyTorch's: loss, logits, each gradient and each buffer, on one fixed batch.

For each network, twice: PyTorch takes what `convoy init` wrote, strictly, and `convoy gradients` takes what PyTorch
saved. An error is the norm of the difference over the norm of PyTorch's tensor; a gradient that is all but zero by
cancellation, as that of a bias before a batch norm, is measured by the norm of the largest gradient times FLOOR.

Rounding can tip a ReLU whose input is next to zero, or a maximum of two values next to each other, and one of them
changes gradients by up to a hundredth, between PyTorch's own float32 and float64 as well (decisions.py). So two
comparisons are made: `plain` with PyTorch in float32, and `held` with PyTorch in float64 and all decisions as convoy
made them, which must stay within the limits. `tipped` counts the decisions that PyTorch in float32 made otherwise, and
`margin` is how far the farthest of those held was from a tie in float64, as a share of its layer's root mean square: it
must be rounding, too. Decisions are seen in a pass of their own, since observed layers are computed one by one. `torch`
is PyTorch's own float32, held in the same way.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from decisions import Holding, Recording, like
from layer_lists import LAYER_LISTS
from networks import CLIPS, NETWORKS

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {"direct": 1e-4, "auto": 1e-3}
CLASSES = 10
# How far from a tie a decision may have been that went otherwise, and what counts as a gradient, as shares.
MARGIN, FLOOR = 1e-3, 1e-3


def gradients(model, batch, mode):
    """What `convoy gradients` is to write, from PyTorch under a mode of decisions; the model's buffers move."""
    model.train()
    arguments = [batch["input"].to(next(model.parameters()).dtype)]
    arguments += [batch["lengths"]] if "lengths" in batch else []
    with mode:
        logits = model(*arguments)
    loss = functional.cross_entropy(logits, batch["target"])
    loss.backward()
    result = {"loss": loss.detach().reshape(1), "logits": logits.detach()}
    result |= {f"grad.{name}": value.grad for name, value in model.named_parameters()}
    return result | {f"buffer.{name}": value.clone() for name, value in model.named_buffers()}


def largest_error(found, expected):
    """The largest error of all tensors, and its name."""
    norms = {name: float(value.double().norm()) for name, value in expected.items()}
    floor = FLOOR * max(norm for name, norm in norms.items() if name.startswith("grad."))
    return max((float((found[name].double() - value.double()).norm())
                / (max(norms[name], floor) if name.startswith("grad.") else norms[name] or 1), name)
               for name, value in expected.items())


class Comparison:
    def __init__(self, program, folder, name, shape, make, section):
        self.program, self.folder, self.name, self.shape, self.make = program, Path(folder), name, shape, make
        self.section = section
        self.worst = {}

    def convoy(self, *arguments):
        process = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)
        if process.returncode != 0:
            sys.exit(f"{self.name}: convoy {arguments[0]} ended with {process.returncode}: {process.stderr.strip()}")
        return process.stdout

    def path(self, name):
        return str(self.folder / f"{self.name}-{name}")

    def run(self):
        data = "moving_shapes" if len(self.shape) == 5 else "shapes"
        config = self.path("config.yaml")
        Path(config).write_text(f"run: {{seed: 11}}\ndata: {{name: {data}}}\nmodel: {self.section}\n")
        self.convoy("init", "--config", config, "--output", self.path("initial"))
        torch.manual_seed(12)
        fresh = self.make()
        for name, buffer in fresh.named_buffers():
            if name.endswith("running_var"):
                buffer.copy_(torch.rand_like(buffer) + 0.5)
        save_file({name: value.contiguous() for name, value in fresh.state_dict().items()}, self.path("saved"))
        layers = [line.split()[:2] for line in self.convoy("model", "--config", config).splitlines()[1:-1]]
        rectifiers = [path for path, kind in layers if kind == "relu"]
        pooled = [before[0] for before, after in zip(layers, layers[1:]) if after[1].startswith("max_pool")]
        for weights in ("initial", "saved"):
            self.compare(config, self.path(weights), rectifiers, pooled)
        return self.worst

    def note(self, column, value):
        self.worst[column] = max(self.worst.get(column, value), value)

    def compare(self, config, weights, rectifiers, pooled):
        batch = batch_of(self.name, self.shape)
        save_file(batch, self.path("batch"))
        recording = Recording()
        single = gradients(self.module(weights, torch.float32), batch, recording)
        held = self.hold(weights, batch, recording.rectified, recording.pooled)[0]
        self.note("torch", largest_error(single, held))
        for algorithm in LIMITS:
            found = self.gradients(config, weights, algorithm)
            self.check_kinds(found, single)
            observed = self.gradients(config, weights, algorithm, *dict.fromkeys(rectifiers + pooled))
            decisions = [[observed[f"output.{layer}"] for layer in kind] for kind in (rectifiers, pooled)]
            held, margin = self.hold(weights, batch, *decisions)
            self.note(f"{algorithm} plain", largest_error(found, single))
            self.note(f"{algorithm} held", largest_error(found, held))
            self.note(f"{algorithm} tipped", sum(
                int((like(ours, theirs) > 0).ne(theirs > 0).sum())
                for ours, theirs in zip(decisions[0], recording.rectified, strict=True)))
            self.note("margin", margin)

    def gradients(self, config, weights, algorithm, *layers):
        self.convoy("gradients", "--config", config, "--weights", weights, "--batch", self.path("batch"),
                    "--output", self.path("output"), f"engine.convolution={algorithm}",
                    *[word for layer in layers for word in ("--layer", layer)])
        return load_file(self.path("output"))

    def module(self, weights, dtype):
        model = self.make()
        model.load_state_dict(load_file(weights), strict=True)
        return model.to(dtype)

    def hold(self, weights, batch, rectified, pooled):
        """PyTorch's results in float64 with the decisions of another pass, and the margin of those that went otherwise."""
        holding = Holding(rectified, pooled)
        return gradients(self.module(weights, torch.float64), batch, holding), holding.margin

    def check_kinds(self, found, expected):
        if found.keys() != expected.keys():
            sys.exit(f"{self.name}: these tensors are not in both: {sorted(found.keys() ^ expected.keys())}")
        for name, value in expected.items():
            if found[name].shape != value.shape or found[name].dtype != value.dtype:
                sys.exit(f"{self.name}: {name} is {found[name].dtype} {tuple(found[name].shape)}, "
                         f"not {value.dtype} {tuple(value.shape)}")


def batch_of(name, shape):
    """Random samples, targets and, for networks that look at them, lengths."""
    random = torch.Generator().manual_seed(0)
    batch = {"input": torch.randn(*shape, generator=random),
             "target": torch.randint(CLASSES, (shape[0],), generator=random)}
    if "packed" in name:
        batch["lengths"] = torch.tensor([shape[1] // 2, shape[1], 1] + [2] * (shape[0] - 3))
    return batch


def cases(batch):
    """By name: the shape of a batch, the function that makes the PyTorch module, and the `model` section."""
    for name, make in NETWORKS.items():
        shape = (batch, 6, 3, 32, 32) if name in CLIPS else (batch, 3, 32, 32)
        yield name, shape, lambda make=make, shape=shape: make(shape[1:], CLASSES), f"{{name: {name}}}"
    for name, (shape, make, section) in LAYER_LISTS.items():
        yield name, (batch, *shape), make, section


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="networks and lists to compare; without any, all")
    parser.add_argument("--convoy", default=str(ROOT / ".build/release/convoy"), help="the program")
    parser.add_argument("--batch", type=int, default=4, help="samples, at least 3")
    options = parser.parse_args()
    known = {case[0]: case for case in cases(options.batch)}
    if unknown := [name for name in options.names if name not in known]:
        sys.exit(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    torch.set_num_threads(1)
    failed = False
    print(f"{'network':36}{'torch':>9}" + "".join(
        f"{f'{algorithm}:':>9}{'held':>8}{'plain':>9}{'tipped':>8}" for algorithm in LIMITS)
        + f"{'margin':>9}  the tensor with the largest error held in auto")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or known:
            worst = Comparison(options.convoy, folder, *known[name]).run()
            passes = worst["margin"] <= MARGIN and all(
                worst[f"{algorithm} held"][0] <= limit for algorithm, limit in LIMITS.items())
            failed |= not passes
            print(f"{name:36}{worst['torch'][0]:9.1e}" + "".join(
                f"{worst[f'{algorithm} held'][0]:17.1e}{worst[f'{algorithm} plain'][0]:9.1e}"
                f"{worst[f'{algorithm} tipped']:8}" for algorithm in LIMITS)
                + f"{worst['margin']:9.1e}  {worst['auto held'][1]}" + ("" if passes else "  TOO LARGE"), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
