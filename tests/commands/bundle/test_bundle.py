"""`ddpm bundle`: what is in the zip, that it repeats itself, that it can be used, and what is refused."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.bundle import bundle
from ddpm.commands.bundle.bundle import BundleRequest, write_bundle
from ddpm.commands.bundle.check import check_bundle
from ddpm.commands.bundle.names import top_names
from ddpm.commands.report.report import ReportRequest
from ddpm.config import config_from_dict
from ddpm.errors import RequestError, WorkError
from ddpm.visuals.grid_mark import read_grid_mark

PDF = b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n"
PICKED = (*range(3, 27), 99)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.pdf").write_bytes(PDF)


@pytest.fixture(scope="module")
def runs(make_run: Callable[..., Path]) -> dict[str, str]:
    """A run of each kind, the images of one of them the author's own."""
    return {
        "mnist": str(make_run("mine", (1, 28, 28))),
        "anime": str(make_run("faces", (3, 64, 64), data="/home/author/secret/faces")),
    }


@pytest.fixture(scope="module")
def files(runs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a plain request packs."""
    folder = tmp_path_factory.mktemp("packed")
    (folder / "mine.pdf").write_bytes(PDF)
    return contents(packed(runs, report=folder / "mine.pdf", out=folder / "deep/out"))


def packed(runs: dict[str, str], **more: object) -> Path:
    asked = {"student_id": "0712345", "report": Path("mine.pdf"), **runs, **more}
    return write_bundle(BundleRequest(**asked))  # type: ignore[arg-type]


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_zip_holds_exactly_what_is_asked_for(files: dict[str, bytes]) -> None:
    top = {name for name in files if "/" not in name}
    assert top == set(top_names("0712345"))
    source = {name.removeprefix("source/") for name in files.keys() - top}
    assert {"ddpm_practice.ipynb", "LICENSE", "CITATION.cff", "ddpm/__init__.py"} <= source
    assert {name for name in source if not name.startswith("ddpm/")} == {
        "ddpm_practice.ipynb", "LICENSE", "CITATION.cff",
        "runs/mnist/config.json", "runs/anime/config.json",
    }  # fmt: skip
    assert files["report_0712345.pdf"] == PDF


def test_pictures_are_jpegs_of_full_color_that_say_their_seeds(runs: dict[str, str]) -> None:
    files = contents(packed(runs, pick={"anime": PICKED}))
    for name, seeds, mode in (("mnist", tuple(range(25)), "L"), ("anime", PICKED, "RGB")):
        with Image.open(io.BytesIO(files[f"result_{name}.jpg"])) as picture:
            mark = read_grid_mark(picture)
            assert picture.format == "JPEG" and picture.mode == mode
            assert {(band[1], band[2]) for band in getattr(picture, "layer")} == {(1, 1)}  # noqa: B009
            luminance = getattr(picture, "quantization")[0]  # noqa: B009
        assert max(luminance) <= 12  # of quality 95; quality 90 has 24
        assert mark is not None and mark.seeds == seeds
        with Image.open(io.BytesIO(files[f"loss_{name}.jpg"])) as picture:
            assert picture.format == "JPEG" and picture.width > 1000
            assert json.loads(picture.info["comment"])["run"] == mark.weights_hash
    readme = files["readme.txt"].decode()
    assert "seeds 0–24, unipc" in readme and "seeds 3–26, 99 (picked)" in readme


def test_the_same_request_gives_the_same_bytes(runs: dict[str, str]) -> None:
    path = packed(runs, out=Path("deep/out"))
    assert path == Path("deep/out/0712345_hw2_2.zip") and os.listdir("deep/out") == [path.name]
    again = packed(runs)
    assert path.read_bytes() == again.read_bytes()
    assert {finding.verdict for finding in check_bundle(again)} == {"ok"}
    with zipfile.ZipFile(again) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_readme_counts_the_images_and_the_configs_keep_no_folders(
    files: dict[str, bytes],
) -> None:
    readme = " ".join(files["readme.txt"].decode().split())
    counts = "70 given, 60 used, 6 held out, 3 duplicate, 1 broken (held out: the test files)"
    assert readme.count(counts) == 2
    assert "--data mnist" in readme and "--data IMAGES" in readme
    for cited in ("LeCun", "Ho, A. Jain", "Polyak"):  # data, method, average of the weights
        assert cited in readme
    config = config_from_dict(json.loads(files["source/runs/anime/config.json"]))
    assert config.data.path == "faces" and config.training.steps == 12
    assert not [name for name, content in files.items() if b"/home/author" in content]


def test_a_set_at_the_hub_is_named_whole_and_cited(
    runs: dict[str, str], make_run: Callable[..., Path]
) -> None:
    hub = str(make_run("hub", (3, 64, 64), data="hf:owner/faces"))
    files = contents(packed({**runs, "anime": hub}))
    config = config_from_dict(json.loads(files["source/runs/anime/config.json"]))
    assert config.data.path == "hf:owner/faces"
    readme = files["readme.txt"].decode()
    assert "--data hf:owner/faces" in readme
    assert "images: https://huggingface.co/datasets/owner/faces" in readme


def test_the_source_in_the_zip_trains_a_run_again(files: dict[str, bytes], tmp_path: Path) -> None:
    """As the readme says: in the folder source, with nothing but Python and the libraries."""
    for name, content in files.items():
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / name).write_bytes(content)
    images = tmp_path / "images"
    images.mkdir()
    for i in range(4):
        Image.effect_noise((28, 28), 60 + i).save(images / f"{i}.png")
    command = f"-m ddpm train runs/mnist --data {images} --steps 1 --out again/mnist".split()
    environment = {**os.environ, "DDPM_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": "."}
    command += ["--set", "training.batch_size=4"]
    done = subprocess.run(
        [sys.executable, *command], cwd="x/source", env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert Path("x/source/again/mnist/samples.png").is_file()
    assert os.listdir("x/source/runs/mnist") == ["config.json"]


def test_an_own_notebook_takes_the_place_of_ours(runs: dict[str, str]) -> None:
    Path("thoughts.ipynb").write_text("{}", "utf-8")
    files = contents(packed(runs, notebook=Path("thoughts.ipynb")))
    assert [name for name in files if name.endswith(".ipynb")] == ["source/thoughts.ipynb"]


def test_baselines_give_their_configs_under_names_of_their_own(
    runs: dict[str, str], make_run: Callable[..., Path]
) -> None:
    gans = [make_run(name, (1, 28, 28), model="dcgan") for name in ("mnist", "gan", "gan")]
    files = contents(packed(runs, dcgan=list(map(str, gans))))
    configs = {name: data for name, data in files.items() if name.startswith("source/runs/")}
    models = {name.split("/")[2]: json.loads(data)["model"] for name, data in configs.items()}
    assert models == {
        "mnist": "ddpm", "anime": "ddpm", "mnist-2": "dcgan", "gan": "dcgan", "gan-2": "dcgan",
    }  # fmt: skip
    readme = files["readme.txt"].decode()
    assert "mnist-2: DCGAN, preset dcgan-mnist, 12 steps" in readme and "A. Radford" in readme
    assert "train runs/gan-2" in readme and "sample again/gan" not in readme


def test_nothing_is_written_where_the_request_is_wrong(
    runs: dict[str, str], make_run: Callable[..., Path]
) -> None:
    small = str(make_run("small", (1, 32, 32)))
    gan = str(make_run("gan", (1, 28, 28), model="dcgan"))
    Path("a.pdf").write_bytes(b"words")
    Path("a.txt").write_text("words", "utf-8")
    before = sorted(os.listdir())
    for changed, words in (
        ({"student_id": "../up"}, "letters, digits"),
        ({"mnist": "nowhere"}, "nowhere is not a run"),
        ({"mnist": "digits"}, "digits is not a run"),  # bundled weights have no loss to show
        ({"mnist": runs["anime"]}, "generates images of 64x64, but result_mnist.jpg shows 28x28"),
        ({"anime": small}, "data.size=64"),
        ({"mnist": gan}, "not a diffusion model; give --mnist a diffusion model"),
        ({"dcgan": [runs["mnist"]]}, "is a diffusion model"),
        ({"report": Path("none.pdf")}, "no file none.pdf"),
        ({"report": Path("a.pdf")}, "pass a PDF with --report"),
        ({"notebook": Path("a.txt")}, "ends in .ipynb"),
        ({"comparisons": [Path("mine.pdf")]}, "no folder mine.pdf"),
        ({"out": Path("mine.pdf/x")}, r"mine\.pdf is a file"),
    ):
        with pytest.raises(RequestError, match=words):
            packed(runs, **changed)  # type: ignore[arg-type]
    assert sorted(os.listdir()) == before


def test_without_typst_an_own_report_is_asked_for(
    runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)  # as if it were not installed
    with pytest.raises(RequestError, match="--report FILE"):
        packed(runs, report=None)


def test_our_report_is_that_of_the_runs_and_repeats_itself(runs: dict[str, str]) -> None:
    first = contents(packed(runs, report=None, out=Path("out")))["report_0712345.pdf"]
    assert first.startswith(b"%PDF-") and len(first) > 50_000  # pictures of both runs
    assert sorted(os.listdir("out")) == ["0712345_hw2_2.zip", "notes.md"]
    assert contents(packed(runs, report=None, out=Path("out")))["report_0712345.pdf"] == first


def test_our_report_names_a_command_without_folders_of_this_machine(
    runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []

    def spy(request: ReportRequest) -> None:
        said.append((request.notes, request.command))
        request.out.write_bytes(PDF)

    monkeypatch.setattr(bundle, "write_report", spy)
    packed({"mnist": os.path.relpath(runs["mnist"]), "anime": runs["anime"]}, report=None)
    words = f"ddpm report {os.path.relpath(runs['mnist'])} {runs['anime']} --out report_0712345.pdf"
    assert said == [(Path("notes.md"), f"{words} --student-id 0712345")]


def test_a_zip_that_our_own_check_refuses_is_not_written(
    runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "_readme", lambda student_id, parts: "")
    with pytest.raises(WorkError, match=r"readme\.txt is empty"):
        packed(runs)
    assert not list(Path().glob("*.zip"))


def test_a_loss_without_rows_is_refused(
    make_run: Callable[..., Path], runs: dict[str, str]
) -> None:
    bare = make_run("bare", (1, 28, 28))
    (bare / "metrics.jsonl").unlink()
    with pytest.raises(RequestError, match="no loss to plot"):
        packed({**runs, "mnist": str(bare)})
    assert not list(Path().glob("*.zip"))


def test_what_the_grid_shows_is_what_the_run_draws(runs: dict[str, str]) -> None:
    """Cell by cell: the picked seeds, in their order."""
    from ddpm.loading.models import open_model
    from ddpm.sampling.samples import sample_images
    from ddpm.visuals.grid_reader import open_jpeg, read_grid

    files = contents(packed(runs, pick={"mnist": PICKED}))
    picture = open_jpeg(files["result_mnist.jpg"])
    mark = read_grid_mark(picture)
    model = open_model(runs["mnist"], "cpu").model
    assert mark is not None
    shown = read_grid(picture, mark.layout, mark.channels)
    for cell, seed in ((0, 3), (24, 99)):
        alone = sample_images(model, [seed], None, model.spec.config.sampling)[0]
        others = sample_images(model, [seed + 1], None, model.spec.config.sampling)[0]
        assert np.abs(shown[cell].astype(int) - alone).mean() < 3
        assert np.abs(shown[cell].astype(int) - others).mean() > 12
