"""`ddpm sampler-lab` as a library call and as its user meets it, on models with random weights."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.cli import main
from ddpm.cli.parser import build_parser
from ddpm.commands.options import named_values
from ddpm.commands.sample.command import SAMPLE_OPTIONS
from ddpm.commands.sampler_lab import lab as module
from ddpm.commands.sampler_lab import lab_benchmark
from ddpm.commands.sampler_lab.lab import sampler_lab
from ddpm.commands.sampler_lab.lab_benchmark import SamplerBenchmark
from ddpm.commands.sampler_lab.lab_request import LabRequest
from ddpm.config import load_config
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.runs import RunFolder

POINT = {
    "sampler", "steps", "spacing", "evaluations", "seconds_per_image", "solver_error", "value", "low",
    "high", "ratio", "ratio_low", "ratio_high", "as_good", "baseline", "settings",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(lab_benchmark, "FINE_STEPS", 20)
        yield folder


@pytest.fixture(scope="module")
def run(make_run) -> RunFolder:
    return RunFolder(make_run("mine", (1, 8, 8), data="digits"))


def request(run: RunFolder, **changes: Any) -> LabRequest:
    base = LabRequest(str(run.root), ("ddim", "unipc", "ancestral"), (2, 4), n=20, device="cpu")
    return replace(base, **changes)


@pytest.fixture(scope="module")
def lab(run: RunFolder) -> dict[str, Any]:
    return sampler_lab(request(run, json=Path("copy.json")))


def test_the_object_is_whole_and_lies_with_its_figure_in_the_run(
    lab: dict[str, Any], run: RunFolder
) -> None:
    for path in (run.sampler_lab, Path("copy.json")):
        assert json.loads(path.read_text("utf-8")) == json.loads(json.dumps(lab))
    assert run.sampler_lab_plot.is_file()
    assert [(p["sampler"], p["evaluations"]) for p in lab["points"]] == [
        (sampler, budget) for budget in (2, 4) for sampler in ("ddim", "unipc", "ancestral")
    ]
    for point in lab["points"]:
        assert set(point) == POINT
        assert point["low"] < point["value"] < point["high"] and point["seconds_per_image"] > 0
        assert (point["solver_error"] is None) == (point["sampler"] == "ancestral")
    assert (lab["n"], lab["seeds"], lab["label"]) == (20, [0, 19], "FD-digits (n=20, train ref)")
    assert "seed=0" in lab["protocol"] and lab["floor"]["low"] < lab["floor"]["value"]
    best = min(p["value"] for p in lab["points"])
    assert lab["points"][lab["best"]]["value"] == best
    chosen = lab["points"][lab["recommended"]]
    good = [p["evaluations"] for p in lab["points"] if p["as_good"]]
    assert chosen["as_good"] and chosen["evaluations"] == min(good)


def test_the_choice_is_what_sample_draws_with_from_then_on(
    lab: dict[str, Any], run: RunFolder
) -> None:
    chosen = lab["points"][lab["recommended"]]
    own = open_model(str(run.root), "cpu").model
    assert asdict(own.spec.config.sampling) == chosen["settings"]
    assert main(["sample", str(run.root), "-n", "2", "--out", "default.npz"]) == 0
    options = [f"--set=sampling.{key}={chosen[key]}" for key in ("sampler", "spacing", "steps")]
    assert main(["sample", str(run.root), "-n", "2", "--out", "asked.npz", *options]) == 0
    with np.load("default.npz") as one, np.load("asked.npz") as other:
        assert np.array_equal(one["images"], other["images"])
    before = load_config(run.config)
    assert before.training.steps == 12  # everything else of the configuration stands


def test_a_point_is_not_measured_twice(
    lab: dict[str, Any], run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    drawn: list[str] = []
    measure = SamplerBenchmark.measure

    def noted(bench: SamplerBenchmark, point: Any, *rest: Any) -> Any:
        drawn.append(point.name)
        return measure(bench, point, *rest)

    monkeypatch.setattr(SamplerBenchmark, "measure", noted)
    again = sampler_lab(request(run))
    assert drawn == [] and again["points"] == lab["points"]
    said = capsys.readouterr().err
    assert "6 are measured already" in said
    assert f"the recommended settings become the default of {run.root} (--keep" in said
    wider = sampler_lab(request(run, evaluations=(2, 3), samplers=("ddim",)))
    assert drawn == ["ddim, 3 steps"] and len(wider["points"]) == 2
    sampler_lab(request(run, evaluations=(2,), samplers=("ddim",), seed=1))
    assert drawn == ["ddim, 3 steps", "ddim, 2 steps"]  # other images are another point


def test_a_lab_that_was_cut_off_goes_on_where_it_was(
    make_run, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = RunFolder(make_run("cut", (1, 8, 8), data="digits", seed=3))
    measure, before = SamplerBenchmark.measure, own.config.read_text("utf-8")

    def killed(bench: SamplerBenchmark, point: Any, *rest: Any) -> Any:
        if point.settings.steps == 4:
            raise KeyboardInterrupt
        return measure(bench, point, *rest)

    monkeypatch.setattr(SamplerBenchmark, "measure", killed)
    with pytest.raises(KeyboardInterrupt):
        sampler_lab(request(own))
    kept = {file.name for file in own.sampler_lab_points.glob("*.json")}
    assert len(kept) == 3 and not own.sampler_lab.exists()
    assert own.config.read_text("utf-8") == before
    monkeypatch.setattr(SamplerBenchmark, "measure", measure)
    whole = sampler_lab(request(own))
    assert len(whole["points"]) == 6
    assert kept < {file.name for file in own.sampler_lab_points.glob("*.json")}


@pytest.mark.parametrize("failing", ["save_tradeoff_plot", "write_json"])
def test_the_default_changes_only_once_the_record_says_why(
    run: RunFolder, lab: dict[str, Any], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """A full disk or a figure that fails leaves the run as it was."""

    def full(*rest: Any) -> None:
        raise OSError("no space left")

    before = run.config.read_bytes()
    once = request(run, samplers=("ddim",), evaluations=(2,), overrides=("sampling.clip=none",))
    with monkeypatch.context() as patch:
        patch.setattr(module, failing, full)
        with pytest.raises(OSError, match="no space"):
            sampler_lab(once)
    assert run.config.read_bytes() == before


@pytest.mark.parametrize("budgets", [(), (0,), (4, -1)])
def test_a_library_call_asks_for_evaluations_too(run: RunFolder, budgets: tuple[int, ...]) -> None:
    with pytest.raises(RequestError, match=r"evaluations.* whole numbers? of at least 1"):
        sampler_lab(request(run, evaluations=budgets))


def test_keep_and_weights_files_change_nothing_and_say_how_to_draw(
    run: RunFolder, lab: dict[str, Any], tmp_path: Path, capsys
) -> None:
    before = run.config.read_bytes()
    capsys.readouterr()
    kept = sampler_lab(request(run, keep=True, out=tmp_path / "apart", samplers=("ddim",)))
    assert run.config.read_bytes() == before and kept["default"]["code"] == "default_kept"
    assert RunFolder(tmp_path / "apart").sampler_lab_plot.is_file()
    assert "become the default" not in capsys.readouterr().err
    found = sampler_lab(LabRequest("digits", ("unipc",), (2,), n=20, device="cpu"))
    assert Path("digits-sampler-lab/sampler-lab.json").is_file()
    words = shlex.split(found["default"]["command"])
    options = build_parser().parse_args(words[1:])
    assert named_values(SAMPLE_OPTIONS, options)["overrides"][:2] == (
        "sampling.sampler=unipc",
        "sampling.steps=2",
    )
    assert options.target == "digits"


def test_the_baseline_is_a_point_of_its_own(make_run, capsys) -> None:
    own = RunFolder(make_run("walked", (1, 8, 8), data="digits"))
    config = json.loads(own.config.read_text("utf-8"))
    found = sampler_lab(request(own, samplers=("ddim",), evaluations=(2,), ancestral=True, n=10))
    walk = found["points"][-1]
    assert walk["baseline"] and walk["evaluations"] == config["diffusion"]["num_steps"] == 1000
    assert "for ancestral, 1000 steps (1,000 evaluations per image)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-n", "9"], "needs at least 10"),
        (["--samplers", "unipcc"], "there is no sampler 'unipcc'"),
        (["--evaluations", "4,no"], "'no' should be a whole number"),
        (["--evaluations", "1", "--set", "sampling.guidance=2"], "learned no labels"),
        (["--set", "sampling.steps=4"], "use --samplers and --evaluations"),
        (["--set", "training.steps=4"], "only sampling.* settings"),
        (["--reference", "nowhere"], "nowhere"),
        (["--json", "."], "is a folder"),
        (["--out", "file.txt"], "is a file"),
        (["--metric", "is"], "invalid choice"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_sentence(
    make_run, tmp_path: Path, capsys, arguments: list[str], words: str
) -> None:
    own = RunFolder(make_run("refused", (1, 8, 8), data="digits"))
    Path("file.txt").write_text("a file", "utf-8")
    before = {path: path.stat().st_mtime_ns for path in own.root.rglob("*")}
    try:
        status = main(["sampler-lab", str(own.root), "-n", "20", *arguments])
    except SystemExit as stop:
        status = int(stop.code or 0)
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ddpm")]
    assert status == 2 and words in errors[-1]
    assert {path: path.stat().st_mtime_ns for path in own.root.rglob("*")} == before


def test_a_model_of_another_family_has_nothing_to_choose(make_run) -> None:
    gan = RunFolder(make_run("gan", (1, 28, 28), model="dcgan"))
    with pytest.raises(RequestError, match="samples in one way only"):
        sampler_lab(LabRequest(str(gan.root), n=20, device="cpu"))


def test_resumed_points_need_the_same_weights(run: RunFolder, make_run, lab) -> None:
    other = RunFolder(make_run("other", (1, 8, 8), data="digits", seed=9))
    shutil.copytree(run.sampler_lab_points, other.sampler_lab_points)
    found = sampler_lab(request(other, samplers=("ddim",), evaluations=(2,)))
    assert found["points"][0]["value"] != lab["points"][0]["value"]
