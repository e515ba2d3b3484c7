"""The catalogue's networks as PyTorch modules, made for samples of any size; names and shapes of parameters are equal."""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class SimpleCNN(nn.Module):
    """Two convolutions with pooling and two linear layers."""

    def __init__(self, sample, classes):
        super().__init__()
        channels, height, width = sample
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * (height // 2 // 2) * (width // 2 // 2), 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class Block(nn.Module):
    """A residual block with a projection where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.c1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.b1 = nn.BatchNorm2d(outputs)
        self.c2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.b2 = nn.BatchNorm2d(outputs)
        self.sc = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.sc = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.b2(self.c2(torch.relu(self.b1(self.c1(x)))))
        return torch.relu(y + self.sc(x))


def resnet(sample, classes, widths, blocks):
    layers = [nn.Conv2d(sample[0], widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    width = widths[0]
    for stage, wider in enumerate(widths):
        for block in range(blocks):
            layers.append(Block(width, wider, 2 if stage > 0 and block == 0 else 1))
            width = wider
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


def unit(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class ResNet9(nn.Module):
    """Two residual blocks among convolutions that double the channels."""

    def __init__(self, sample, classes):
        super().__init__()
        self.prep = unit(sample[0], 64)
        self.l1 = nn.Sequential(unit(64, 128), nn.MaxPool2d(2))
        self.r1 = nn.Sequential(unit(128, 128), unit(128, 128))
        self.l2 = nn.Sequential(unit(128, 256), nn.MaxPool2d(2))
        self.l3 = nn.Sequential(unit(256, 512), nn.MaxPool2d(2))
        self.r3 = nn.Sequential(unit(512, 512), unit(512, 512))
        pooled = (sample[1] // 32) * (sample[2] // 32)
        self.fc = nn.Linear(512 * pooled, classes, bias=False)

    def forward(self, x):
        x = self.l1(self.prep(x))
        x = self.l3(self.l2(x + self.r1(x)))
        x = functional.max_pool2d(x + self.r3(x), 4)
        return self.fc(x.flatten(1)) * 0.125


class MobileBlock(nn.Module):
    """A depthwise and a pointwise convolution, batch norm after both."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.d = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        self.b1 = nn.BatchNorm2d(inputs)
        self.p = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.b2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return torch.relu(self.b2(self.p(torch.relu(self.b1(self.d(x))))))


def mobilenet(sample, classes):
    sizes = [(32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1)]
    return nn.Sequential(
        nn.Conv2d(sample[0], 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        *[MobileBlock(*size) for size in sizes], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, classes))


def dilated_cnn(sample, classes):
    return nn.Sequential(
        nn.Conv2d(sample[0], 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=2, dilation=2), nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=4, dilation=4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(512, classes))


class ResidualBlock(nn.Module):
    """Two convolutions with batch norm and the input added, for images of an unchanged number of channels."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + x)


class ResidualCNN(nn.Module):
    """Two convolutions with pooling, a residual block after each."""

    def __init__(self, sample, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(sample[0], 16, 3, padding=1)
        self.block1 = ResidualBlock(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.block2 = ResidualBlock(32)
        self.fc = nn.Linear(32, classes)

    def forward(self, x):
        x = self.block1(functional.max_pool2d(torch.relu(self.conv1(x)), 2))
        x = self.block2(functional.max_pool2d(torch.relu(self.conv2(x)), 2))
        return self.fc(x.mean((2, 3)))


class Separable(nn.Module):
    """A depthwise and a pointwise convolution."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class DepthwiseCNN(nn.Module):
    """A convolution and two depthwise-separable ones."""

    def __init__(self, sample, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(sample[0], 16, 3, padding=1)
        self.separable1 = Separable(16, 32)
        self.separable2 = Separable(32, 64)
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(self.separable1(x)), 2)
        return self.fc(torch.relu(self.separable2(x)).mean((2, 3)))


class Encoder(nn.Module):
    """Features of a frame."""

    def __init__(self, channels, height, width):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(32 * (height // 4) * (width // 4), 128)

    def forward(self, x):
        return torch.relu(self.fc(self.conv(x).flatten(1)))


class VideoClassifier(nn.Module):
    """A recurrent layer over encoded frames; `names` are those of the encoder and of the recurrent layer."""

    def __init__(self, sample, classes, kind, names, bidirectional=False, packed=False):
        super().__init__()
        self.names, self.packed = names, packed
        setattr(self, names[0], Encoder(*sample[1:]))
        setattr(self, names[1], kind(128, 64, batch_first=True, bidirectional=bidirectional))
        self.fc = nn.Linear(128 if bidirectional else 64, classes)

    def forward(self, x, lengths=None):
        encoder, recurrent = getattr(self, self.names[0]), getattr(self, self.names[1])
        frames = encoder(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        if not self.packed:
            return self.fc(recurrent(frames)[0][:, -1])
        lengths = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
        output, _ = recurrent(pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False))
        output, _ = pad_packed_sequence(output, batch_first=True)
        return self.fc(output[torch.arange(len(x)), lengths - 1])


class ConvLSTMCell(nn.Module):
    """One step of a convolutional LSTM; `conv` may be given from outside."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.conv = nn.Conv2d(inputs + hidden, 4 * hidden, 3, padding=1)

    def forward(self, x, h, c):
        return conv_lstm_step(self.conv, x, h, c)


def conv_lstm_step(convolution, x, h, c):
    i, f, o, g = convolution(torch.cat([x, h], 1)).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


class ConvLSTM(nn.Module):
    """A convolutional LSTM whose convolution belongs to the network, and the mean of its last state."""

    def __init__(self, sample, classes, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.conv = nn.Conv2d(sample[1] + hidden, 4 * hidden, 3, padding=1)
        self.fc = nn.Linear(hidden, classes)

    def step(self, x, h, c):
        return conv_lstm_step(self.conv, x, h, c)

    def forward(self, x):
        h = c = x.new_zeros(len(x), self.hidden, *x.shape[3:])
        for t in range(x.shape[1]):
            h, c = self.step(x[:, t], h, c)
        return self.fc(h.mean((2, 3)))


class ConvLSTMClassifier(ConvLSTM):
    """The same with a cell of its own."""

    def __init__(self, sample, classes, hidden=32):
        super().__init__(sample, classes, hidden)
        del self.conv, self.fc
        self.cell = ConvLSTMCell(sample[1], hidden)
        self.fc = nn.Linear(hidden, classes)

    def step(self, x, h, c):
        return self.cell(x, h, c)


class C3D(nn.Module):
    """Three convolutions over frames, rows and columns."""

    def __init__(self, sample, classes):
        super().__init__()
        self.f = nn.Sequential(
            nn.Conv3d(sample[1], 16, 3, padding=1), nn.ReLU(), nn.MaxPool3d((1, 2, 2)),
            nn.Conv3d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2),
            nn.Conv3d(32, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(64, classes))

    def forward(self, x):
        return self.f(x.transpose(1, 2))


# By name in the catalogue: a function of one sample's shape, [C, H, W] or [T, C, H, W], and the number of classes.
NETWORKS = {
    "simple_cnn": SimpleCNN,
    "resnet20": lambda sample, classes: resnet(sample, classes, [16, 32, 64], 3),
    "resnet18": lambda sample, classes: resnet(sample, classes, [64, 128, 256, 512], 2),
    "resnet9": ResNet9,
    "mobilenet": mobilenet,
    "dilated_cnn": dilated_cnn,
    "residual_cnn": ResidualCNN,
    "depthwise_cnn": DepthwiseCNN,
    "cnn_lstm": lambda *sizes: VideoClassifier(*sizes, nn.LSTM, ("enc", "rnn")),
    "cnn_gru": lambda *sizes: VideoClassifier(*sizes, nn.GRU, ("enc", "rnn")),
    "cnn_bilstm_packed": lambda *sizes: VideoClassifier(*sizes, nn.LSTM, ("enc", "rnn"), bidirectional=True, packed=True),
    "conv_lstm": ConvLSTM,
    "c3d": C3D,
    "video_rnn_classifier": lambda *sizes: VideoClassifier(*sizes, nn.LSTM, ("encoder", "lstm")),
    "video_gru_classifier": lambda *sizes: VideoClassifier(*sizes, nn.GRU, ("encoder", "gru")),
    "video_rnn_classifier_packed": lambda *sizes: VideoClassifier(*sizes, nn.LSTM, ("encoder", "lstm"), packed=True),
    "video_rnn_classifier_bidirectional":
        lambda *sizes: VideoClassifier(*sizes, nn.LSTM, ("encoder", "lstm"), bidirectional=True),
    "conv_lstm_classifier": ConvLSTMClassifier,
}

# Those whose samples are clips, and of these those that look at the clips' own lengths.
CLIPS = {name for name in NETWORKS if name.startswith(("cnn_", "conv_lstm", "c3d", "video_"))}
PACKED = {name for name in NETWORKS if "packed" in name}
