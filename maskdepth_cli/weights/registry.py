"""Every model that has a name: what it is, under which licence, where its file comes from."""

from __future__ import annotations

from dataclasses import dataclass

from maskdepth_cli.choices import DepthKind, ModelKind
from maskdepth_cli.errors import WeightsError

HUGGING_FACE = "hf:"

_MIDAS = "https://github.com/isl-org/MiDaS/releases/download"


@dataclass(frozen=True)
class Entry:
    """One named model.

    Parameters
    ----------
    name
        What users type.
    kind
        ``side``: photo to initial depth; ``refinement``: initial to refined depth.
    loader
        Key of the function that builds its network.
    licence
        Of the weights.
    about
        One line for `maskdepth models list`.
    depth_kind
        What a SIDE network gives.
    file
        Its name in the cache, or in the package for embedded weights.
    url
        Where it is downloaded from; empty where we do not download it.
    size, sha256
        Of the file; size 0 where unknown.
    embedded
        The file is part of the package.
    gated
        Its licence must be accepted by the user before it is fetched.
    rank
        SIDE networks in the cache: the highest rank is the default.
    """

    name: str
    kind: ModelKind
    loader: str
    licence: str
    about: str
    depth_kind: DepthKind = "inverse"
    file: str = ""
    url: str = ""
    size: int = 0
    sha256: str = ""
    embedded: bool = False
    gated: bool = False
    rank: int = 0


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "lite",
        "side",
        "lite",
        "Apache-2.0",
        "small SIDE network inside the package; trained on rendered scenes",
        file="lite.safetensors",
        size=7_724_106,
        sha256="7f47923800a72171458bc0384c20452623856306bb01fbb3f05f8498de9ad9f0",
        embedded=True,
    ),
    Entry(
        "dpt-large",
        "side",
        "dpt-large",
        "MIT",
        "DPT-Large (Ranftl et al. 2021), one of the paper's two",
        file="dpt_large_384.pt",
        url=f"{_MIDAS}/v3/dpt_large_384.pt",
        size=1_376_378_527,
        sha256="2f21e586477d90cb9624c7eef5df7891edca49a1c4795ee2cb631fd4daa6ca69",
        rank=4,
    ),
    Entry(
        "dpt-hybrid",
        "side",
        "dpt-hybrid",
        "MIT",
        "DPT-Hybrid (Ranftl et al. 2021): ResNet-50 and ViT-B",
        file="dpt_hybrid_384.pt",
        url=f"{_MIDAS}/v3/dpt_hybrid_384.pt",
        sha256="501f0c75b3bca7daec6b3682c5054c09b366765aef6fa3a09d03a5cb4b230853",
        rank=3,
    ),
    Entry(
        "midas-v2.1",
        "side",
        "midas-v2.1",
        "MIT",
        "MiDaS v2.1 (Ranftl et al. 2020), one of the paper's two",
        file="midas_v21_384.pt",
        url=f"{_MIDAS}/v2_1/midas_v21_384.pt",
        size=422_509_849,
        sha256="f6b980704cfd7259c7cc2b058c2f160159c55e84b3b6c08331b4156a84629f70",
        rank=2,
    ),
    Entry(
        "midas-v2.1-small",
        "side",
        "midas-v2.1-small",
        "MIT",
        "MiDaS v2.1 small: quick",
        file="midas_v21_small_256.pt",
        url=f"{_MIDAS}/v2_1/midas_v21_small_256.pt",
        sha256="70d6b9c891758c67f974a6097fb0c608c7ee67fb81ac3e5588847d5596d56fca",
        rank=1,
    ),
    Entry(
        "depth-anything-v2-small",
        "side",
        f"{HUGGING_FACE}depth-anything/Depth-Anything-V2-Small-hf",
        "Apache-2.0",
        "Depth Anything V2 small, through transformers: pip install 'maskdepth[hf]'",
    ),
    Entry(
        "trust",
        "refinement",
        "refinement",
        "Apache-2.0",
        "refinement network inside the package",
        file="trust.safetensors",
        size=3_647_342,
        sha256="594bbc98391878394a97085279ad179bb10ea0b016477060f9271741af5ca3c1",
        embedded=True,
    ),
    Entry(
        "authors",
        "refinement",
        "authors",
        "research only, non-commercial",
        "the paper authors' network, whose file you get from them; tried on a made-up file only",
        file="maskdepth_model.pth",
        size=250_508_493,
        sha256="a500b7897ee883d44f2f651e3dc2ba8de83bda5085877bf31fef30eefc3c0b2e",
        gated=True,
    ),
)


def find_entry(name: str, kind: ModelKind | None = None) -> Entry | None:
    """Return the entry of a name, None where there is none of that kind."""
    return next((e for e in ENTRIES if e.name == name and kind in (None, e.kind)), None)


def require_entry(name: str, kind: ModelKind | None = None) -> Entry:
    """Return the entry of a name.

    Raises
    ------
    WeightsError
        There is none; the message lists the names there are.
    """
    entry = find_entry(name, kind)
    if entry is None:
        names = ", ".join(e.name for e in ENTRIES if kind in (None, e.kind))
        extra = f", or {HUGGING_FACE}ORG/NAME" if kind == "side" else ""
        raise WeightsError(f"no model is called {name!r}; there are {names}{extra}")
    return entry
