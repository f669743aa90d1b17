"""Pixels → regions: the grid of a convolutional trunk with its soft labels.

The same ``Regions`` may come from anywhere else: a detector's boxes and features, given by the
user, enter the network in the same way.

Notation: B pictures, S side in pixels, R regions, F features, C classes, K tags.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unisearch.errors import ConfigError
from unisearch.model.config import UnimoConfig
from unisearch.model.visual.efficientnet_lite import EfficientNetLite


@dataclass(frozen=True, slots=True)
class Regions:
    """What the network sees of a picture.

    Attributes:
        features: float [B, R, F].
        boxes: float [B, R, 5]: x1, y1, x2, y2 as shares of width and height, and the area's share.
        validity: float [B, R]: 1 for a region, 0 for padding.
        class_probabilities: float [B, R, C], rows sum to 1; the soft labels of each region.
        picture_probabilities: float [B, C]; the classifier's view of the whole picture, from which
            tags are taken. ``None`` where there is none (no tags then).
    """

    features: Tensor
    boxes: Tensor
    validity: Tensor
    class_probabilities: Tensor | None = None
    picture_probabilities: Tensor | None = None

    def __post_init__(self) -> None:
        B, R = self.features.shape[:2]
        if self.boxes.shape != (B, R, 5) or self.validity.shape != (B, R):
            raise ValueError(
                f"regions do not fit together: features {tuple(self.features.shape)}, "
                f"boxes {tuple(self.boxes.shape)}, validity {tuple(self.validity.shape)}; "
                "expected [B, R, F], [B, R, 5] and [B, R]"
            )

    @classmethod
    def of_boxes(cls, features: Tensor, corners: Tensor, validity: Tensor | None = None) -> Regions:
        """Regions of a detector.

        Args:
            features: [B, R, F].
            corners: [B, R, 4]: x1, y1, x2, y2 as shares of width and height.
            validity: [B, R]; all ones if not given.

        Raises:
            ValueError: If a box lies outside the picture or has a negative side.
        """
        x1, y1, x2, y2 = corners.unbind(dim=-1)
        if bool((corners < 0).any() | (corners > 1).any() | (x2 < x1).any() | (y2 < y1).any()):
            raise ValueError("boxes are x1, y1, x2, y2 as shares of the sides, 0 <= x1 <= x2 <= 1")
        area = (x2 - x1) * (y2 - y1)
        if validity is None:
            validity = torch.ones(features.shape[:2], device=features.device)
        return cls(features, torch.cat([corners, area[..., None]], dim=-1), validity)


def grid_boxes(side: int) -> Tensor:
    """Boxes of a side × side grid, row by row: float [side², 5]."""
    edges = torch.arange(side + 1, dtype=torch.float32) / side
    y1, x1 = torch.meshgrid(edges[:-1], edges[:-1], indexing="ij")
    y2, x2 = torch.meshgrid(edges[1:], edges[1:], indexing="ij")
    area = (x2 - x1) * (y2 - y1)
    return torch.stack([x1, y1, x2, y2, area], dim=-1).reshape(-1, 5)


class GridFrontEnd(nn.Module):
    """An EfficientNet-Lite whose feature map, pooled to g × g cells, gives the regions.

    Frozen: it is never trained, so a training run computes its output once for each picture.

    Raises:
        ConfigError: If the configuration names no trunk.
    """

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        if config.visual_trunk is None:
            raise ConfigError("this checkpoint has no visual trunk: give regions, not pictures")
        self.trunk = EfficientNetLite(config.visual_trunk)
        self.grid = config.visual_grid
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> GridFrontEnd:
        """Stays in evaluation mode."""
        return super().train(False)

    def forward(self, pixels: Tensor) -> Regions:
        """Looks at pictures.

        Args:
            pixels: uint8 or float [B, S, S, 3], RGB from 0 to 255.

        Returns:
            Regions with R = g², soft labels and the whole picture's class probabilities.
        """
        x = (pixels.permute(0, 3, 1, 2).to(self.trunk.classifier.weight.dtype) - 127.0) / 128.0
        grid = self.trunk.features(x)
        B, features = grid.shape[:2]
        picture = F.softmax(self.trunk.classifier(grid.mean(dim=(2, 3))), dim=-1)
        if self.grid != grid.shape[-1]:
            grid = F.adaptive_avg_pool2d(grid, self.grid)
        cells = grid.reshape(B, features, self.grid**2).transpose(1, 2)  # (B, R, F)
        return Regions(
            features=cells,
            boxes=grid_boxes(self.grid).to(cells).expand(B, -1, -1),
            validity=cells.new_ones(B, self.grid**2),
            class_probabilities=F.softmax(self.trunk.classifier(cells), dim=-1),
            picture_probabilities=picture,
        )
