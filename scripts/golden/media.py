"""Pictures and videos for the tests of decoding, with the pixels that PyAV and Pillow find in them."""

import numpy as np
import torch

import fixtures

try:
    import av
    from PIL import Image
except ImportError as error:
    fixtures.sys.exit(f"media fixtures need PyAV and Pillow: {error}; install scripts/golden/requirements.txt")

FOLDER = fixtures.TESTS / "DatasetsTests" / "Fixtures"
HEIGHT, WIDTH, FRAMES = 16, 24, 24


def frame(index):
    """A slope that brightens from frame to frame, with a bar whose place is the frame's number."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image = np.stack([6 * index + 3 * x, 40 + 6 * y, 200 - 5 * index + 0 * x], axis=2).astype(np.uint8)
    image[:, index] = 255
    return image


def video(name, codec, options):
    path = FOLDER / name
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=12)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 10
        stream.options = {"crf": "18", "threads": "1"} if codec == "libx264" else {"qscale": "2"}
        for index in range(FRAMES):
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame(index), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    with av.open(str(path)) as container:
        return np.stack([image.to_ndarray(format="rgb24") for image in container.decode(video=0)])


mp4 = video("clip.mp4", "libx264", {"movflags": "faststart"})
avi = video("clip.avi", "mpeg4", {})
assert len(mp4) == len(avi) == FRAMES
Image.fromarray(frame(3)).save(FOLDER / "picture.png")
Image.fromarray(frame(3)).save(FOLDER / "picture.jpg", quality=90)
jpg = np.asarray(Image.open(FOLDER / "picture.jpg").convert("RGB"))
chosen = [0, 9, 23]
fixtures.write("Datasets", "media", "media.py", {"frames": chosen}, {
    "mp4": torch.tensor(mp4[chosen]), "avi": torch.tensor(avi[chosen]), "png": torch.tensor(frame(3)),
    "jpg": torch.tensor(jpg.copy()),
})
