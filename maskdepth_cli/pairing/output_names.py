"""Where a photo's output goes: its own path, so that no two photos meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from maskdepth_cli.pairing.finding import InputFile, without_suffix
from maskdepth_cli.pairing.patterns import composed


class OutputNames(Mapping[InputFile, Path]):
    """Output paths of photos, kept as text."""

    def __init__(self, texts: Mapping[InputFile, str]) -> None:
        self.texts = texts

    def __getitem__(self, photo: InputFile) -> Path:
        return Path(self.texts[photo])

    def __iter__(self) -> Iterator[InputFile]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)


def output_names(
    inputs: Iterable[InputFile], *, ignore_case: bool = False
) -> tuple[OutputNames, tuple[InputFile, ...]]:
    """Give each photo its place in the output tree, without an extension.

    ``x/photo.jpg`` becomes ``x/photo``. Photos that differ by extension only keep it:
    ``x/photo.jpg`` and ``x/photo.png`` become ``x/photo.jpg`` and ``x/photo.png``, to which the
    output's own extension is added.

    Parameters
    ----------
    inputs : sequence of InputFile
        The photos.
    ignore_case : bool
        Whether names that differ by case only are one file on the output's file system.

    Returns
    -------
    names : mapping of InputFile to Path
        The relative output path of each photo; all different.
    clashing : tuple of InputFile
        Photos that cannot be told apart by their relative path: they are not in `names`.
    """

    def fold(place: str) -> str:
        return composed(place).casefold() if ignore_case else composed(place)

    short = {photo: without_suffix(photo.name) for photo in inputs}
    uses = Counter(map(fold, short.values()))
    names = {p: s if uses[fold(s)] == 1 else p.name for p, s in short.items()}
    uses = Counter(map(fold, names.values()))
    clashing = tuple(photo for photo, name in names.items() if uses[fold(name)] > 1)
    return OutputNames({p: n for p, n in names.items() if uses[fold(n)] == 1}), clashing
