"""One training loop for every network: refinement in both stages, and the small SIDE network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from maskdepth_cli.choices import TrainPrecision
from maskdepth_cli.engine.runtime import autocast, pick_precision
from maskdepth_cli.errors import MaskdepthError, WeightsError, one_line
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.training.batches import Task, batch_loader, loader_errors
from maskdepth_cli.training.logs import Progress, RunLog
from maskdepth_cli.training.parallel import Ranks, rank_mean, wait_for_all
from maskdepth_cli.training.recipe import TrainSettings
from maskdepth_cli.weights.checkpoints import load_plain

CHECKPOINT = "last.pt"
REPORT_EVERY = 20  # iterations averaged into one line of the log
ALONE = Ranks()
Losses = tuple[float, dict[str, float]]  # of an iteration, and its parts


class Trainer:
    """Runs a task: AdamW, step or cosine schedule, clipping, EMA, resumable checkpoints.

    Parameters
    ----------
    task : Task
        What to train.
    settings : TrainSettings
        How long and how fast.
    folder : Path
        Takes ``last.pt`` (to resume from), ``weights.safetensors`` (EMA weights) and the logs.
    device : torch.device
        Training device.
    precision : {"auto", "fp32", "bf16"}
        Autocast precision of the forward pass; ``auto``: bfloat16 where the device computes in it.
    workers : int
        Loader processes; 0 loads in this process.
    compiled : bool
        Run the network through ``torch.compile``.
    tensorboard : bool
        Log for TensorBoard, too.
    ranks : Ranks
        Which of several processes this is; each takes its part of every iteration's samples.
    """

    def __init__(
        self,
        task: Task,
        settings: TrainSettings,
        folder: Path,
        *,
        device: torch.device,
        precision: TrainPrecision = "auto",
        workers: int = 0,
        compiled: bool = False,
        tensorboard: bool = False,
        ranks: Ranks = ALONE,
    ) -> None:
        self.task, self.settings, self.folder = task, settings, folder
        self.device, self.workers = device, workers
        self.dtype = _autocast_type(precision, device)
        self.tensorboard, self.ranks = tensorboard, ranks
        self.network = task.network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if ranks.world > 1 and device.type == "cuda":  # there is none for the CPU
            self.network = nn.SyncBatchNorm.convert_sync_batchnorm(self.network)
        self.ema = deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.network, settings.weight_decay, settings.encoder_scale),
            lr=settings.learning_rate,
            fused=device.type == "cuda",
        )
        self.iteration = 0
        self.window: list[Losses] = []  # since the last line of the log
        self.model: Any = torch.compile(self.network) if compiled else self.network
        if ranks.world > 1:
            self.model = DistributedDataParallel(self.model)

    def run(self, report: Callable[[Progress], None] = lambda progress: None) -> Path:
        """Train from the last checkpoint, if there is one, to the end.

        Returns
        -------
        Path
            The EMA weights, ``folder/weights.safetensors``.

        Raises
        ------
        MaskdepthError
            The loss stopped being finite, in this process or another one, and the batch is saved
            beside the checkpoint; or a loader process was killed.
        """
        with loader_errors():
            return self._run(report)

    def _run(self, report: Callable[[Progress], None]) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.resume()
        log = RunLog(self.folder, self.iteration, self.tensorboard) if self.ranks.first else None
        started, begun = time.perf_counter(), self.iteration
        for batches in self.batches():
            self.window.append(self.step(batches))
            if log is None:
                continue
            progress = self._progress((time.perf_counter() - started) / (self.iteration - begun))
            if progress.logged:
                log.training(progress)
                started, begun, self.window = time.perf_counter(), self.iteration, []
            report(progress)
            if self.iteration % self.settings.validate_every == 0:
                self._validate(log)
            if self.iteration % self.settings.save_every == 0:
                self.save()
        if log is not None:
            self.save()
            log.close()
        return self.folder / "weights.safetensors"

    def resume(self) -> None:
        """Load ``last.pt`` if it is there."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        try:
            state = load_plain(path, self.device)
            self.network.load_state_dict(state["network"])
            self.ema.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.iteration = state["iteration"]
            self.window = state.get("window", [])
            if "random" in state:
                torch.set_rng_state(state["random"].cpu())
        except (AttributeError, RuntimeError, LookupError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{path}: not a checkpoint of this recipe ({one_line(error)}); "
                "use another --output folder or remove it"
            ) from error

    def save(self) -> None:
        """Write the checkpoint and the EMA weights, each whole or not at all."""
        with atomic_write(self.folder / CHECKPOINT) as temporary:
            torch.save(
                {
                    "network": self.network.state_dict(),
                    "ema": self.ema.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "iteration": self.iteration,
                    "window": self.window,
                    "random": torch.get_rng_state(),
                },
                temporary,
            )
        self.task.save(self.ema, self.folder / "weights.safetensors")

    def learning_rate(self, iteration: int) -> float:
        """Learning rate of an iteration: warm-up, then the schedule."""
        s = self.settings
        if iteration < s.warmup:
            return s.learning_rate * (iteration + 1) / s.warmup
        share = iteration / s.iterations
        if s.schedule == "cosine":
            return s.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        return s.learning_rate * 0.1 ** sum(share >= milestone for milestone in s.milestones)

    def batches(self) -> Iterator[list[Any]]:
        """Load the batches of each iteration, from this one to the end."""
        loader = batch_loader(self.task, self.settings, self.iteration, self.ranks, self.workers)
        group = []
        for batch in loader:
            group.append(batch)
            if len(group) == self.settings.accumulate:
                yield group
                group = []

    def step(self, batches: list[Any]) -> Losses:
        """Do an iteration.

        Raises
        ------
        MaskdepthError
            The loss stopped being finite, here or in another process.
        """
        self.model.train()
        rate = self.learning_rate(self.iteration)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_scale"]
        self.optimizer.zero_grad(set_to_none=True)
        losses: list[Tensor] = []
        parts: Mapping[str, Tensor] = {}
        for number, batch in enumerate(batches, 1):
            with self._synchronised(number == len(batches)):
                with autocast(self.device, self.dtype):
                    loss, parts = self.task.loss(self.model, batch.to(self.device))
                (loss / len(batches)).backward()
            losses.append(loss.detach())
        broken = rank_mean(1 - torch.stack(losses).isfinite().all().float())
        # Fetched at once: each fetch waits for the device.
        fetched = torch.stack([*losses, *(part.detach() for part in parts.values()), broken])
        *values, broken_share = fetched.tolist()
        if broken_share > 0:  # all processes stop, or the others would wait for this one
            self._give_up(batches, values[: len(batches)])
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimizer.step()
        self._average()
        self.iteration += 1
        shown = dict(zip(parts, values[len(batches) :], strict=True))
        return sum(values[: len(batches)]) / len(batches), shown

    def _synchronised(self, last: bool) -> Any:
        """Gradients of several processes are averaged once, in the last batch of an iteration."""
        if last or not isinstance(self.model, DistributedDataParallel):
            return nullcontext()
        return self.model.no_sync()

    def _give_up(self, batches: list[Any], losses: list[float]) -> None:
        own = [number for number, loss in enumerate(losses) if not math.isfinite(loss)]
        if own:
            rank = f"-{self.ranks.rank}" if self.ranks.world > 1 else ""
            path = self.folder / f"not-finite-{self.iteration}{rank}.pt"
            with atomic_write(path) as temporary:
                torch.save(batches[own[0]].named(), temporary)
            what = f"the loss is {losses[own[0]]} at iteration {self.iteration}; the batch is "
            what += f"saved as {path}"
        else:
            what = f"the loss of another process is not finite at iteration {self.iteration}"
        wait_for_all()
        raise MaskdepthError(
            f"{what}. Lower the learning rate and run again: it goes on from the checkpoint "
            "before this."
        )

    def _average(self) -> None:
        """EMA; its memory grows from the start so that early weights do not linger."""
        decay = min(self.settings.ema, (1 + self.iteration) / (10 + self.iteration))
        means, values = self.ema.state_dict(), self.network.state_dict()
        floats = [name for name, mean in means.items() if mean.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_(  # one kernel for all, where there are kernels
                [means[name] for name in floats], [values[name] for name in floats], 1 - decay
            )
            for name in means.keys() - set(floats):
                means[name].copy_(values[name])

    def _progress(self, seconds: float) -> Progress:
        """Return the state of the run; ``seconds`` an iteration."""
        s = self.settings
        window = self.window
        return Progress(
            iteration=self.iteration,
            iterations=s.iterations,
            loss=_mean([loss for loss, _ in window]),
            parts={name: _mean([parts[name] for _, parts in window]) for name in window[0][1]},
            learning_rate=self.learning_rate(self.iteration - 1),
            samples_per_second=s.batch_size * s.accumulate * self.ranks.world / seconds,
            seconds_left=(s.iterations - self.iteration) * seconds,
            logged=self.iteration % REPORT_EVERY == 0 or self.iteration == s.iterations,
        )

    def _validate(self, log: RunLog) -> None:
        figures = self.task.validate(self.ema.eval())
        if figures and log.validation(self.iteration, figures):
            self.task.save(self.ema, self.folder / "best.safetensors")


def _autocast_type(precision: TrainPrecision, device: torch.device) -> torch.dtype | None:
    """Choose as for inference, but without half precision, whose small gradients vanish."""
    dtype = pick_precision(precision, device, rounds=True)
    return None if dtype == torch.float16 else dtype


def parameter_groups(
    network: nn.Module, weight_decay: float, encoder_scale: float = 1.0
) -> list[dict[str, Any]]:
    """Split parameters: norms and biases are not decayed, the encoder has its own learning rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decay = weight_decay if parameter.ndim > 1 else 0.0
            scale = encoder_scale if name.startswith("encoder.") else 1.0
            groups.setdefault((decay, scale), []).append(parameter)
    return [
        {"params": params, "weight_decay": decay, "lr_scale": scale}
        for (decay, scale), params in groups.items()
    ]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
