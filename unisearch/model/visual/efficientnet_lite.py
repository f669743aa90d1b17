"""EfficientNet-Lite, the convolutional trunk whose grid gives UNIMO its regions.

EfficientNet-Lite (Google, 2020) is EfficientNet (Tan and Le, ICML 2019) without squeeze-and-
excitation and with ReLU6, made for small devices. Here it is a frozen feature extractor, so every
batch normalisation is folded into the convolution before it when the weights are imported: the
network below is convolutions with biases only, which is faster and exports cleanly.

Notation: B pictures, S side in pixels, G = ceil(S / 32) side of the grid, F = 1280 features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 1280
CLASSES = 1000


@dataclass(frozen=True)
class Variant:
    """Compound scaling of one EfficientNet-Lite (Tan and Le, §3.3)."""

    width: float
    depth: float
    image_size_px: int


VARIANTS = {
    "efficientnet-lite0": Variant(1.0, 1.0, 224),
    "efficientnet-lite1": Variant(1.0, 1.1, 240),
    "efficientnet-lite2": Variant(1.1, 1.2, 260),
    "efficientnet-lite3": Variant(1.2, 1.4, 280),
    "efficientnet-lite4": Variant(1.4, 1.8, 300),
}

# (repeats, kernel, stride, expansion, channels out) of the seven stages (Tan and Le, Table 1).
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_BATCH_NORM_EPS = 1e-3


def _scale_channels(channels: int, width: float) -> int:
    """Scales to the nearest multiple of 8, never more than 10% below the exact value."""
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding, which is asymmetric at stride 2."""

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = []
        for side in (int(input.shape[-1]), int(input.shape[-2])):
            total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        if any(pads):
            input = F.pad(input, pads)
        return F.conv2d(input, self.weight, self.bias, self.stride, groups=self.groups)


class Block(nn.Module):
    """Mobile inverted bottleneck: expand, filter each channel, project, add."""

    def __init__(
        self, channels_in: int, channels_out: int, *, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        hidden = channels_in * expansion
        self.expand = SameConv2d(channels_in, hidden, 1) if expansion > 1 else None
        self.depthwise = SameConv2d(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.project = SameConv2d(hidden, channels_out, 1)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = x if self.expand is None else F.relu6(self.expand(x))
        h = self.project(F.relu6(self.depthwise(h)))
        return x + h if self.residual else h


class EfficientNetLite(nn.Module):
    """The trunk and its ImageNet head.

    Args:
        name: A key of ``VARIANTS``.

    Raises:
        ValueError: For another name.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in VARIANTS:
            raise ValueError(f"unknown visual trunk {name!r}; there are {', '.join(VARIANTS)}")
        variant = VARIANTS[name]
        self.stem = SameConv2d(3, _STEM, 3, stride=2)
        blocks = []
        channels = _STEM
        for stage, (repeats, kernel, stride, expansion, out) in enumerate(_STAGES):
            # The Lite variants keep the depth of the first and last stage and the stem unscaled.
            fixed = stage in (0, len(_STAGES) - 1)
            out = _scale_channels(out, variant.width)
            for repeat in range(repeats if fixed else math.ceil(repeats * variant.depth)):
                blocks.append(
                    Block(
                        channels,
                        out,
                        kernel=kernel,
                        stride=stride if repeat == 0 else 1,
                        expansion=expansion,
                    )
                )
                channels = out
        self.blocks = nn.ModuleList(blocks)
        self.head = SameConv2d(channels, FEATURES, 1)
        self.classifier = nn.Linear(FEATURES, CLASSES)

    def features(self, pixels: Tensor) -> Tensor:
        """The grid of features.

        Args:
            pixels: float [B, 3, S, S], (value - 127) / 128 of RGB bytes.

        Returns:
            [B, F, G, G], not negative (after ReLU6).
        """
        x = F.relu6(self.stem(pixels))
        for block in self.blocks:
            x = block(x)
        grid: Tensor = F.relu6(self.head(x))
        return grid

    def forward(self, pixels: Tensor) -> Tensor:
        """ImageNet logits [B, 1000] of the mean feature."""
        logits: Tensor = self.classifier(self.features(pixels).mean(dim=(2, 3)))
        return logits


def fold_published_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turns the published PyTorch port's weights into this module's state.

    A batch normalisation with scale g, shift b, mean m and variance v after a convolution W is the
    convolution W·g/√(v+ε) with the bias b - m·g/√(v+ε).

    Args:
        weights: State of ``efficientnet_lite_pytorch``'s network, with its batch normalisations.

    Returns:
        A state that ``EfficientNetLite.load_state_dict`` takes, float32.

    Raises:
        KeyError: If a tensor of the published naming is absent.
    """
    state: dict[str, Tensor] = {}

    def fold(target: str, convolution: str, norm: str) -> None:
        scale = weights[f"{norm}.weight"].double() / torch.sqrt(
            weights[f"{norm}.running_var"].double() + _BATCH_NORM_EPS
        )
        kernel = weights[f"{convolution}.weight"].double() * scale[:, None, None, None]
        bias = weights[f"{norm}.bias"].double() - weights[f"{norm}.running_mean"].double() * scale
        state[f"{target}.weight"] = kernel.float()
        state[f"{target}.bias"] = bias.float()

    fold("stem", "_conv_stem", "_bn0")
    blocks = sorted({int(key.split(".")[1]) for key in weights if key.startswith("_blocks.")})
    for i in blocks:
        source, target = f"_blocks.{i}", f"blocks.{i}"
        if f"{source}._expand_conv.weight" in weights:
            fold(f"{target}.expand", f"{source}._expand_conv", f"{source}._bn0")
        fold(f"{target}.depthwise", f"{source}._depthwise_conv", f"{source}._bn1")
        fold(f"{target}.project", f"{source}._project_conv", f"{source}._bn2")
    fold("head", "_conv_head", "_bn1")
    state["classifier.weight"] = weights["_fc.weight"].float()
    state["classifier.bias"] = weights["_fc.bias"].float()
    return state
