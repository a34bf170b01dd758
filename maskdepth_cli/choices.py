"""Every choice and every limit that stands in more than one place: declared here, and only here.

Options, recipes and dataclasses take their types from here.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

MAX_MEGAPIXELS: float = 200
"""Pictures with more million pixels are refused, unless the user allows them."""

MIN_INSTANCE_SHARE: float = 0.01
"""Instances that cover less of a photo neither guide nor count (paper section 4.2)."""

DepthKind: TypeAlias = Literal["inverse", "depth", "far"]
"""What the numbers of a depth map mean: larger is nearer; distances; or larger is farther, with
scale and shift unknown."""

DepthFormat: TypeAlias = Literal["keep", "png16", "tiff", "npy", "npz", "pfm", "exr"]
"""File formats of depth maps; keep: that of the initial one, with the same numbers."""

LayersFormat: TypeAlias = Literal["tiff", "exr", "files"]
"""What layers are exported as: one file of several layers, or a folder of single pictures."""

Matte: TypeAlias = Literal["portrait", "hair", "skin", "teeth", "glasses", "sky"]
"""What the mattes inside a portrait photo cover; portrait: the whole person."""

CameraPath: TypeAlias = Literal["orbit", "zoom", "pan"]
"""How the camera of a parallax moves: around, to the photo and back, to the left and the right."""

VideoFormat: TypeAlias = Literal["mp4", "webm", "gif"]
"""Files of moving pictures."""

StereoLayout: TypeAlias = Literal["side-by-side", "over-under", "anaglyph", "pair"]
"""How both pictures of a stereo photo are written."""

Edges: TypeAlias = Literal["soft", "hard"]
"""Whether depth at a mask's edge lies between object and background, or is one of them."""

SkyAs: TypeAlias = Literal["far", "unknown"]
"""What the depth of a masked sky becomes."""

MaskEdges: TypeAlias = Literal["auto", "exact", "approximate"]
"""Whose edges count where a mask's and the initial depth's differ by some pixels."""

MergeRule: TypeAlias = Literal["own", "largest"]
"""Of several masks, whose result a pixel takes: of the one that covers it, or the paper's rule."""

Keep: TypeAlias = Literal["band", "none"]
"""Where a refinement may change depth: near the mask's boundary, or everywhere."""

Colormap: TypeAlias = Literal["Spectral_r", "inferno", "turbo", "gray"]
"""Colours of depth, by their names in Matplotlib."""

Tta: TypeAlias = Literal["none", "flip"]
"""Test-time augmentation of SIDE networks."""

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
"""Where networks run."""

Precision: TypeAlias = Literal["auto", "bf16", "fp16", "fp32"]
"""Numbers that networks compute with."""

TrainPrecision: TypeAlias = Literal["auto", "fp32", "bf16"]
"""Numbers that training computes with."""

Executor: TypeAlias = Literal["local", "ray"]
"""Where photos are worked on."""

ModelKind: TypeAlias = Literal["side", "refinement"]
"""Photo to initial depth, or initial to refined depth."""

MaskKind: TypeAlias = Literal["object", "sky", "human"]
"""What training masks show."""

DegradationKind: TypeAlias = Literal["dilate", "erode", "coarsen", "wander"]
"""How masks are made worse."""

DatasetName: TypeAlias = Literal["generic", "tartanair", "tartanair2", "hypersim"]
"""Layouts of test sets."""

InstanceSource: TypeAlias = Literal["auto", "instances", "files", "from-depth"]
"""Where the masks of a test set come from: instance maps, files of masks, its true depth."""

HypersimSelect: TypeAlias = Literal["trajectory", "scene", "all"]
"""Of what Hypersim gives the first frame; all: every frame."""

Schedule: TypeAlias = Literal["step", "cosine"]
"""How the learning rate falls."""

NetworkForm: TypeAlias = Literal["plain", "completion"]
"""What the refinement network gives: the paper's layer, or a completion and a residual."""

MaskChannel: TypeAlias = Literal["auto", "alpha", "gray"]
"""What of a picture is the mask."""

StoredRole: TypeAlias = Literal["none", "masks", "depths", "all"]
"""Which files were made from photos as they are stored, without their Exif turn."""
