"""What `refine` does with one photo: read, refine, write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import as_image, strips
from maskdepth_cli.commands.job_masks import MaskReading, read_masks
from maskdepth_cli.commands.network_worker import NetworkWorker
from maskdepth_cli.commands.portraits import WithinPhoto, depth_within
from maskdepth_cli.commands.signs import OWN_EDGES, doubts, lone_numbers, signs_of
from maskdepth_cli.engine.finishing import confidence_of, finish
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.depth_writing import loss_in_codes, write_depth
from maskdepth_cli.files.depths import DepthMap, read_depth_map
from maskdepth_cli.files.images import orientation_of, read_photo
from maskdepth_cli.files.masks import read_mask, write_mask
from maskdepth_cli.files.scales import Scale
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.files.turns import Turns
from maskdepth_cli.pairing.mask_files import LazyMasks
from maskdepth_cli.portraits.embedding import check_embeddable, embedded_copy
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.types import InstanceMap, InverseDepth, Mask, Photo
from maskdepth_cli.viewing.pictures import write_picture

if TYPE_CHECKING:
    from maskdepth_cli.commands.refine_request import RefineRequest
    from maskdepth_cli.engine.refiner import Refiner
    from maskdepth_cli.engine.result import RefinedDepth
    from maskdepth_cli.side.predictor import Predictor

_STRIP = 1 << 16  # pixels that are compared at once


@dataclass(frozen=True)
class Loaded:
    """One photo with its initial depth and its masks, all of the photo's size."""

    image: Photo
    depth: DepthMap | None = None  # None: not predicted yet
    mask: Mask | None = None
    instances: InstanceMap | Sequence[Mask] | None = None
    sky: Mask | None = None
    within: WithinPhoto = field(default_factory=WithinPhoto)
    signs: set[str] = field(default_factory=set)  # what was met while they were read
    number: int | None = None  # of a clip's frame


@dataclass(frozen=True)
class Refined:
    """One photo and what came of it."""

    loaded: Loaded
    initial: InverseDepth  # read or predicted
    result: RefinedDepth


def read(request: RefineRequest, job: Job) -> Loaded:
    """Read photo, initial depth and masks of a job."""
    limit = request.max_megapixels
    image = read_photo(job.image, max_megapixels=limit)
    size = (image.shape[1], image.shape[0])
    signs: set[str] = set()
    turn = orientation_of(job.image, max_megapixels=limit)
    stored = request.as_stored
    said = stored != "none"
    depth = None
    for path in job.paths("depth"):
        turned = Turns(turn, stored in ("depths", "all"), signs.add, said).of(path, size)
        depth = read_depth_map(
            path,
            request.depth_kind,
            unknown=request.unknown,
            channel=request.depth_channel,
            max_megapixels=limit,
        )
        signs.update(lone_numbers(depth))
        depth = depth.to_size(turned.size, path).changed(turned.apply)
    within = WithinPhoto()
    if depth is None and not request.side.model:
        within = depth_within(job.image, size, limit)
        if within.depth is not None:
            depth = DepthMap(within.depth, None, Scale("inverse"))
    if request.embed:
        check_embeddable(job.image, max_megapixels=limit)
    how = MaskReading(
        request.selection,
        request.rules_of_masks(),
        request.matte or "portrait",
        Turns(turn, stored in ("masks", "all"), signs.add, said),
    )
    masks = read_masks(job, size, how, limit)
    if isinstance(masks, LazyMasks) and len(masks) == 1:
        return Loaded(image, depth, masks[0], None, _read_sky(job, size, limit), within, signs)
    return Loaded(image, depth, None, masks, _read_sky(job, size, limit), within, signs)


def _read_sky(job: Job, size: tuple[int, int], limit: float) -> Mask | None:
    """Read the mask of the sky, where there is one."""
    for path in job.paths("sky"):
        if path != job.image:
            sky = read_mask(path, max_megapixels=limit)
            return match_size(sky, size, what="mask", path=path)
    return None


class RefineWorker(NetworkWorker):
    """Refine photos with one method, `Refiner` or another with its signature.

    Parameters
    ----------
    request
        Kinds, formats and limits.
    folder
        The target folder.
    method
        Refines arrays.
    decisive
        Weights and settings, noted in the manifest; the weights also in the files.
    predictor
        Predicts the initial depth of photos that neither have nor hold one.
    photos
        How many the run is of: cores are divided among them.
    """

    def __init__(
        self,
        request: RefineRequest,
        folder: Path,
        method: Refiner,
        decisive: Mapping[str, Any],
        predictor: Predictor | None = None,
        photos: int = 1,
    ) -> None:
        super().__init__(method.device, method.settings.batch_size, photos)
        self._request = request
        self._folder = folder
        self._method = method
        self._decisive = dict(decisive)
        self._predictor = predictor

    def load(self, job: Job) -> Loaded:
        """Read photo, initial depth and masks."""
        return read(self._request, job)

    def compute(self, loaded: Sequence[Loaded]) -> list[Refined]:
        """Refine photos; those with one mask share batches, and so do those to be predicted."""
        with self.cores.share():
            return self._compute(loaded)

    def _compute(self, loaded: Sequence[Loaded]) -> list[Refined]:
        initial = self._initial(loaded)
        alone = [
            (photo.image, depth, photo.mask)
            for photo, depth in zip(loaded, initial, strict=True)
            if photo.mask is not None
        ]
        together = iter(self._method.refine_many(alone))
        results = []
        for photo, depth in zip(loaded, initial, strict=True):
            if photo.instances is None:
                result = next(together)
            else:
                result = self._method.refine_instances(photo.image, depth, photo.instances)
            wrap = self._request.settings.wrap
            result = finish(result, self._request.finish, photo.sky, wrap=wrap)
            results.append(Refined(photo, depth, result))
        return results

    def _initial(self, loaded: Sequence[Loaded]) -> list[InverseDepth]:
        """Return the depth maps that were read, and predict the others."""
        missing = [photo.image for photo in loaded if photo.depth is None]
        predicted: Iterator[InverseDepth] = iter(())
        if missing:
            assert self._predictor is not None
            predicted = iter(self._predictor.predict_many(missing))
        return [next(predicted) if photo.depth is None else photo.depth.inverse for photo in loaded]

    def save(self, job: Job, result: Refined) -> dict[str, Any]:
        """Write the layers and the preview, then the refined depth."""
        refined = result.result
        if preview := job.output("preview"):
            write_picture(self._folder / preview, _preview(result))
        if mask := job.output("mask"):
            write_mask(self._folder / mask, refined.mask)
        if sure := job.output("confidence"):
            write_mask(self._folder / sure, confidence_of(result.initial, refined))
        if copy := job.output("embedded"):
            self._embed(job, result, self._folder / copy)
        initial, scales = result.loaded.depth, {}
        for role in ("foreground", "background", "depth"):
            if place := job.output(role):
                scales[role] = write_depth(
                    self._folder / place,
                    getattr(refined, role),
                    format=self._request.format,
                    initial=initial,
                    png_range=self._request.png_range,
                    extra={"weights": str(self._decisive["weights"])[:12]},
                )
        remarks = (
            _warning(result),
            loss_in_codes(refined.depth, scales["depth"], initial),
            *([] if initial is None else doubts(initial, refined.mask)),
        )
        change = _change(result.initial, refined)
        decides = self._request.settings.mask_edges == "auto"
        signs = sorted(_signs(result, change["max_change"], decides=decides))
        return {
            "message": "; ".join(filter(None, remarks)),
            "size": [result.loaded.image.shape[1], result.loaded.image.shape[0]],
            "scale": scales.pop("depth"),
            **({"layer_scales": scales} if scales else {}),
            **change,
            **({"signs": signs} if signs else {}),
            **({"within": within} if (within := result.loaded.within.facts) else {}),
            "made_with": self._decisive,
        }

    def _embed(self, job: Job, result: Refined, target: Path) -> None:
        data = embedded_copy(
            job.image,
            result.result.depth,
            own=result.loaded.within.depth is not None,
            max_megapixels=self._request.max_megapixels,
        )
        with atomic_write(target) as temporary:
            temporary.write_bytes(data)


def _warning(refined: Refined) -> str:
    """Return why the initial depth is written as it is, and what is wrong with the photo's own."""
    return "; ".join(filter(None, (_untouched(refined), refined.loaded.within.warning)))


def _untouched(refined: Refined) -> str:
    """Return why the initial depth is written as it is, empty where it was refined."""
    mask = refined.loaded.mask
    if mask is not None and mask.max() <= 0:
        reason = "mask is empty"
    elif mask is not None and mask.min() >= 1:
        reason = "mask covers the whole photo"
    elif not refined.result.changed.any():
        reason = "no mask or instance is large enough, or the initial depth is constant"
    else:
        return ""
    return f"{reason}: the initial depth is written as it is"


def _signs(refined: Refined, max_change: float, *, decides: bool) -> Iterator[str]:
    """Yield what is odd if many photos have it, where the photo's own line does not say it."""
    yield from refined.loaded.signs
    if decides and refined.result.own_edges:
        yield OWN_EDGES
    if not _untouched(refined):
        divides = isinstance(refined.loaded.instances, np.ndarray)
        yield from signs_of(refined.initial, refined.result.mask, max_change, divides=divides)


def _change(initial: InverseDepth, refined: RefinedDepth) -> dict[str, Any]:
    """Return how much the depth changed, in units of the initial inverse depth, and its range."""
    largest, total, count = 0.0, 0.0, 0
    for rows in strips(0, len(initial), _STRIP // initial.shape[1]):  # no second map
        with np.errstate(invalid="ignore"):
            change = np.abs(refined.depth[rows] - initial[rows])
        known = np.isfinite(change)
        if not known.all():
            change = change[known]
        largest = max(largest, float(change.max(initial=0)))
        total += float(change.sum(dtype=np.float64))
        count += change.size
    if not count:
        return {"max_change": 0.0, "mean_change": 0.0, "changed_share": 0.0}
    return {
        "max_change": largest,
        "mean_change": total / count,
        "changed_share": float(refined.changed.mean()),
    }


def _preview(refined: Refined) -> NDArray[np.uint8]:
    """Return the picture of a refinement; several objects in a map have colours of their own."""
    from maskdepth_cli.viewing.panels import refinement_panel  # with Pillow's drawing

    photo, result = refined.loaded, refined.result
    mask = photo.instances if isinstance(photo.instances, np.ndarray) else result.mask
    return refinement_panel(as_image(photo.image), mask, refined.initial, result.depth)
