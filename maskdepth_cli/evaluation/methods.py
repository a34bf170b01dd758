"""The methods that `maskdepth evaluate` compares: from what users type to what refines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from maskdepth_cli.choices import DepthKind, Keep, MaskEdges
from maskdepth_cli.engine.loading import DEFAULT_WEIGHTS, load_refiner, weights_id
from maskdepth_cli.engine.settings import RefineSettings
from maskdepth_cli.errors import UsageError, WeightsError
from maskdepth_cli.evaluation.method_options import (
    Converters,
    odd,
    one_of,
    parse_options,
    positive,
    switch,
    whole,
)
from maskdepth_cli.evaluation.own import code_of, load_own, options_of, split_own
from maskdepth_cli.methods.baselines import (
    BilateralMedian,
    GuidedFilter,
    LayeredPropagation,
    WeightedMedian,
)
from maskdepth_cli.settings import declared

if TYPE_CHECKING:
    from maskdepth_cli.engine.result import RefinementMethod

INITIAL = "initial"
FILES = "files"
OURS = "ours"
LAYERED_OURS = "layered-ours"
# Without options; `all` stands for them. Those whose weights are not here are left out.
DEFAULT_METHODS = (
    OURS,
    "direct-composite",
    "direct-paired",
    "layered-propagation",
    "layered-nearest",
    LAYERED_OURS,
    "bmf",
    "guided",
    "wmf",
)
# Embedded weights of each network method; None: the user has to name a file.
NETWORKS: dict[str, str | None] = {
    OURS: DEFAULT_WEIGHTS,
    "direct-composite": f"{DEFAULT_WEIGHTS}-direct-composite",
    "direct-paired": f"{DEFAULT_WEIGHTS}-direct-paired",
    LAYERED_OURS: f"{DEFAULT_WEIGHTS}-stage1",
    # The ablations of the paper's Table 3.
    "ours-stage2-no-holes": None,
    "ours-stage2": None,
    "ours-no-holes": None,
}


@dataclass(frozen=True)
class Method:
    """One row of the comparison.

    Parameters
    ----------
    name : str
        What kind of method it is: one of `known_methods`.
    label : str
        Unique in a comparison; the name with the options that were given.
    decisive : mapping
        What decides its results, as JSON data; part of the key by which finished rows are known.
    load : callable or None
        Makes the method; None for `initial` and `files`.
    maps : Path or None
        For `files`: where the maps are.
    maps_kind : DepthKind
        What they hold.
    maps_unknown : float or None
        The number of unknown pixels in them.
    threaded : bool
        It can refine several frames at once in threads.
    uses_masks : bool
        Masks guide it.
    """

    name: str
    label: str
    decisive: Mapping[str, Any] = field(default_factory=dict)
    load: Callable[[], RefinementMethod] | None = None
    maps: Path | None = None
    maps_kind: DepthKind = "inverse"
    maps_unknown: float | None = None
    threaded: bool = True
    uses_masks: bool = True


_CLASSICAL: dict[str, tuple[Callable[..., RefinementMethod], Converters]] = {
    "layered-propagation": (
        partial(LayeredPropagation, "telea"),
        {"kernel": odd, "radius": positive},
    ),
    "layered-nearest": (partial(LayeredPropagation, "nearest"), {"kernel": odd}),
    "bmf": (BilateralMedian, {"threshold": positive}),
    "guided": (GuidedFilter, {"radius": whole, "epsilon": positive}),
    "wmf": (WeightedMedian, {"kernel": odd, "sigma": positive}),
}
_NETWORK_OPTIONS: Converters = {
    "weights": str,
    "keep": one_of(Keep),
    "working_size": whole,
    "windows": switch,
    "mask_edges": one_of(MaskEdges),
}
_LAYERED_OPTIONS: Converters = {"weights": str, "kernel": odd, "working_size": whole}
_FILES_OPTIONS: Converters = {"dir": str, "kind": one_of(DepthKind), "unknown": float}


def known_methods() -> tuple[str, ...]:
    """Return the names of all methods."""
    return (INITIAL, *NETWORKS, *_CLASSICAL, FILES)


def parse_methods(
    texts: tuple[str, ...], settings: Mapping[str, Any]
) -> tuple[list[Method], list[str]]:
    """Resolve what was typed.

    Parameters
    ----------
    texts : tuple of str
        ``NAME``, ``NAME:VALUE``, ``NAME:OPTION=VALUE,...``, ``FILE.py:CLASS``, or ``all``. A
        value without an option is the weights file of a network, the folder of ``files``, or the
        kernel or first option of a classical method.
    settings : mapping
        Fields of `RefineSettings` for all networks: device, precision, ...

    Returns
    -------
    methods : list of Method
        `initial` first, the others in the order they were named.
    notes : list of str
        One line for each default method that is left out, and why.

    Raises
    ------
    UsageError
        An unknown method or option, a value out of range, or the same method twice.
    WeightsError
        The weights of a method that was asked for by name are not there.
    """
    methods = {INITIAL: Method(INITIAL, INITIAL, uses_masks=False)}
    notes, named = [], set()
    for text in texts or ("all",):
        if text == INITIAL:
            continue
        if text != "all":
            method = make_method(text, settings)
            if method.label in named:
                raise UsageError(f"--method {text}: given twice")
            named.add(method.label)
            methods[method.label] = method
            continue
        for name in DEFAULT_METHODS:
            try:
                methods.setdefault(name, make_method(name, settings))
            except WeightsError:
                notes.append(f"{name} is left out: no weights here; --method {name}:FILE adds it")
    return list(methods.values()), notes


def make_method(text: str, settings: Mapping[str, Any]) -> Method:
    """Resolve one method; see `parse_methods`. Weights are found but not loaded."""
    if own := split_own(text):
        return _own(text, *own, settings)
    name, _, rest = text.partition(":")
    if name in _CLASSICAL:
        build, converters = _CLASSICAL[name]
        options = parse_options(text, rest, converters)
        shared = {key: settings[key] for key in ("min_instance_share", "merge") if key in settings}
        instance = build(**options, **shared)
        decisive = {"class": type(instance).__name__, **asdict(cast(Any, instance))}
        label = _label(name, options)
        return Method(name, label, decisive, lambda: instance, uses_masks=name != "bmf")
    if name in NETWORKS:
        return _network(text, name, rest, settings)
    if name == FILES:
        options = parse_options(text, rest, _FILES_OPTIONS)
        if "dir" not in options:
            raise UsageError(f"--method {text}: name the folder, as files:DIR")
        folder = Path(options["dir"])
        kind = cast(DepthKind, options.get("kind", "inverse"))
        label = f"{FILES} ({folder})"
        unknown = options.get("unknown")
        return Method(
            name,
            label,
            {"kind": kind, "unknown": unknown},
            maps=folder,
            maps_kind=kind,
            maps_unknown=unknown,
            uses_masks=False,
        )
    raise UsageError(
        f"--method {name}: not known; there are {', '.join(known_methods())}, all, and "
        "FILE.py:CLASS for one of your own"
    )


def _own(text: str, file: Path, name: str, rest: str, settings: Mapping[str, Any]) -> Method:
    options = options_of(text, rest)
    merge = settings.get("merge", "largest")
    decisive = {"code": code_of(file), "class": name, "options": options, "merge": merge}
    load = partial(load_own, file, name, options, merge)
    return Method(name, _label(f"{file.stem}.{name}", options), decisive, load, threaded=False)


def _network(text: str, name: str, rest: str, settings: Mapping[str, Any]) -> Method:
    layered = name == LAYERED_OURS
    options = parse_options(text, rest, _LAYERED_OPTIONS if layered else _NETWORK_OPTIONS)
    label = _label(name, options)
    weights = options.pop("weights", NETWORKS[name])
    if weights is None:
        raise WeightsError(f"--method {text}: name the weights, as {name}:FILE")
    kernel = options.pop("kernel", 5)
    # The compared methods merge instances as the paper does, unless one rule is asked for.
    rule = {} if name == OURS else {"merge": "largest"}
    chosen = {"layers": False, **rule, **settings, **options}
    deciding = {
        key: value for key, value in chosen.items() if declared(RefineSettings)[key].decides
    }

    def load() -> RefinementMethod:
        refiner = load_refiner(weights, **chosen)
        if refiner.layered is name.startswith("direct"):
            kind = "predicts layers" if refiner.layered else "predicts the composite directly"
            raise WeightsError(f"{weights}: a network that {kind} cannot be {name}")
        if not layered:
            return refiner
        from maskdepth_cli.methods.layered import layered_refiner

        return layered_refiner(refiner.network, refiner.settings, kernel)

    decisive = {
        "network": name if layered else "refiner",
        "kernel": kernel,
        "weights": weights_id(weights),
        **deciding,
    }
    return Method(name, label, decisive, load, threaded=False)


def _label(name: str, options: Mapping[str, Any]) -> str:
    """Name a method with the options it was given."""
    words = [
        str(value).removesuffix(".safetensors") if key == "weights" else f"{key} {_short(value)}"
        for key, value in options.items()
    ]
    return f"{name} ({', '.join(words)})" if words else name


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
