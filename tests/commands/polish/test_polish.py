"""`ddpm polish`: a run like any other, which keeps its reference and survives being killed."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ddpm.commands.polish.polish import PolishRequest, polish, polished_config
from ddpm.commands.report.reproduce import train_command
from ddpm.commands.sample.sample import SampleRequest, write_samples
from ddpm.commands.train.train import train
from ddpm.config import load_config, with_overrides
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import as_diffusion
from ddpm.models.fingerprint import weights_hash
from ddpm.presets import get_preset
from ddpm.runs import RunFolder, read_metrics
from tests.faults.harness import KILL, Ddpm, Fuse, leftovers, rows, weights

TINY = (
    "network.channels=8",
    "network.attention=[]",
    "training.steps=6",
    "training.batch_size=8",
    "training.checkpoint_every=2",
)
OFTEN = ("training.checkpoint_every=2", "training.heldout_every=2")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    """A diffusion model on the bundled digits."""
    config = with_overrides(get_preset("digits").config, TINY)
    return train(config, tmp_path_factory.mktemp("runs") / "model").run


@pytest.fixture(scope="module")
def polished(model: RunFolder, cache: Path) -> RunFolder:
    out = model.root.with_name("polished")
    outcome = polish(PolishRequest(str(model.root), out, steps=4, overrides=OFTEN))
    assert outcome.exit_status == 0 and outcome.step == outcome.steps == 4
    return outcome.run


def test_the_run_starts_from_the_model_and_keeps_it(model: RunFolder, polished: RunFolder) -> None:
    given = as_diffusion(open_model(str(model.root), "cpu").model)
    saved = as_diffusion(open_model(str(polished.teacher), "cpu").model)
    assert given is not None and saved is not None
    assert weights_hash(given) == weights_hash(saved)
    rows = read_metrics(polished.metrics)
    assert float(rows[0]["loss"]) == pytest.approx(0.693, abs=0.01)  # it cannot tell yet


def test_it_samples_like_any_diffusion_model(polished: RunFolder, workplace: Path) -> None:
    write_samples(str(polished.root), ["sampling.steps=2"], SampleRequest(2, out=Path("grid.png")))
    assert (workplace / "grid.png").is_file()
    again = polish(PolishRequest(str(polished.root), Path("runs/twice"), steps=1))  # a second round
    assert again.step == 1


def test_its_recipe_follows_the_model(model: RunFolder) -> None:
    own = load_config(model.config)
    found = polished_config(own)
    assert found.training.batch_size == own.training.batch_size // 2
    assert found.training.steps == max(1, round(own.training.steps / 10))
    assert found.network == own.network
    dropped = with_overrides(own, ["network.dropout=0.1"])
    assert polished_config(dropped).network.dropout == 0  # its reference has none
    noisy = with_overrides(own, ["diffusion.offset_noise=0.1", "diffusion.noise_candidates=4"])
    assert polished_config(noisy).diffusion == found.diffusion  # pairs have plain noise
    guided = with_overrides(own, ["sampling.guide=step:2", "sampling.guidance=2"])
    assert not polished_config(guided).sampling.autoguided  # the guide is not in the new run


def test_the_report_s_command_polishes(polished: RunFolder) -> None:
    config = load_config(polished.config)
    found = train_command(Path("runs/p"), config, "runs/model")
    assert found == "ddpm polish runs/model --out runs/p --steps 4"


def test_what_cannot_be_polished_is_refused(workplace: Path, model: RunFolder) -> None:
    gan = with_overrides(
        get_preset("dcgan-mnist").config,
        ["data.path=digits", "data.size=8", "gan.channels=8", "training.steps=1"],
    )
    train(gan, Path("runs/gan"))
    with pytest.raises(RequestError, match="is a DCGAN, but only a diffusion model can be"):
        polish(PolishRequest("runs/gan"))
    with pytest.raises(RequestError, match="each set the length of the training"):
        polish(PolishRequest(str(model.root), steps=2, overrides=["training.minutes=1"]))
    with pytest.raises(RequestError, match=r"set data\.augment=0"):
        polish(PolishRequest(str(model.root), overrides=["data.augment=0.2"]))
    learned = with_overrides(
        get_preset("digits").config,
        [*TINY, "training.steps=1", "diffusion.objective=v", "diffusion.learned_variance=true"],
    )
    train(learned, Path("runs/learned"))
    with pytest.raises(RequestError, match=r"has learned its variance, .*learned_variance=false"):
        polish(PolishRequest("runs/learned"))
    assert not Path("runs/learned-polished").exists()
    config = with_overrides(load_config(model.config), ["training.steps=2"])
    with pytest.raises(RequestError, match="needs another model; use: ddpm polish RUN"):
        train(replace(config, model="polished"), Path("runs/alone"))
    assert not Path("runs/model-polished").exists() and not Path("runs/alone").exists()


def test_another_model_does_not_continue_a_run(
    model: RunFolder, polished: RunFolder, workplace: Path
) -> None:
    shutil.copytree(polished.root, workplace / "copy")
    with pytest.raises(RequestError, match="has changed since"):
        polish(PolishRequest(str(polished.root), Path("copy"), steps=6))


KILLS: list[tuple[str, Fuse, list[int]]] = [
    ("before the reference's file", ("os", "replace", 2, KILL), []),
    ("in a batch", ("ddpm.models.polished:PolishedDdpm", "_generated", 3, KILL), []),
    ("between a checkpoint's files", ("ddpm.training.checkpoint", "save_file", 5, KILL), [5]),
]


def test_a_killed_process_leaves_a_run_that_ends_in_the_same_bits(tmp_path: Path) -> None:
    child, total = Ddpm(tmp_path, own=("model=polished",)), ("--init", "digits", "--steps", "12")
    whole, run = child.run("whole"), child.run("killed")
    assert child.train("whole", *total).status == 0
    for where, fuse, checkpoints in KILLS:
        done = child.train("killed", *total, fuse=fuse)
        assert done.status == -KILL or sys.platform == "win32", f"{where}: {done.output}"
        assert run.checkpoint_steps() == checkpoints, where
    done = child.train("killed", *total)
    assert done.status == 0 and "resuming at step 5 of 12" in done.output
    assert rows(run) == rows(whole)
    for step in run.checkpoint_steps():
        assert weights(run, step) == weights(whole, step)
    assert run.teacher.read_bytes() == whole.teacher.read_bytes() and leftovers(run) == []
