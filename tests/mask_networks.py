"""Small networks that make masks, as rembg and transformers load them."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

SIDE = 128


def brightness(path: Path) -> Path:
    """U2-Net's input and output; its answer is the photo's red channel."""
    start = helper.make_tensor("start", TensorProto.INT64, [1], [0])
    end = helper.make_tensor("end", TensorProto.INT64, [1], [1])
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    node = helper.make_node("Slice", ["photo", "start", "end", "axis"], ["mask"])
    shape = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "brightness",
        [shape("photo", TensorProto.FLOAT, [1, 3, 320, 320])],
        [shape("mask", TensorProto.FLOAT, [1, 1, 320, 320])],
        [start, end, axis],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    onnx.save(model, str(path))
    return path


def segmentation(folder: Path) -> Path:
    """Save an untrained network of three classes."""
    import torch
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
    )

    torch.manual_seed(0)
    config = SegformerConfig(
        hidden_sizes=[8, 8, 8, 8],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=8,
        id2label={0: "ground", 1: "person", 2: "dog"},
        label2id={"ground": 0, "person": 1, "dog": 2},
    )
    model = SegformerForSemanticSegmentation(config)
    model.save_pretrained(folder)
    SegformerImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder
