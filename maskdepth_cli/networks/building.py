"""Refinement networks from their configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from maskdepth_cli.networks.config import NetworkConfig, TrustConfig

if TYPE_CHECKING:
    from maskdepth_cli.networks.refinement import RefinementNetwork
    from maskdepth_cli.networks.trust import TrustNetwork

OwnNetwork: TypeAlias = "RefinementNetwork | TrustNetwork"


def build_network(config: NetworkConfig) -> OwnNetwork:
    """Build a network without trained weights: the paper's in either form, or the trust network."""
    if isinstance(config, TrustConfig):
        from maskdepth_cli.networks.trust import TrustNetwork

        return TrustNetwork(config)
    from maskdepth_cli.networks.refinement import RefinementNetwork  # needs timm

    return RefinementNetwork(config)
