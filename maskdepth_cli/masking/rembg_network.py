"""Cut-outs by rembg: one soft mask a photo."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from maskdepth_cli.arrays import white
from maskdepth_cli.errors import UsageError, WeightsError, one_line
from maskdepth_cli.masking.makers import Found
from maskdepth_cli.types import Photo
from maskdepth_cli.weights.cache import is_offline

_OWN = "u2net_custom"  # rembg's word for a file of one's own, of U2-Net's input and output


class RembgNetwork:
    """A session of rembg."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def find(self, photo: Photo) -> list[Found]:
        """Return what stands in front, as one object."""
        import rembg
        from PIL import Image

        image = Image.fromarray(bytes_of(photo))
        codes = np.asarray(rembg.remove(image, session=self._session, only_mask=True))
        return [Found(np.divide(codes, np.float32(255), dtype=np.float32))]


def bytes_of(photo: Photo) -> Any:
    """Return a photo with 8 bits a channel, uint8 (H, W, 3)."""
    scale = white(photo)
    return np.rint(np.clip(np.asarray(photo, np.float32), 0, scale) * (255 / scale)).astype(
        np.uint8
    )


def load_rembg(model: str) -> RembgNetwork:
    """Load a network of rembg, which downloads it where it is missing.

    Parameters
    ----------
    model
        One of rembg's names, or an ONNX file of U2-Net's input and output.

    Raises
    ------
    WeightsError
        rembg is missing, or the network cannot be had.
    UsageError
        It is a service that photos would be sent to.
    """
    if find_spec("rembg") is None or find_spec("onnxruntime") is None:
        raise WeightsError("--masks rembg needs a library: pip install 'maskdepth[rembg]'")
    import rembg
    from rembg.sessions import sessions

    own = Path(model)
    if own.suffix == ".onnx":
        if not own.is_file():
            raise WeightsError(f"rembg:{model}: no such file")
        return RembgNetwork(_loaded(model, lambda: _of_file(own)))
    kind: Any = sessions.get(model)
    if kind is None:
        names = ", ".join(sorted(name for name in sessions if not name.endswith("_custom")))
        raise WeightsError(f"rembg:{model}: rembg has no such network; it has {names}")
    if not getattr(kind, "is_local", lambda: True)():
        raise UsageError(f"rembg:{model} sends photos to a service; choose a network")
    if is_offline() and not _is_here(kind):
        raise WeightsError(
            f"rembg:{model}: {model}.onnx is not in {kind.u2net_home()}, and MASKDEPTH_OFFLINE "
            f"forbids to download it; fetch it with: rembg d {model}"
        )
    return RembgNetwork(_loaded(model, lambda: rembg.new_session(model)))


def _loaded(model: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except Exception as error:
        raise WeightsError(
            f"rembg:{model}: cannot be loaded: {one_line(error)}; where there is a network, "
            f"rembg d {model} fetches one of its own"
        ) from error


def _is_here(kind: Any) -> bool:
    """Tell whether a network's file was downloaded before."""
    name = f"{kind.name()}.onnx"
    if hasattr(kind, "resolve_existing"):
        return kind.resolve_existing(name) is not None
    return (Path(kind.u2net_home()) / name).is_file()


def _of_file(path: Path) -> Any:
    """Make a session of a file anywhere: rembg, made to serve others, wants it in its folder."""
    import onnxruntime
    from rembg.sessions import sessions

    class OwnFile(sessions[_OWN]):  # type: ignore[misc]
        @classmethod
        def download_models(cls, *_: Any, **__: Any) -> str:
            return str(path)

    return OwnFile(_OWN, onnxruntime.SessionOptions(), model_path=str(path))
