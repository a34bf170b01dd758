"""The encoder: four levels of overlapping patches, and a second stem for RGB (paper Fig. 5)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from maskdepth_cli.networks.config import RefinementConfig
from maskdepth_cli.networks.layers import ActivatedConv2d
from maskdepth_cli.networks.timm_import import import_timm


class MaskGuidedEncoder(nn.Module):
    """PVTv2 levels on ``[depth, mask]``; ``[RGB, mask]`` joins by a sum after the first level.

    Parameters
    ----------
    config : RefinementConfig
        Embedding sizes, layers, heads, reductions and MLP ratios per level.
    """

    def __init__(self, config: RefinementConfig) -> None:
        super().__init__()
        import_timm()
        from timm.models.pvt_v2 import OverlapPatchEmbed, PyramidVisionTransformerStage

        def stage(level: int) -> Any:
            made = PyramidVisionTransformerStage(
                dim=config.embed_dims[max(level - 1, 0)],
                dim_out=config.embed_dims[level],
                depth=config.depths[level],
                downsample=level > 0,
                num_heads=config.heads[level],
                sr_ratio=config.reductions[level],
                mlp_ratio=config.mlp_ratios[level],
            )
            for block in made.blocks:
                mlp: Any = block.mlp
                wide = mlp.dwconv.in_channels
                mlp.dwconv = ActivatedConv2d(wide, wide, 3, padding=1, groups=wide)
                mlp.act = nn.Identity()
            return made

        width = config.embed_dims[0]
        self.depth_embed = OverlapPatchEmbed(patch_size=7, stride=4, in_chans=2, embed_dim=width)
        self.rgb_embed = OverlapPatchEmbed(patch_size=7, stride=4, in_chans=4, embed_dim=width)
        first = stage(0)
        self.depth_blocks, self.norm = first.blocks, first.norm
        self.rgb_blocks = stage(0).blocks
        self.stages = nn.ModuleList(stage(level) for level in range(1, len(config.depths)))
        self.apply(_initialise)

    def forward(self, depth_mask: Tensor, rgb_mask: Tensor) -> list[Tensor]:
        """Encode.

        Parameters
        ----------
        depth_mask, rgb_mask : Tensor
            (B, 2, H, W) and (B, 4, H, W), H and W multiples of 32.

        Returns
        -------
        list of Tensor
            Four levels (B, embed_dims[i], H / s, W / s), s = 4, 8, 16, 32.
        """
        tokens, size = _first_level(self.depth_embed, self.depth_blocks, depth_mask)
        tokens = tokens + _first_level(self.rgb_embed, self.rgb_blocks, rgb_mask)[0]
        tokens = self.norm(tokens).unflatten(1, size)  # (B, H/4, W/4, C)
        levels = [tokens.permute(0, 3, 1, 2)]
        for stage in self.stages:
            levels.append(stage(levels[-1]))
        return levels


def _first_level(embed: nn.Module, blocks: Any, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
    embedded = embed(x)  # (B, H/4, W/4, C)
    size = (embedded.shape[1], embedded.shape[2])
    tokens = embedded.flatten(1, 2)
    for block in blocks:
        tokens = block(tokens, size)
    return tokens, size


def _initialise(module: nn.Module) -> None:
    """PVTv2's own initialisation, which timm applies only to its whole model."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, std=(2 * module.groups / fan_out) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
