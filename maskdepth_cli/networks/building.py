"""Refinement networks from their configurations."""

from __future__ import annotations

from torch import nn

from maskdepth_cli.networks.config import NetworkConfig, TrustConfig


def build_network(config: NetworkConfig) -> nn.Module:
    """Build a network without trained weights: the paper's in either form, or the trust network."""
    if isinstance(config, TrustConfig):
        from maskdepth_cli.networks.trust import TrustNetwork

        return TrustNetwork(config)
    from maskdepth_cli.networks.refinement import RefinementNetwork  # needs timm

    return RefinementNetwork(config)
