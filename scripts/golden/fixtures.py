"""What the golden scripts share: the pinned version of PyTorch, seeded numbers and the way fixtures are written."""

import json
import sys
import zlib
from pathlib import Path

try:
    import numpy as np
    import torch
    from safetensors.torch import save
except ImportError as error:
    sys.exit(f"golden fixtures need PyTorch: {error}; install scripts/golden/requirements.txt and name it by PYTHON=…")

TORCH = "2.15.0"
if torch.__version__.split("+")[0] != TORCH:
    sys.exit(f"golden fixtures are made with PyTorch {TORCH}, found {torch.__version__}; "
             "install scripts/golden/requirements.txt")

TESTS = Path(__file__).resolve().parents[2] / "Tests"
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def seed_of(name):
    """The seed of a case, from its name, so that cases do not depend on each other."""
    return zlib.crc32(name.encode())


def generator(name):
    """The random numbers of a case."""
    return torch.Generator().manual_seed(seed_of(name))


def numbers(random, *shape):
    """Normal numbers, drawn in float32 so that Convoy reads the very same, computed with in float64."""
    return torch.randn(*shape, generator=random).double()


def redraw(module, random):
    """Draws parameters and running statistics anew, away from PyTorch's initial ones and zeros, exact in float32."""
    with torch.no_grad():
        for parameter in module.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.copy_(numbers(random, *parameter.shape) / fan_in**0.5)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(numbers(random, *buffer.shape))
            if name.endswith("running_var"):
                buffer.copy_(numbers(random, *buffer.shape) ** 2 + 0.5)
    module.float().double()


def write(target, name, script, parameters, tensors):
    """Writes Tests/<target>Tests/Fixtures/<name>.safetensors; numbers as float32 unless they are integers or `exact`."""
    stored = {}
    for key, tensor in tensors.items():
        tensor = torch.as_tensor(tensor).detach()
        keeps = not tensor.is_floating_point() or key.startswith("exact.")
        stored[key] = (tensor if keeps else tensor.float()).contiguous()
    # One key of metadata: the order of several is not fixed, and equal inputs are to give equal files.
    case = {"script": f"scripts/golden/{script}", "torch": TORCH, "seed": seed_of(name), "parameters": parameters}
    data = save(stored, metadata={"case": json.dumps(case, sort_keys=True)})
    folder = TESTS / f"{target}Tests" / "Fixtures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.safetensors").write_bytes(data)
