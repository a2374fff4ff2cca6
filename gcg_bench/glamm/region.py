"""The region encoder: turns each box into one vector of the language model's width.

Four CLIP layers become a pyramid of maps (the earliest layer gets the largest map). The maps
exchange channels with their neighbours in five rounds. RoIAlign cuts every box out of every level.
The cuts are summed, flattened, added to an embedding of the box's coordinates, and projected to the
model's width. Submodules have the names of the published weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from gcg_bench.glamm.configuration import GlammConfig, RegionConfig


class FusionRound(nn.Module):
    """One exchange between levels: a 3x3 convolution shared by all levels, GroupNorm, ReLU."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.gn = nn.GroupNorm(groups, channels)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The maps of the next round, each computed from the maps of the previous round.

        The convolution of a level reads the first half of its own channels, then the last quarter
        of the next level's channels (smaller map), then the third quarter of the previous level's
        (larger map). The first and the last level use themselves instead of a missing neighbour.
        """
        channels = maps[0].shape[1]
        half, last_quarter = channels // 2, channels - channels // 4
        last = len(maps) - 1
        fused = []
        for level, map_ in enumerate(maps):
            side = map_.shape[-1]
            above = resized(maps[min(level + 1, last)][:, last_quarter:], side)
            below = resized(maps[max(level - 1, 0)][:, half:last_quarter], side)
            fused.append(
                functional.relu(self.gn(self.conv(torch.cat([map_[:, :half], above, below], 1))))
            )
        return fused


class LevelFusion(nn.Module):
    """CLIP layers as maps of doubled sizes, with coordinates, after all fusion rounds."""

    def __init__(self, channels: int, region: RegionConfig) -> None:
        super().__init__()
        self.input_conv = nn.ModuleList(
            nn.Conv2d(channels + 2, channels, 1) for _ in range(region.levels)
        )
        self.fuse_convs = nn.ModuleList(
            FusionRound(channels, region.groups) for _ in range(region.rounds)
        )

    def pyramid(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Maps [B, C, s, s] before the fusion rounds, from patches [B, P, C], largest map first."""
        maps = []
        for level, (patches, conv) in enumerate(zip(levels, self.input_conv, strict=True)):
            batch, count, channels = patches.shape
            grid = round(count**0.5)
            square = patches.transpose(1, 2).reshape(batch, channels, grid, grid)
            enlarged = resized(square, grid * 2 ** (len(levels) - 1 - level))
            maps.append(conv(torch.cat([enlarged, _coordinates(enlarged)], 1)))
        return maps

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        maps = self.pyramid(levels)
        for fuse in self.fuse_convs:
            maps = fuse(maps)
        return maps


class BoxReader(nn.Module):
    """Cuts boxes out of fused maps and turns them into vectors [N, D]."""

    def __init__(self, channels: int, patch: int, output_width: int, region: RegionConfig) -> None:
        super().__init__()
        self.region = region
        self.patch = patch
        self.pconvs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in range(region.levels)
        )
        self.pos_embedd = nn.Sequential(
            nn.Linear(4, region.position_size),
            nn.ReLU(),
            nn.LayerNorm(region.position_size),
            nn.Linear(region.position_size, region.size),
            nn.ReLU(),
            nn.LayerNorm(region.size),
        )
        self.flatten_linear = nn.Linear(channels * region.roi_size**2, region.size)
        self.updims = nn.Linear(region.size, output_width)

    def cuts(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[Tensor]:
        """One stack of cuts [N, C, roi, roi] for each level, from each image's boxes [n_i, 4]."""
        corners = [(image_corners * self.region.extent).float() for image_corners in boxes]
        stacks = []
        for level, stack in enumerate(maps):
            scale = 2 ** (len(maps) - 1 - level) / self.patch
            cuts = [
                roi_align(single, image_corners * scale, self.region.roi_size)
                for single, image_corners in zip(stack, corners, strict=True)
            ]
            stacks.append(torch.cat(cuts))
        return stacks

    def forward(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        convolved = [
            conv(cut) for conv, cut in zip(self.pconvs, self.cuts(maps, boxes), strict=True)
        ]
        summed = functional.relu(torch.stack(convolved).sum(0)).flatten(1)
        positions = self.pos_embedd(torch.cat(list(boxes)).to(summed.dtype))
        vectors: Tensor = self.updims(self.flatten_linear(summed) + positions)
        return vectors


class RegionEncoder(nn.Module):
    """The region vectors of every image's boxes.

    Args:
        config: the model's sizes.
        region: its region section.
    """

    def __init__(self, config: GlammConfig, region: RegionConfig) -> None:
        super().__init__()
        channels, patch = config.vision.hidden_size, config.vision.patch_size
        self.mlvl_fuse = LevelFusion(channels, region)
        self.roi_align = BoxReader(channels, patch, config.language.hidden_size, region)

    def forward(self, levels: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[Tensor]:
        """Vectors [n_i, D] of each image, in the order of its boxes.

        Args:
            levels: patches [B, P, C] of the CLIP layers, earliest layer first.
            boxes: for each image [n_i, 4], xyxy divided by the whole image's width and height.
        """
        vectors = self.roi_align(self.mlvl_fuse(levels), boxes)
        return list(vectors.split([len(image_boxes) for image_boxes in boxes]))


def resized(maps: Tensor, side: int) -> Tensor:
    """Square maps [B, C, s, s] resized to another side, corners aligned, computed in float32."""
    enlarged = functional.interpolate(
        maps.float(), size=(side, side), mode="bilinear", align_corners=True
    )
    return enlarged.to(maps.dtype)


def _coordinates(maps: Tensor) -> Tensor:
    """Two channels [B, 2, s, s], x then y, from -1 at the first cell to 1 at the last."""
    batch, _, height, width = maps.shape
    x = torch.linspace(-1, 1, width, device=maps.device).expand(height, width)
    y = torch.linspace(-1, 1, height, device=maps.device)[:, None].expand(height, width)
    return torch.stack([x, y]).to(maps.dtype).expand(batch, 2, height, width)


def roi_align(single: Tensor, corners: Tensor, size: int, samples: int = 2) -> Tensor:
    """RoIAlign (He et al. 2017) with half-pixel alignment: [n, C, size, size] from a map [C, s, s].

    Every cell is the mean of `samples` x `samples` bilinear samples. Samples up to one cell outside
    the map are clamped to its border; samples further out count as zero. Computed in float32.

    Args:
        single: the map of one image.
        corners: boxes [n, 4], xyxy, in cells of the map.
        size: cells along a side of the result.
        samples: samples along a side of a cell.
    """
    height, width = single.shape[-2:]
    start = corners[:, :2].float() - 0.5
    extent = corners[:, 2:].float() - corners[:, :2].float()
    steps = (torch.arange(size * samples, device=single.device) + 0.5) / (size * samples)
    points = start[:, None, :] + extent[:, None, :] * steps[None, :, None]
    across = _weights(points[..., 0], width)
    down = _weights(points[..., 1], height)
    # Sampling and the mean over samples are linear along each axis, so weights are pooled first.
    across = across.reshape(-1, size, samples, width).mean(2)
    down = down.reshape(-1, size, samples, height).mean(2)
    rows = torch.einsum("nih,chw->nciw", down, single.float())
    return torch.einsum("nciw,njw->ncij", rows, across).to(single.dtype)


def _weights(points: Tensor, cells: int) -> Tensor:
    """Linear interpolation weights [N, K, cells] of sample positions [N, K] along one axis."""
    inside = (points >= -1) & (points <= cells)
    position = points.clamp(0, cells - 1)
    index = torch.arange(cells, device=points.device)
    weights = (1 - (position[..., None] - index).abs()).clamp(min=0)
    return weights * inside[..., None]
