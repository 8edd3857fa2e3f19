"""`ddpm sampler-lab` as a library call and as its user meets it, on models with random weights."""

from __future__ import annotations

import itertools
import json
import math
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ddpm.cli import main
from ddpm.cli.parser import build_parser
from ddpm.commands.options import command_line, named_values
from ddpm.commands.report.pictures import _is_current
from ddpm.commands.sample.command import SAMPLE_OPTIONS
from ddpm.commands.sampler_lab import lab as module
from ddpm.commands.sampler_lab import lab_benchmark
from ddpm.commands.sampler_lab.candidates import plan_candidates
from ddpm.commands.sampler_lab.lab import sampler_lab
from ddpm.commands.sampler_lab.lab_benchmark import SamplerBenchmark
from ddpm.commands.sampler_lab.lab_request import DEFAULT_BUDGETS, LabRequest
from ddpm.commands.sampler_lab.lab_result import describe_default, save_default
from ddpm.commands.sampler_lab.lab_table import lab_table
from ddpm.config import load_config
from ddpm.data.pixels import to_uint8
from ddpm.diffusion.samplers import Prediction, starting_noise
from ddpm.errors import RequestError
from ddpm.evaluation.paired_distance import make_paired_distance
from ddpm.loading.models import open_model
from ddpm.models.ddpm import Ddpm
from ddpm.randomness import ImageNoise
from ddpm.runs import RunFolder
from ddpm.sampling.provenance import grid_comment
from ddpm.sampling.settings import resolve_settings
from ddpm.scoring.paired import draw_seeds
from ddpm.visuals.grids import save_grid

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
    with pytest.raises(RequestError, match="--evaluations should be whole numbers of at least 1"):
        sampler_lab(request(run, evaluations=budgets))


@pytest.fixture
def bench(run: RunFolder, tmp_path: Path) -> SamplerBenchmark:
    model = open_model(str(run.root), "cpu").model
    assert isinstance(model, Ddpm)
    real = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8)
    distance = make_paired_distance("fd", (real[:30], real[30:]), PixelMean(), 10)
    return SamplerBenchmark(model, "weights", distance, tmp_path, range(10))


HARM: dict[str, Any] = {
    "replicates": [None, [1.0], "many", [None] * 201],
    "evaluations": [None, "4", True],
    "seconds_per_image": [None, []],
    "solver_error": ["none", {}],
}


def test_a_damaged_record_is_measured_anew(bench: SamplerBenchmark) -> None:
    (point,) = plan_candidates(bench.model, ["ddim"], [2], [])
    record, file = bench.measure(point), bench.record_file(point)
    assert bench.load_record(point) == json.loads(json.dumps(record))
    assert len(record["replicates"]) == 201
    for key, values in HARM.items():
        for harmed in [{**record, key: value} for value in values]:
            file.write_text(json.dumps(harmed), "utf-8")
            assert bench.load_record(point) is None, harmed[key]
        file.write_text(json.dumps({k: v for k, v in record.items() if k != key}), "utf-8")
        assert bench.load_record(point) is None, key
    file.write_text("[]", "utf-8")
    assert bench.load_record(point) is None


def test_a_damaged_fine_path_is_followed_anew(bench: SamplerBenchmark) -> None:
    settings = bench.model.spec.config.sampling
    whole = bench.fine_images(settings)
    (file,) = bench.folder.glob("fine-*.npz")
    stored = file.read_bytes()
    for harmed in (b"", b"nothing", stored[: len(stored) // 2]):
        file.write_bytes(harmed)
        assert np.array_equal(bench.fine_images(settings), whole)
        assert file.read_bytes() == stored
    np.savez_compressed(file, images=whole[:3])
    assert np.array_equal(bench.fine_images(settings), whole)
    np.savez_compressed(file, others=whole)
    assert np.array_equal(bench.fine_images(settings), whole)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [(lab_benchmark, "RECORD_VERSION", 2), (torch, "__version__", "9.9")],
)
def test_points_of_another_program_are_not_taken_for_its_own(
    bench: SamplerBenchmark, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, value: Any
) -> None:
    settings = bench.model.spec.config.sampling
    before = bench.key(settings)
    monkeypatch.setattr(place, name, value)
    assert bench.key(settings) != before


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


@pytest.mark.parametrize("spacing", ["log-snr", "compact"])
def test_the_words_of_how_to_draw_draw_what_was_measured(run: RunFolder, spacing: str) -> None:
    """The command sets the spacing, because --sampler would otherwise set its own."""
    opened = open_model(str(run.root), "cpu")
    chosen = replace(opened.model.spec.config.sampling, sampler="heun", steps=4, spacing=spacing)
    command = describe_default(opened, str(run.root), chosen, keep=True)["command"]
    options = build_parser().parse_args(shlex.split(command)[1:])
    assert (
        resolve_settings(opened.model, named_values(SAMPLE_OPTIONS, options)["overrides"]) == chosen
    )


def test_the_baseline_is_a_point_of_its_own(make_run, capsys) -> None:
    own = RunFolder(make_run("walked", (1, 8, 8), data="digits"))
    config = json.loads(own.config.read_text("utf-8"))
    found = sampler_lab(request(own, samplers=("ddim",), evaluations=(2,), ancestral=True, n=10))
    walk = found["points"][-1]
    assert walk["baseline"] and walk["evaluations"] == config["diffusion"]["num_steps"] == 1000
    assert "for ancestral, 1000 steps (1,000 evaluations per image)" in capsys.readouterr().err


def exact(model: Ddpm, mean: float, std: float) -> Any:
    """The best denoiser of pixels that are all N(mean, std²), whatever the network says."""

    def denoiser(labels: Any, settings: Any) -> Any:
        def denoise(x: Tensor, t: Tensor) -> Prediction:
            signal, sigma = model.schedule.at(t, x)
            model.learner.ema.network(x, t, None)  # the question counts, the answer does not
            gain = signal * std**2 / (signal**2 * std**2 + sigma**2)
            return Prediction(mean + gain * (x - signal * mean))

        return denoise

    return denoiser


class PixelMean:
    """Features of which the mean and the spread over images are known: two pixels."""

    name, weights_hash, resize = "pixels", "none", "none"

    def features(self, images: Tensor) -> Tensor:
        return images[:, 0, 3:5, 3].float()


@pytest.mark.parametrize("sampler", ["ddim", "heun", "dpm++2m", "unipc"])
def test_on_gaussian_data_the_curve_comes_down_to_the_exact_path(
    run: RunFolder, sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """x_T = sigma_T noise goes to mean + std x_T / √(signal_T² std² + sigma_T²), pixel by pixel."""
    model = open_model(str(run.root), "cpu").model
    assert isinstance(model, Ddpm)
    mean, std = -0.2, 0.3
    monkeypatch.setattr(model, "denoiser", exact(model, mean, std))
    monkeypatch.setattr(lab_benchmark, "FINE_STEPS", 60)
    real = to_uint8(
        mean + std * torch.randn(400, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    )
    distance = make_paired_distance("fd", (real[:200], real[200:]), PixelMean(), 25)
    bench = SamplerBenchmark(model, "weights", distance, tmp_path, range(25))
    budgets = (12, 24, 48) if sampler == "heun" else (3, 6, 12, 25)
    points = plan_candidates(model, [sampler], budgets, ["sampling.spacing=log-snr"])
    records = [bench.measure(point) for point in points]
    path = model.levels(points[0].settings)
    x = starting_noise(path, ImageNoise(bench.seeds, (1, 8, 8)))
    signal, sigma = float(path.signal[0]), float(path.sigma[0])
    end = mean + std * (x - signal * mean) / math.hypot(signal * std, sigma)
    exact_images = to_uint8(end).numpy().astype(float)
    for point, record in zip(points, records, strict=True):
        assert record["evaluations"] == point.cost.evaluations
        images = draw_seeds(bench.model, bench.seeds, point.settings).astype(float)
        distance = np.sqrt(((images - exact_images) ** 2).mean(axis=(1, 2, 3))).mean()
        assert record["solver_error"] == pytest.approx(distance, abs=1.0)
    errors = [record["solver_error"] for record in records]
    rounding = 0.3  # steps of 8 bits
    assert all(later < earlier + rounding for earlier, later in itertools.pairwise(errors))
    assert errors[-1] < errors[0] / 4
    distances = [record["replicates"][0] for record in records]
    assert distances[-1] < distances[0]


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
    with pytest.raises(RequestError, match="draws in one way only"):
        sampler_lab(LabRequest(str(gan.root), n=20, device="cpu"))


def test_the_table_says_what_was_measured_and_what_to_take(lab: dict[str, Any]) -> None:
    text = lab_table(lab)
    assert (
        "FD-digits (n=20, train ref), seeds 0-19" in text
        and "none of them in the reference" in text
    )
    assert text.count("recommended") == 2 and "by default from now on" in text
    chosen = lab["points"][lab["recommended"]]
    assert f"{chosen['sampler']}, {chosen['steps']} steps, {chosen['spacing']}" in text


def test_the_command_line_is_the_library_call(monkeypatch: pytest.MonkeyPatch, lab) -> None:
    asked = LabRequest(
        "mine", ("ddim", "unipc"), (4, 8), True, "digits", 50, "kid", "self", None, 3, Path("out"),
        True, None, ("sampling.guidance=1.0",), "auto",
    )  # fmt: skip
    heard: list[LabRequest] = []
    monkeypatch.setattr(module, "sampler_lab", lambda request: heard.append(request) or lab)
    assert main(shlex.split(command_line("sampler-lab", asked))[1:]) == 0
    assert main(["sampler-lab", "mine"]) == 0
    assert heard == [asked, LabRequest("mine")]
    assert LabRequest("mine").evaluations == DEFAULT_BUDGETS


def test_resumed_points_need_the_same_weights(run: RunFolder, make_run, lab) -> None:
    other = RunFolder(make_run("other", (1, 8, 8), data="digits", seed=9))
    shutil.copytree(run.sampler_lab_points, other.sampler_lab_points)
    found = sampler_lab(request(other, samplers=("ddim",), evaluations=(2,)))
    assert found["points"][0]["value"] != lab["points"][0]["value"]


def test_a_report_draws_the_grid_of_a_run_again_once_its_default_has_changed(make_run) -> None:
    own = RunFolder(make_run("shown", (1, 8, 8), data="digits"))
    opened = open_model(str(own.root), "cpu")
    settings = opened.model.spec.config.sampling
    comment = grid_comment(opened.model, settings, range(4), None, (2, 2))
    save_grid(own.sample_grid, np.zeros((4, 1, 8, 8), np.uint8), 2, 2, comment=comment)
    assert _is_current(own.sample_grid, opened)
    save_default(own, replace(settings, steps=settings.steps + 1))
    assert not _is_current(own.sample_grid, open_model(str(own.root), "cpu"))
