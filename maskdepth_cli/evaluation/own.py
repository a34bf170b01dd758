"""A method of one's own for `maskdepth evaluate`: a class in a Python file."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskdepth_cli.digests import file_sha256
from maskdepth_cli.engine.inputs import as_depth
from maskdepth_cli.engine.instances import instance_masks, merge_instances
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.errors import UsageError

if TYPE_CHECKING:
    from maskdepth_cli.choices import MergeRule
    from maskdepth_cli.engine.result import RefinementMethod
    from maskdepth_cli.types import Image, InverseDepth, Mask

_TYPED = re.compile(r"(?P<file>.+\.py):(?P<name>[^\W\d]\w*)(?::(?P<rest>.*))?", re.DOTALL)


def split_own(text: str) -> tuple[Path, str, str] | None:
    """Return file, class and options of ``FILE.py:CLASS:OPTION=VALUE,...``, None of other text."""
    found = _TYPED.fullmatch(text)
    return None if found is None else (Path(found["file"]), found["name"], found["rest"] or "")


def options_of(text: str, rest: str) -> dict[str, Any]:
    """Return what is passed to the class, as Python reads it: 5, 0.1, True; else as text.

    Raises
    ------
    UsageError
        A part is no ``OPTION=VALUE``.
    """
    options: dict[str, Any] = {}
    for part in rest.split(",") if rest else ():
        key, equals, value = part.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"--method {text}: give OPTION=VALUE in place of {part!r}")
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = value
    return options


def load_own(file: Path, name: str, options: Mapping[str, Any], merge: MergeRule) -> Any:
    """Make an instance of a class in a file.

    Parameters
    ----------
    file : Path
        The Python file; what it imports is looked for beside it, too.
    name : str
        Of the class, or of a function that returns a method.
    options : mapping
        Keyword arguments.
    merge : {"own", "largest"}
        How results of several masks are merged where the class has no ``refine_instances``.

    Raises
    ------
    UsageError
        The file cannot be read or run, has no such class, or what it makes has no ``refine``.
    """
    where = f"--method {file}:{name}"
    spec = importlib.util.spec_from_file_location(f"maskdepth_own_{file.stem}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise UsageError(f"{where}: there is no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    sys.path.insert(0, str(file.parent.resolve()))
    try:
        spec.loader.exec_module(module)
        made = getattr(module, name)
        method = made(**options)
    except AttributeError as error:
        raise UsageError(f"{where}: {error}") from error
    except Exception as error:  # whatever a stranger's code raises
        raise UsageError(f"{where}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(file.parent.resolve()))
    if not callable(getattr(method, "refine", None)):
        raise UsageError(f"{where}: has no method refine(image, depth, mask)")
    return method if hasattr(method, "refine_instances") else OneByOne(method, merge)


def code_of(file: Path) -> str:
    """Return the SHA-256 of a file with a method: rows of other code are not taken over.

    Raises
    ------
    UsageError
        It cannot be read.
    """
    try:
        return file_sha256(file)
    except OSError as error:
        raise UsageError(f"--method {file}: {error.strerror}") from error


class OneByOne:
    """A method that refines with one mask, called once a mask, results merged as the others' are.

    Parameters
    ----------
    method
        With ``refine(image, depth, mask)``, which returns a depth map or a `RefinedDepth`.
    merge : {"own", "largest"}
        As in `RefineSettings`.

    Attributes
    ----------
    layered : bool
        Whether its last result was a `RefinedDepth`, which has layers.
    """

    def __init__(self, method: Any, merge: MergeRule) -> None:
        self._method = method
        self._merge = merge
        self.layered = False

    def refine(self, image: Image, depth: InverseDepth, mask: Mask) -> RefinedDepth:
        """Refine with one mask."""
        refined = self._method.refine(image, depth, mask)
        self.layered = isinstance(refined, RefinedDepth)
        if isinstance(refined, RefinedDepth):
            return refined
        array = as_depth(refined, name="what refine returned")
        if array.shape != depth.shape:
            raise UsageError(f"what refine returned: shape {array.shape}, not {depth.shape}")
        changed = np.isfinite(array) & (array != depth)
        return RefinedDepth(array, array, array, mask, changed)

    def refine_instances(self, image: Image, depth: InverseDepth, instances: Any) -> RefinedDepth:
        """Refine with several masks, each on its own, and merge the results."""
        masks: Iterable[Mask] = instance_masks(instances)
        results = (self.refine(image, depth, mask) for mask in masks)
        return merge_instances(depth, results, self._merge)


if TYPE_CHECKING:
    _: type[RefinementMethod] = OneByOne
