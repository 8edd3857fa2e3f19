"""`ddpm compare` on two real runs of the digits, on folders of images, and on what cannot be compared."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.cli.parser import build_parser
from ddpm.commands.compare.compare import ComparisonRequest, compare, comparison_text
from ddpm.commands.train.train import train
from ddpm.config import Config, with_overrides
from ddpm.data.catalogue import locate
from ddpm.errors import RequestError
from ddpm.evaluation.protocol import require_same_protocol
from ddpm.messages import sentence
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset
from ddpm.runs import COMPARISON_FILE, RunFolder
from ddpm.training.checkpoint import save_weights

SMALL = (
    "network.channels=8",
    "network.blocks=1",
    "sampling.steps=2",
    "training.batch_size=32",
    "training.memorization_every=0",
)


def small(*overrides: str) -> Config:
    return with_overrides(get_preset("digits").config, [*SMALL, *overrides])


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One empty folder as the current one for the whole module, with its own cache."""
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def runs(workplace: Path) -> tuple[str, str]:
    """Two trainings of a few steps, both called `tiny`, in different folders."""
    for name, steps in (("one", 6), ("two", 3)):
        train(small(f"training.steps={steps}"), workplace / name / "tiny")
    return "one/tiny", "two/tiny"


@pytest.fixture(scope="module")
def compared(runs: tuple[str, str], workplace: Path) -> dict[str, Any]:
    request = ComparisonRequest([*runs], n=30, likelihood=4, seed=7)
    return compare(request)


def blobs(folder: str, count: int, brightness: int, *, size: int = 12, seed: int = 0) -> str:
    """A folder of bright squares at random places."""
    rng = np.random.default_rng(seed)
    Path(folder).mkdir()
    for i in range(count):
        pixels = rng.integers(0, 40, (size, size))
        y, x = rng.integers(0, size - 5, 2)
        pixels[y : y + 5, x : x + 5] += brightness
        Image.fromarray(pixels.astype(np.uint8)).save(f"{folder}/{i:03}.png")
    return folder


def test_both_runs_are_measured_alike(compared: dict[str, Any]) -> None:
    first, second = (entry["evaluation"] for entry in compared["entries"])
    for key in ("n", "seeds", "reference", "floor", "network", "shape", "seed"):
        assert first[key] == second[key], key
    assert (first["n"], first["seeds"], first["reference"]["count"]) == (30, [7, 36], 1753)
    for rows in zip(first["rows"], second["rows"], strict=True):
        require_same_protocol(rows)


def test_names_are_told_apart_and_runs_give_their_facts(compared: dict[str, Any]) -> None:
    assert [entry["label"] for entry in compared["entries"]] == ["tiny", "tiny (2)"]
    run = compared["entries"][0]["run"]
    assert run["parameters"]["network"] > 1000 and run["minutes"] > 0
    facts = {
        key: run[key] for key in ("path", "preset", "model", "steps", "images_seen", "batch_size")
    }
    assert facts == {
        "path": "one/tiny", "preset": "digits", "model": "ddpm", "steps": 6, "images_seen": 192,
        "batch_size": 32,
    }  # fmt: skip
    assert compared["entries"][1]["run"]["images_seen"] == 96


def test_every_metric_has_a_verdict_that_its_numbers_allow(compared: dict[str, Any]) -> None:
    rows = compared["entries"][0]["evaluation"]["rows"]
    assert [v["metric"] for v in compared["verdicts"]] == [row["metric"] for row in rows]
    assert {"fd", "recall", "detail", "bits-bound", "class-share-9"} <= {
        v["metric"] for v in compared["verdicts"]
    }
    for verdict in compared["verdicts"]:
        first, second = verdict["values"]
        if verdict["winner"] is None:
            assert verdict["verdict"]["code"] == "not_distinguishable"
        elif verdict["better"] == "lower":
            assert (first["value"] < second["value"]) == (verdict["winner"] == 0)


def test_everything_lies_where_comparison_json_says(compared: dict[str, Any]) -> None:
    folder = Path("comparison")
    assert json.loads((folder / COMPARISON_FILE).read_text("utf-8")) == compared
    assert set(compared["figures"]) == {"grids", "metrics", "spectra", "neighbors", "cost"}
    for name in compared["figures"].values():
        with Image.open(folder / name) as picture:
            assert picture.width > 400
    assert "| tiny (2) | ddpm |" in (folder / compared["tables"]["markdown"]).read_text("utf-8")
    rows = list(
        csv.DictReader((folder / compared["tables"]["csv"]).read_text("utf-8").splitlines())
    )
    assert [row["entry"] for row in rows] == ["tiny", "tiny (2)", "floor"]
    said = comparison_text(compared, folder)
    assert said.splitlines()[-1].startswith("comparison: comparison.json, table.md")


def test_the_commands_ask_for_the_same_again(compared: dict[str, Any]) -> None:
    words = compared["command"].split()
    assert words[:2] == ["ddpm", "compare"]
    options = build_parser().parse_args(words[1:])
    assert (options.targets, options.n, options.seed) == (["one/tiny", "two/tiny"], 30, 7)
    for entry in compared["entries"]:
        build_parser().parse_args(entry["evaluation"]["command"].split()[1:])


def test_weights_beside_copied_training_images(workplace: Path) -> None:
    """Weights have no run; images without a model have no cost and are called out as copies."""
    with np.load(locate("digits", data_dir=None, cache_dir=workplace)) as digits:
        np.savez("copies.npz", images=digits["images"][:40])
    request = ComparisonRequest(
        ["copies.npz", "digits"], Path("mixed"), likelihood=0, overrides=["sampling.steps=2"]
    )
    found = compare(request)
    copies, weights = found["entries"]
    assert (copies["run"], weights["run"]) == (None, None)
    assert weights["evaluation"]["kind"] == "weights" and copies["evaluation"]["kind"] == "images"
    assert weights["evaluation"]["drawn"] == {"code": "sampler", "sampler": "dpm++2m", "steps": 2}
    assert {e["evaluation"]["n"] for e in found["entries"]} == {40}
    verdicts = {v["metric"]: v for v in found["verdicts"]}
    assert verdicts["copies-pixels"]["values"][0]["value"] > 0.9
    assert sentence(verdicts["copies-pixels"]["verdict"]) == "digits is better"
    assert copies["evaluation"]["reference"] == weights["evaluation"]["reference"]


def test_held_out_images_that_one_was_trained_on_give_it_no_likelihood(workplace: Path) -> None:
    for name, all_images in (("usual", "false"), ("everything", "true")):
        config = small("data.labels=false", f"data.all_images={all_images}", "data.path=digits")
        spec = ModelSpec(config, (1, 8, 8), (0.0,), 0.5)
        save_weights(Path(f"{name}.safetensors"), make_model(spec).state()["ema"], spec)
    targets = ["usual.safetensors", "everything.safetensors"]
    found = compare(ComparisonRequest(targets, Path("held"), n=20, likelihood=2))
    first, second = ({row["metric"] for row in e["evaluation"]["rows"]} for e in found["entries"])
    assert first - second == {"bits-bound", "bits-ode"}
    assert "were also used for training" in sentence(found["entries"][1]["evaluation"]["notes"])
    verdicts = {v["metric"]: sentence(v["verdict"]) for v in found["verdicts"]}
    assert verdicts["bits-ode"] == "only usual has this measurement"


def test_folders_against_folders_need_a_reference_and_have_no_cost(workplace: Path) -> None:
    real, like, dark, same = (
        blobs(name, count, brightness, seed=seed)
        for name, count, brightness, seed in (
            ("real", 120, 180, 0), ("like", 40, 180, 1), ("dark", 30, 90, 2), ("same", 40, 180, 3),
        )
    )  # fmt: skip
    with pytest.raises(RequestError, match="name the real images with --reference"):
        compare(ComparisonRequest([like, dark], Path("refused")))
    assert not Path("refused").exists()
    Path("folders").mkdir()
    for earlier in (COMPARISON_FILE, "cost.png"):
        (Path("folders") / earlier).write_text("{}")
    found = compare(ComparisonRequest([like, dark, same], Path("folders"), real, network="digits"))
    assert {e["evaluation"]["n"] for e in found["entries"]} == {30}  # as many as all of them have
    verdicts = {v["metric"]: sentence(v["verdict"]) for v in found["verdicts"]}
    better = {f"{name} is better than dark; not distinguishable from {other} at n=30"
              for name, other in (("like", "same"), ("same", "like"))}  # fmt: skip
    assert verdicts["brightness"] in better and verdicts["contrast"] in better
    assert "cost" not in found["figures"]
    assert not (Path("folders") / "cost.png").exists()


@pytest.mark.parametrize(
    ("targets", "request_", "words"),
    [
        (["one/tiny"], {}, "2 to 6 runs, weights or sets of images, not 1"),
        (["one/tiny"] * 7, {}, "not 7"),
        (["one/tiny", "nothing-here"], {}, "nothing-here"),
        (["one/tiny", "mnist"], {}, "are 8x8 gray, those of mnist 28x28 gray; compare images of one shape"),
        (["one/tiny", "large"], {}, "The images of large are 12x12 gray, the others 8x8 gray"),
        (["one/tiny", "few"], {"n": 90}, "few holds only 12 images, fewer than the 90 requested"),
        (["large", "few"], {"overrides": ["sampling.steps=2"]}, "Sampling options apply to diffusion models"),
        (["one/tiny", "digits"], {"out": Path("a-file")}, "a-file is a file; pass a folder to --out"),
        (["one/tiny", "digits"], {"out": Path("a-file/sub")}, "because a-file is a file"),
        (["one/tiny", "digits"], {"out": Path("album")}, r"album holds grids\.png but no comparison\.json"),
        (["one/tiny", "other"], {}, "name the real images to measure both against"),
        (["one/tiny", "two/tiny"], {"reference": "missing"}, "missing"),
        (["one/tiny", "two/tiny", "one/../one/tiny"], {}, "The run tiny is named twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_before_anything_is_written(
    runs: tuple[str, str], targets: list[str], request_: dict[str, Any], words: str
) -> None:
    for name, count, size in (("large", 20, 12), ("few", 12, 8)):
        if not Path(name).exists():
            blobs(name, count, 180, size=size)
    Path("a-file").touch()
    Path("album").mkdir(exist_ok=True)
    (Path("album") / "grids.png").write_bytes(b"mine")
    if "other" in targets:
        make_other_data(Path("other"))
    with pytest.raises(RequestError, match=words) as refused:
        compare(ComparisonRequest(targets, **{"out": Path("refused"), **request_}))
    assert str(refused.value).count(". ") <= 1
    assert not Path("refused").exists()
    assert [path.read_bytes() for path in Path("album").iterdir()] == [b"mine"]


def make_other_data(folder: Path) -> None:
    """A copy of a run that says it has learned other images."""
    shutil.copytree("one/tiny", folder, dirs_exist_ok=True)
    run = RunFolder(folder)
    environment = run.load_environment()
    environment["data"]["content_hash"] = "another"
    run.environment.write_text(json.dumps(environment), "utf-8")
