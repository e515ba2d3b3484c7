"""Compares convoy's gradients with PyTorch's: loss, logits, each gradient and each buffer, in float32.

For each network, twice: PyTorch takes what `convoy init` wrote, strictly, and `convoy gradients` takes what PyTorch
saved. An error is the norm of the difference over the norm of PyTorch's tensor. Gradients that are zero but for rounding,
as those of a bias before a batch norm, have no such error and are left out; a float64 pass tells them apart.

Rounding can tip a ReLU whose input is next to zero, and then gradients differ by up to a hundredth, between PyTorch in
float32 and in float64 as well. A fault shows in every batch, a tipped ReLU in few: the batch with the smallest of the
largest errors counts. Gradients that PyTorch itself does not find in float32 in any of these batches, being all but
zero by cancellation, are left out; the column `torch` shows its error in the others. `left out` counts the gradients
that were not compared, `drawn` the most batches that one comparison took.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from layer_lists import LAYER_LISTS
from networks import CLIPS, NETWORKS, PACKED

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {"direct": 1e-4, "auto": 1e-3}
CLASSES = 10
VANISHING = 1e-12
# How many batches are compared, and what PyTorch in float32 must find of a gradient in one of them.
DRAWS, STABLE = 6, 2e-5


def relative(found, expected):
    """The norm of the difference over the norm."""
    norm = expected.double().norm()
    return float((found.double() - expected.double()).norm() / norm) if norm > 0 else float(found.double().norm())


def gradients(model, batch, dtype):
    """What `convoy gradients` is to write, from PyTorch; the model's buffers move."""
    model = model.to(dtype).train()
    arguments = [batch["input"].to(dtype)] + ([batch["lengths"]] if "lengths" in batch else [])
    model.zero_grad()
    logits = model(*arguments)
    loss = functional.cross_entropy(logits, batch["target"])
    loss.backward()
    result = {"loss": loss.detach().reshape(1), "logits": logits.detach()}
    result |= {f"grad.{name}": value.grad.clone() for name, value in model.named_parameters()}
    return result | {f"buffer.{name}": value.clone() for name, value in model.named_buffers()}


class Comparison:
    def __init__(self, program, folder, name, shape, make, section):
        self.program, self.folder, self.name, self.shape, self.make = program, Path(folder), name, shape, make
        self.section = section
        self.errors = {}
        self.left_out, self.drawn = set(), 0

    def convoy(self, *arguments):
        process = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)
        if process.returncode != 0:
            sys.exit(f"{self.name}: convoy {arguments[0]} ended with {process.returncode}: {process.stderr.strip()}")

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
        for weights in ("initial", "saved"):
            self.compare(config, self.path(weights))
        return self.errors

    def note(self, column, error, name):
        self.errors[column] = max(self.errors.get(column, (0.0, "")), (error, name))

    def passes(self, weights, batch):
        """PyTorch's results in float32, and by name their errors against float64; vanishing gradients left out."""
        results = []
        for dtype in (torch.float32, torch.float64):
            model = self.make()
            model.load_state_dict(load_file(weights), strict=True)
            results.append(gradients(model, batch, dtype))
        single, double = results
        largest = max(value.norm() for name, value in double.items() if name.startswith("grad."))
        names = [name for name, value in double.items()
                 if not name.startswith("grad.") or value.norm() >= VANISHING * largest]
        return single, {name: relative(single[name], double[name]) for name in names}

    def compare(self, config, weights):
        batches = [batch_of(self.name, self.shape, seed) for seed in range(DRAWS)]
        expected, own = zip(*[self.passes(weights, batch) for batch in batches])
        names = [name for name in own[0] if min(errors.get(name, 1) for errors in own) <= STABLE]
        self.left_out |= expected[0].keys() - set(names)
        self.note("torch", *min(max((errors.get(name, 0), name) for name in names) for errors in own))
        for algorithm in LIMITS:
            draws = []
            for batch, values in zip(batches, expected):
                found = self.gradients(config, weights, batch, algorithm)
                self.check_kinds(found, values)
                draws.append(max((relative(found[name], values[name]), name) for name in names))
                if draws[-1][0] <= STABLE:
                    break
            self.drawn = max(self.drawn, len(draws))
            self.note(algorithm, *min(draws))

    def gradients(self, config, weights, batch, algorithm):
        save_file(batch, self.path("batch"))
        self.convoy("gradients", "--config", config, "--weights", weights, "--batch", self.path("batch"),
                    "--output", self.path("output"), f"engine.convolution={algorithm}")
        return load_file(self.path("output"))

    def check_kinds(self, found, expected):
        if found.keys() != expected.keys():
            sys.exit(f"{self.name}: these tensors are not in both: {sorted(found.keys() ^ expected.keys())}")
        for name, value in expected.items():
            if found[name].shape != value.shape or found[name].dtype != value.dtype:
                sys.exit(f"{self.name}: {name} is {found[name].dtype} {tuple(found[name].shape)}, "
                         f"not {value.dtype} {tuple(value.shape)}")


def batch_of(name, shape, seed):
    """Random samples, targets and, for networks that look at them, lengths."""
    random = torch.Generator().manual_seed(seed)
    batch = {"input": torch.randn(*shape, generator=random),
             "target": torch.randint(CLASSES, (shape[0],), generator=random)}
    if name in PACKED:
        batch["lengths"] = torch.tensor([shape[1] // 2, shape[1], 1] + [2] * (shape[0] - 3))
    return batch


def cases(batch):
    """By name: the shape of a batch, the function that makes the PyTorch module, and the `model` section."""
    for name, make in NETWORKS.items():
        # The smaller an image, the fewer the ReLUs that might tip; these networks have thousands and take any size.
        side = 8 if name in ("resnet20", "resnet18", "mobilenet") else 32
        shape = (batch, 6, 3, side, side) if name in CLIPS else (batch, 3, side, side)
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
    columns = ["torch", *LIMITS]
    print(f"{'network':36}" + "".join(f"{column:>10}" for column in columns)
          + "  left out  drawn  the tensor with the largest error")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or known:
            comparison = Comparison(options.convoy, folder, *known[name])
            errors = comparison.run()
            passes = all(errors[algorithm][0] <= limit for algorithm, limit in LIMITS.items())
            failed |= not passes
            print(f"{name:36}" + "".join(f"{errors[column][0]:10.1e}" for column in columns)
                  + f"{len(comparison.left_out):10}{comparison.drawn:7}  {errors['auto'][1]}"
                  + ("" if passes else "  TOO LARGE"), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
