"""The node pack, called as ComfyUI calls it, without ComfyUI.

`comfy_api.latest` is a stand-in that takes what the nodes declare and nothing else, unless ComfyUI
itself can be imported.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from maskdepth_cli import load_predictor, load_refiner

PACK = Path(__file__).parents[2] / "integrations/comfyui"


def _type(kind, *known):
    def make(id, **facts):
        unknown = set(facts) - {"tooltip", "display_name", "default", "optional", *known}
        assert not unknown, f"{kind} has no {unknown}"
        return types.SimpleNamespace(id=id, io_type=kind, **facts)

    return types.SimpleNamespace(Input=make, Output=make)


class Schema:
    def __init__(self, *, node_id, display_name, category, description, inputs, outputs):
        self.node_id, self.inputs, self.outputs = node_id, inputs, outputs


class NodeOutput:
    def __init__(self, *results):
        self.result = results


def stand_in():
    latest = types.ModuleType("comfy_api.latest")
    latest.io = types.SimpleNamespace(
        ComfyNode=object,
        Schema=Schema,
        NodeOutput=NodeOutput,
        Image=_type("IMAGE"),
        Mask=_type("MASK"),
        String=_type("STRING", "multiline"),
        Combo=_type("COMBO", "options"),
        Int=_type("INT", "min", "max", "step"),
        Float=_type("FLOAT", "min", "max", "step", "round"),
    )
    latest.ComfyExtension = object
    return {"comfy_api": types.ModuleType("comfy_api"), "comfy_api.latest": latest}


@pytest.fixture(scope="module")
def pack():
    try:
        known = importlib.util.find_spec("comfy_api.latest") is not None
    except ModuleNotFoundError:
        known = False
    with pytest.MonkeyPatch.context() as patch:
        if not known:
            for name, module in stand_in().items():
                patch.setitem(sys.modules, name, module)
        # As ComfyUI loads a folder of custom_nodes: by its path, under a name of its own.
        spec = importlib.util.spec_from_file_location(
            "maskdepth_pack", PACK / "__init__.py", submodule_search_locations=[str(PACK)]
        )
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def nodes(pack):
    extension = asyncio.run(pack.comfy_entrypoint())
    found = asyncio.run(extension.get_node_list())
    return {node.define_schema().node_id: node for node in found}


def scene(count=2, height=48, width=64):
    rows, columns = np.mgrid[:height, :width]
    random = np.random.default_rng(0)
    photos, depths, masks = [], [], []
    for i in range(count):
        distance = np.hypot(rows - 22 - i, columns - 30 - 3 * i)
        mask = (distance < 14).astype(np.float32)
        photos.append(0.3 + 0.4 * mask[..., None] + random.random((height, width, 3)) * 0.1)
        depths.append(1 / (1 + np.exp((distance - 14) / 4)) * 0.6 + 0.2)
        masks.append(mask)
    return (np.stack(x).astype(np.float32) for x in (photos, depths, masks))


def as_image(maps):
    return torch.from_numpy(maps)[..., None].repeat(1, 1, 1, 3)


def gray(image):
    assert (image == image[..., :1]).all()
    return image[..., 0].numpy()


def test_refining_a_batch_gives_the_interfaces_values_bit_for_bit(nodes):
    photos, depths, masks = scene()
    output = nodes["MaskdepthRefine"].execute(
        torch.from_numpy(photos), as_image(depths), torch.from_numpy(masks), device="cpu"
    )
    refiner = load_refiner(device="cpu")
    expected = refiner.refine_many(list(zip(photos, depths, masks, strict=True)))
    assert len(output.result) == len(nodes["MaskdepthRefine"].define_schema().outputs)
    for result, name in zip(output.result, ("depth", "foreground", "background"), strict=False):
        assert (result.dtype, result.shape) == (torch.float32, (2, 48, 64, 3))
        np.testing.assert_array_equal(gray(result), [getattr(one, name) for one in expected])
    np.testing.assert_array_equal(output.result[3].numpy(), masks)
    assert np.abs(gray(output.result[0]) - depths).max() > 0.05


def test_one_depth_map_and_one_flat_mask_serve_a_batch(nodes):
    photos, depths, masks = scene()
    output = nodes["MaskdepthRefine"].execute(
        torch.from_numpy(photos), as_image(depths[:1]), torch.from_numpy(masks[0]), device="cpu"
    )
    expected = load_refiner(device="cpu").refine_many([(p, depths[0], masks[0]) for p in photos])
    np.testing.assert_array_equal(gray(output.result[0]), [one.depth for one in expected])


def test_several_masks_for_one_photo_are_several_objects(nodes):
    photos, depths, masks = scene()
    output = nodes["MaskdepthRefine"].execute(
        torch.from_numpy(photos[:1]), as_image(depths[:1]), torch.from_numpy(masks), device="cpu"
    )
    expected = load_refiner(device="cpu").refine_instances(photos[0], depths[0], list(masks))
    np.testing.assert_array_equal(gray(output.result[0])[0], expected.depth)


def test_depth_that_grows_with_distance_is_inverted(nodes):
    photos, depths, masks = scene(1)
    metres = (1 / depths).astype(np.float32)
    output = nodes["MaskdepthRefine"].execute(
        torch.from_numpy(photos),
        as_image(metres),
        torch.from_numpy(masks),
        depth_kind="depth",
        device="cpu",
    )
    expected = load_refiner(device="cpu").refine(photos[0], 1 / metres[0], masks[0])
    np.testing.assert_array_equal(gray(output.result[0])[0], expected.depth)


def test_maps_of_another_resolution_are_fitted_and_of_another_shape_refused(nodes):
    photos, depths, masks = scene(1)
    refine = nodes["MaskdepthRefine"].execute
    small = torch.from_numpy(masks[:, ::2, ::2].copy())
    output = refine(torch.from_numpy(photos), as_image(depths[:, ::2, ::2].copy()), small)
    assert output.result[0].shape == (1, 48, 64, 3)
    with pytest.raises(Exception, match="aspect ratios differ"):
        refine(torch.from_numpy(photos), as_image(depths), torch.ones(1, 64, 64))


@pytest.mark.parametrize(
    ("depth", "mask", "reason"),
    [
        (torch.rand(1, 48, 64, 3), torch.ones(1, 48, 64), "in colours is no depth map"),
        (torch.ones(1, 48, 64, 3), torch.zeros(1, 64, 64), "mask: it is empty"),
        (torch.ones(3, 48, 64, 3), torch.ones(1, 48, 64), "3 for 2 photos"),
        (torch.ones(1, 48, 64, 3), torch.ones(5, 48, 64), "5 for 2 photos"),
    ],
)
def test_reasons(nodes, depth, mask, reason):
    photos, _, _ = scene()
    with pytest.raises(ValueError, match=reason):
        nodes["MaskdepthRefine"].execute(torch.from_numpy(photos), depth, mask, device="cpu")


def test_predicted_depth_is_the_interfaces_from_0_to_1(nodes):
    photos, _, _ = scene()
    output = nodes["MaskdepthPredict"].execute(torch.from_numpy(photos), device="cpu")
    expected = load_predictor("lite", device="cpu").predict_many(list(photos))
    for found, plain in zip(gray(output.result[0]), expected, strict=True):
        share = (plain - plain.min()) / (plain.max() - plain.min())
        np.testing.assert_array_equal(found, share)


def test_bokeh_keeps_the_object_and_blurs_the_rest(nodes):
    photos, depths, masks = scene(1)
    image = torch.from_numpy(photos)
    layers = nodes["MaskdepthRefine"].execute(
        image, as_image(depths), torch.from_numpy(masks), device="cpu"
    )
    _, foreground, background, mask = layers.result
    output = nodes["MaskdepthBokeh"].execute(image, foreground, background, mask, aperture=0.06)
    (blurred,) = output.result
    assert blurred.shape == image.shape
    inside = masks[0] == 1
    np.testing.assert_array_equal(blurred[0].numpy()[inside], photos[0][inside])
    corner = blurred[0, :8, -8:].numpy()
    assert corner.std() < 0.7 * photos[0, :8, -8:].std()


def test_the_example_workflow_fits_the_nodes(nodes):
    workflow = json.loads((PACK / "example_workflows/refine.json").read_text())
    by_id = {node["id"]: node for node in workflow["nodes"]}
    for _, source, slot, target, place, kind in workflow["links"]:
        assert by_id[source]["outputs"][slot]["type"] == kind
        assert by_id[target]["inputs"][place]["type"] == kind
    used = {node["type"] for node in workflow["nodes"]}
    assert used >= set(nodes)
    for node in workflow["nodes"]:
        if node["type"] not in nodes:
            continue
        schema = nodes[node["type"]].define_schema()
        sockets = [one.id for one in schema.inputs if one.io_type in ("IMAGE", "MASK")]
        assert [one["name"] for one in node["inputs"]] == sockets
        widgets = [one for one in schema.inputs if one.id not in sockets]
        assert node["widgets_values"] == [one.default for one in widgets]
        names = [one.display_name for one in schema.outputs]
        assert [one["name"] for one in node["outputs"]] == names
