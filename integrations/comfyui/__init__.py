"""Node pack of maskdepth for ComfyUI: copy this folder into ``custom_nodes``."""

from .nodes import comfy_entrypoint

__all__ = ["comfy_entrypoint"]
