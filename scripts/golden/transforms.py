"""What Pillow and torchvision make of an image."""

import numpy as np
import torch

import fixtures

try:
    import torchvision.transforms.functional as F
    from PIL import Image, ImageOps
    from torchvision.transforms import v2
except ImportError as error:
    fixtures.sys.exit(f"transform fixtures need torchvision and Pillow: {error}; "
                      "install scripts/golden/requirements.txt")

random = fixtures.generator("transforms")
image = torch.randint(0, 256, (11, 14, 3), generator=random, dtype=torch.uint8)
# Smooth in a part, so that hues and saturations of every kind occur, grey ones too.
image[:4] = (image[:4].float() * 0.2 + 100).to(torch.uint8)
image[4, :, :] = image[4, :, :1]
planes = image.permute(2, 0, 1)
picture = Image.fromarray(image.numpy())


def pixels(result):
    if isinstance(result, torch.Tensor):
        return result.permute(1, 2, 0)
    return torch.tensor(np.array(result))


tensors = {"image": image}
for height, width in [(7, 9), (22, 28), (11, 5), (30, 14), (25, 8)]:
    tensors[f"resize.{height}.{width}"] = pixels(picture.resize((width, height), Image.Resampling.BILINEAR))
tensors["greyscale"] = pixels(picture.convert("L"))
tensors["equalize"] = pixels(ImageOps.equalize(Image.fromarray(image.numpy().repeat(6, axis=0))))
tensors["center_crop"] = pixels(F.center_crop(planes, [8, 8]))
tensors["pad"] = pixels(F.pad(planes, [2, 2, 2, 2]))
for factor in (0.4, 1.7):
    tensors[f"brightness.{factor}"] = pixels(F.adjust_brightness(planes, factor))
    tensors[f"contrast.{factor}"] = pixels(F.adjust_contrast(planes, factor))
    tensors[f"saturation.{factor}"] = pixels(F.adjust_saturation(planes, factor))
for turn in (-0.37, 0.21):
    tensors[f"hue.{turn}"] = pixels(F.adjust_hue(planes, turn))

batch = fixtures.numbers(random, 4, 3, 6, 8).float()
labels = torch.arange(4)
torch.manual_seed(3)
mixup = v2.MixUp(alpha=1.0, num_classes=4)
parameters = {"labels": labels, "batch_size": 4} | mixup.make_params([batch, labels])
mixed, targets = mixup.transform(batch, parameters), parameters["lam"]
tensors["batch"] = batch
tensors["mixup"] = mixed
tensors["exact.mixup_weight"] = torch.tensor([targets], dtype=torch.float32)
radius = (int(0.35 * 8), int(0.35 * 6))
box = (max(0, 4 - radius[0]), max(0, 3 - radius[1]), min(8, 4 + radius[0]), min(6, 3 + radius[1]))
cutmix = v2.CutMix(alpha=1.0, num_classes=4)
weight = 1.0 - float((box[2] - box[0]) * (box[3] - box[1])) / (8 * 6)
tensors["cutmix"] = cutmix.transform(batch, {"box": box, "lam_adjusted": weight, "labels": labels, "batch_size": 4})
tensors["exact.cutmix_weight"] = torch.tensor([weight], dtype=torch.float32)
fixtures.write("Datasets", "transforms", "transforms.py", {"torchvision": "0.29.2", "pillow": "13.0.0"}, tensors)
