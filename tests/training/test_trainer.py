"""The trainer: stages, schedule, checkpoints; killed anywhere it goes on to the same weights."""

from __future__ import annotations

import csv
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from maskdepth_cli.errors import MaskdepthError, UsageError, WeightsError
from maskdepth_cli.networks.refinement import RefinementNetwork
from maskdepth_cli.training.batches import _Positions
from maskdepth_cli.training.logs import Progress, RunLog
from maskdepth_cli.training.parallel import Ranks
from maskdepth_cli.training.recipe import TrainSettings, load_recipe
from maskdepth_cli.training.refinement_task import RefinementTask
from maskdepth_cli.training.request import TrainRequest
from maskdepth_cli.training.run import train
from maskdepth_cli.training.samples import TrainingSample, collate
from maskdepth_cli.training.trainer import Trainer
from maskdepth_cli.weights.checkpoints import load_plain
from maskdepth_cli.weights.refinement import load_network

CPU = torch.device("cpu")


def request(frames_root, recipe_path, output, **changes):
    values = {
        "stage": 2,
        "recipe": recipe_path,
        "rgbd": (frames_root,),
        "masks": (),
        "output": output,
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
    }
    return TrainRequest(**{**values, **changes})


def losses(folder: Path) -> list[str]:
    with (folder / "log.csv").open() as file:
        return [row["loss"] for row in csv.DictReader(file)]


def test_both_stages_follow_each_other_and_the_weights_load(frames_root, recipe_path, tmp_path):
    first = train(request(frames_root, recipe_path, tmp_path / "1", stage=1), lambda p: None)
    second = train(request(frames_root, recipe_path, tmp_path / "2", start=first), lambda p: None)
    assert load_network(second).config == load_recipe(recipe_path).network
    assert len(losses(tmp_path / "2")) == 1


def test_training_lowers_the_loss_on_a_fixed_batch(frames, recipe):
    torch.manual_seed(0)
    plain = replace(recipe.network, form="plain")  # starts far from any target
    task = RefinementTask(recipe, 2, frames, RefinementNetwork(plain))
    batch = collate([task.sample(i) for i in range(4)])
    optimizer = torch.optim.AdamW(task.network.parameters(), 2e-3)
    values = []
    for _ in range(25):
        optimizer.zero_grad()
        loss, _ = task.loss(task.network, batch)
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[-1] < 0.7 * values[0]


class Oracle(torch.nn.Module):
    """Gives what it is told to, layer by layer."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, depth, mask, rgb):
        return self.layers


def test_stage_1_asks_for_the_layer_of_its_coin(frames, recipe):
    from maskdepth_cli.training.composition import compose

    recipe = replace(recipe, data=replace(recipe.data, paired_share=0.0))
    task = RefinementTask(recipe, 1, frames, torch.nn.Identity())
    batch = collate([task.sample(i) for i in range(6)])
    c = compose(batch)
    first = batch["erode_first"].view(-1, 1, 1, 1)
    assert first.any()
    assert not first.all()
    exact = torch.where(first, c.foreground, c.background)
    swapped = torch.where(first, c.background, c.foreground)
    assert float(task.loss(Oracle(exact), batch)[0]) == 0
    assert float(task.loss(Oracle(swapped), batch)[0]) > 0.1


def test_the_schedule_is_the_papers(frames, recipe, tmp_path):
    def rates(settings):
        task = RefinementTask(recipe, 2, frames, torch.nn.Linear(1, 1))
        trainer = Trainer(task, settings, tmp_path, device=CPU)
        return [trainer.learning_rate(i) for i in range(10)]

    step = rates(TrainSettings(iterations=10, learning_rate=1.0))
    assert step == pytest.approx([1] * 6 + [0.1] * 2 + [0.01] * 2)
    cosine = rates(TrainSettings(iterations=10, learning_rate=1.0, schedule="cosine", warmup=2))
    expected = [0.5, 1] + [0.5 + 0.5 * math.cos(math.pi * i / 10) for i in range(2, 10)]
    assert cosine == pytest.approx(expected)


def test_killed_and_started_again_it_ends_with_the_same_weights(frames_root, recipe_path, tmp_path):
    def command(folder):
        return [sys.executable, "-m", "maskdepth_cli", "train", "--stage", "2", "--recipe",
                str(recipe_path), "--rgbd", str(frames_root), "--output", str(folder),
                "--precision", "fp32", "--threads", "1", "--device", "cpu"]  # fmt: skip

    train(request(frames_root, recipe_path, tmp_path / "whole"), lambda p: None)
    killed = tmp_path / "killed"
    process = subprocess.Popen(command(killed), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (killed / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (killed / "last.pt").exists()
    subprocess.run(command(killed), check=True, capture_output=True)
    whole, resumed = (
        torch.load(folder / "last.pt", weights_only=True) for folder in (tmp_path / "whole", killed)
    )
    assert resumed["iteration"] == whole["iteration"] == 8
    for name, tensor in whole["network"].items():
        assert torch.equal(tensor, resumed["network"][name]), name
    # The log's one line is the mean of all iterations, those before the kill too.
    assert losses(killed) == losses(tmp_path / "whole")


def test_a_killed_loader_process_is_one_line(frames_root, recipe_path, tmp_path):
    command = [
        *(sys.executable, "-m", "maskdepth_cli", "train", "--stage", "2", "--recipe"),
        *(str(recipe_path), "--rgbd", str(frames_root), "--output", str(tmp_path / "out")),
        *("--device", "cpu", "--threads", "1", "--workers", "1", "--set=stage2.iterations=100000"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        pytest.skip("the loader process cannot be found")
    deadline = time.monotonic() + 120
    while not (tmp_path / "out/last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    for child in children.read_text().split():
        os.kill(int(child), signal.SIGKILL)
    text = process.communicate(timeout=400)[1]
    assert process.returncode == 1
    assert "Traceback" not in text
    assert text.splitlines()[-1].startswith("maskdepth: a loader process was killed")


def test_a_bad_file_in_a_loader_process_is_one_line(frames_root, recipe_path, tmp_path):
    root = tmp_path / "frames"
    shutil.copytree(frames_root, root)
    for photo in (root / "rgb").iterdir():
        photo.write_bytes(photo.read_bytes()[:300])
    with pytest.raises(MaskdepthError, match=r"^\S+\.jpg: damaged or not supported"):
        train(request(root, recipe_path, tmp_path / "out", workers=1), lambda p: None)


def test_two_processes_give_the_gradients_of_one_with_both_batches(
    frames_root, recipe_path, tmp_path
):
    changes = ["stage2.iterations=1", "loss.boundary=3"]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "maskdepth_cli", "train", "--stage", "2", "--recipe", str(recipe_path)),
        *("--rgbd", str(frames_root), "--output", str(tmp_path / "two"), "--device", "cpu"),
        *("--precision", "fp32", *(f"--set={change}" for change in changes)),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    both = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert both.stderr.count("weights:") == 1  # the second process is silent
    whole = (*changes, "stage2.batch_size=4")
    train(request(frames_root, recipe_path, tmp_path / "one", settings=whole), lambda p: None)
    one, two = (
        torch.load(tmp_path / folder / "last.pt", weights_only=True)["optimizer"]["state"]
        for folder in ("one", "two")
    )
    # After one step the first moment is a tenth of the clipped gradient.
    for key, state in one.items():
        torch.testing.assert_close(two[key]["exp_avg"], state["exp_avg"], rtol=1e-3, atol=1e-7)
    assert max(state["exp_avg"].abs().max() for state in one.values()) > 1e-3


def test_processes_take_consecutive_parts_of_the_samples():
    settings = TrainSettings(iterations=2, batch_size=2, accumulate=2)
    parts = [list(_Positions(settings, 1, Ranks(rank, 2))) for rank in (0, 1)]
    assert parts == [[[8, 9], [12, 13]], [[10, 11], [14, 15]]]
    assert list(_Positions(replace(settings, batch_size=4), 1, Ranks())) == [
        a + b for a, b in zip(*parts, strict=True)
    ]


def test_tensorboard_has_what_the_csv_has(frames_root, recipe_path, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(
        request(
            frames_root, recipe_path, tmp_path, tensorboard=True,
            validation=frames_root, validation_initial=frames_root / "depth",
        ),
        lambda p: None,
    )  # fmt: skip
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    (loss,) = events.Scalars("training/loss")
    assert (loss.step, f"{loss.value:.5g}") == (8, f"{float(losses(tmp_path)[0]):.5g}")
    assert [event.step for event in events.Scalars("validation/mbe")] == [4, 8]


def test_what_a_killed_run_logged_behind_its_checkpoint_is_dropped(tmp_path):
    log = RunLog(tmp_path, 0)
    for iteration in (20, 40, 60):
        log.training(Progress(iteration, 80, 1.0, {"layer": 1.0}, 1e-4, 2.0, 0.0, True))
        assert log.validation(iteration, {"rmse": 60.0 - iteration})
    again = RunLog(tmp_path, 45)
    for name in ("log.csv", "validation.csv"):
        with (tmp_path / name).open() as file:
            assert [row["iteration"] for row in csv.DictReader(file)] == ["20", "40"]
    assert not again.validation(60, {"rmse": 20.0})  # 40 had it already
    assert again.validation(80, {"rmse": 19.0})


def test_compiled_networks_save_the_same_names(frames_root, recipe_path, tmp_path, monkeypatch):
    compiled = []

    def compile_(network):
        compiled.append(network)
        return torch.nn.ModuleDict({"_orig_mod": network})["_orig_mod"]

    monkeypatch.setattr(torch, "compile", compile_)
    path = train(request(frames_root, recipe_path, tmp_path, stage=1, compiled=True), lambda p: 0)
    assert len(compiled) == 1
    load_network(path)


def test_validation_keeps_the_best(frames_root, recipe_path, tmp_path):
    train(
        request(
            frames_root, recipe_path, tmp_path / "run",
            validation=frames_root, validation_initial=frames_root / "depth",
        ),
        lambda p: None,
    )  # fmt: skip
    with (tmp_path / "run/validation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == ["4", "8"]
    assert [*rows[0]][:3] == ["iteration", "mbe", "r3"]  # the lowest MBE is the best
    load_network(tmp_path / "run/best.safetensors")


def test_validation_without_all_initial_maps_is_refused_before_training(
    frames_root, recipe_path, tmp_path
):
    shutil.copytree(frames_root / "depth", tmp_path / "initial")
    (tmp_path / "initial/1.png").unlink()
    asked = request(
        frames_root, recipe_path, tmp_path / "run",
        validation=frames_root, validation_initial=tmp_path / "initial",
    )  # fmt: skip
    with pytest.raises(UsageError, match="initial: no map named 1"):
        train(asked, lambda p: None)
    with pytest.raises(UsageError, match="needs --validation-initial"):
        train(replace(asked, validation_initial=None), lambda p: None)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_stops_with_the_batch(frames, recipe, tmp_path):
    task = RefinementTask(recipe, 2, frames, RefinementNetwork(recipe.network))
    with torch.no_grad():
        task.network.output.bias.fill_(torch.nan)
    trainer = Trainer(task, recipe.stage2, tmp_path, device=CPU, precision="fp32")
    with pytest.raises(MaskdepthError, match="the loss is nan at iteration 0"):
        trainer.run()
    (saved,) = tmp_path.glob("not-finite-*")
    assert saved.name == "not-finite-0.pt"
    batch = load_plain(saved)
    samples = task.collate([task.sample(index) for index in range(recipe.stage2.batch_size)])
    assert {*batch} == {field.name for field in fields(TrainingSample)}
    for name, tensor in batch.items():
        torch.testing.assert_close(tensor, samples[name], rtol=0, atol=0, equal_nan=True)
    assert not (tmp_path / "last.pt").exists()


@pytest.mark.parametrize(
    ("precision", "instructions", "expected"),
    [
        ("auto", {}, torch.float32),
        ("auto", {"avx512_bf16": True}, torch.bfloat16),
        ("bf16", {}, torch.bfloat16),
        ("fp32", {"avx512_bf16": True}, torch.float32),
    ],
)
def test_a_cpu_computes_in_bfloat16_where_it_has_instructions_for_it(
    precision, instructions, expected, frames, recipe, tmp_path, monkeypatch
):
    def see(*_):
        enabled = torch.is_autocast_enabled("cpu")
        seen.add(torch.get_autocast_dtype("cpu") if enabled else torch.float32)

    seen = set()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions, raising=False)
    task = RefinementTask(recipe, 2, frames, RefinementNetwork(recipe.network))
    task.network.register_forward_hook(see)
    settings = replace(recipe.stage2, iterations=1)
    Trainer(task, settings, tmp_path, device=CPU, precision=precision).run()
    assert seen == {expected}


def test_all_processes_stop_where_one_has_a_loss_that_is_not_finite(tmp_path):
    """Iteration 1, process 1: sample 3. The other one stops too, and says so."""
    script = tmp_path / "script.py"
    script.write_text(
        """
import sys
from pathlib import Path
import torch
from maskdepth_cli.errors import MaskdepthError
from maskdepth_cli.training.parallel import joined
from maskdepth_cli.training.recipe import TrainSettings
from maskdepth_cli.training.samples import Batch
from maskdepth_cli.training.trainer import Trainer

class Task:
    network = torch.nn.Linear(1, 1)

    def sample(self, index):
        return float(index)

    def collate(self, samples):
        return Batch({"x": torch.tensor([samples])})

    def loss(self, network, batch):
        loss = network(batch["x"]).mean()
        return loss * (torch.nan if batch["x"].max() == 3 else 1), {"part": loss}

folder, cpu = Path(sys.argv[1]), torch.device("cpu")
settings = TrainSettings(iterations=4, batch_size=1)
with joined(cpu) as ranks:
    try:
        Trainer(Task(), settings, folder, device=cpu, precision="fp32", ranks=ranks).run()
    except MaskdepthError as error:
        (folder / f"line-{ranks.rank}").write_text(str(error))
"""
    )
    command = [*(sys.executable, "-m", "torch.distributed.run", "--standalone")]
    command += ["--nproc-per-node", "2", str(script), str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, env=environment, capture_output=True, check=True, timeout=400)
    lines = [(tmp_path / f"line-{rank}").read_text() for rank in (0, 1)]
    assert lines[0].startswith("the loss of another process is not finite at iteration 1. ")
    assert lines[1].startswith("the loss is nan at iteration 1; the batch is saved as ")
    (saved,) = tmp_path.glob("not-finite-*")
    assert saved.name == "not-finite-1-1.pt"
    assert load_plain(saved)["x"].tolist() == [[3.0]]


def test_harm_counts_without_layers_as_it_does_with_them(frames, recipe, tmp_path):
    """direct-composite: the loss grows by the excess over the given depth, times its weight."""

    class Farther(torch.nn.Module):
        def forward(self, depth, mask, rgb):
            return depth - 3

    found = {}
    for layered in (True, False):
        for harm in (0.0, 2.0):
            chosen = replace(
                recipe,
                network=replace(recipe.network, layered=layered),
                loss=replace(recipe.loss, harm=harm, harm_margin=0.5),
            )
            task = RefinementTask(chosen, 2, frames, Farther())
            batch = task.collate([task.sample(index) for index in range(2)])
            torch.manual_seed(0)
            loss, parts = task.loss(task.network, batch)
            assert ("harm" in parts) == bool(harm)
            torch.testing.assert_close(loss, torch.stack(list(parts.values())).sum())
            found[layered, harm] = loss, parts
    torch.manual_seed(0)
    given, c = task.inputs(batch)
    excess = ((given - 3 - c.depth).abs() - (given - c.depth).abs() - 0.5).clamp(min=0)
    harm = 2 * (excess * c.known).sum() / c.known.sum()
    assert harm > 1
    for layered in (True, False):
        torch.testing.assert_close(found[layered, 2.0][1]["harm"], harm)
        torch.testing.assert_close(found[layered, 2.0][0] - found[layered, 0.0][0], harm)


def test_weights_of_another_network_are_refused(frames_root, recipe_path, tmp_path):
    first = train(request(frames_root, recipe_path, tmp_path / "1", stage=1), lambda p: None)
    other = tmp_path / "other.toml"
    other.write_text(
        recipe_path.read_text().replace("decoder_channels = 8", "decoder_channels = 4")
    )
    with pytest.raises(WeightsError, match="differs from the recipe's network in decoder_channels"):
        train(request(frames_root, other, tmp_path / "2", start=first), lambda p: None)
    with pytest.raises(WeightsError, match="not a checkpoint of this recipe"):
        train(request(frames_root, other, tmp_path / "1", stage=1), lambda p: None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[network]\nsize = 'huge'", "unknown network size"),
        ("[data]\npatches = 3", "unknown settings: patches"),
        ("[data]\npatch = 'large'", "patch is 'large', but takes a int"),
        ("[stage3]\nx = 1", "unknown sections: stage3"),
        ("[data", "not a usable recipe"),
    ],
)
def test_bad_recipes_are_named(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_recipe(path)


RECIPES = Path(__file__).parents[2] / "train/recipes"


@pytest.mark.parametrize("name", ["paper", "mixed", "trust"])
def test_released_recipes_load(name):
    assert load_recipe(RECIPES / f"{name}.toml").stage2.iterations > 0


def test_the_paper_recipe_has_the_papers_numbers():
    recipe = load_recipe(RECIPES / "paper.toml")
    assert (recipe.stage1.iterations, recipe.stage2.iterations) == (500_000, 500_000)
    assert (recipe.stage2.batch_size, recipe.data.patch) == (32, 320)
    assert (recipe.stage2.learning_rate, recipe.stage2.milestones) == (1e-4, (0.6, 0.8))
    assert (recipe.network.form, recipe.data.paired_share) == ("plain", 0.0)
