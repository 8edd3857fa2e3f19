"""The command line as its user meets it: exit statuses, one sentence an error, nothing written."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.cli import main
from ddpm.runs import RunFolder

SMALL = tuple(
    word
    for setting in (
        "network.channels=8", "network.attention=[]", "training.batch_size=4",
        "training.memorization_every=0", "sampling.steps=4",
    )
    for word in ("--set", setting)
)  # fmt: skip


def run(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as stop:  # argparse
        return int(stop.code or 0)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The sentence of a refused request: exit 2, one sentence, no usage, nothing printed."""
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    sentences = [line for line in captured.err.splitlines() if line.startswith("ddpm: ")]
    assert len(sentences) == 1, captured.err
    assert "Traceback" not in captured.err and "usage" not in captured.err
    assert captured.out == ""
    return sentences[0]


def save_images(folder: Path, count: int, size: tuple[int, int] = (8, 8)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        pixels = rng.integers(0, 256, (size[1], size[0]), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def test_help_and_runs_never_load_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from ddpm.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "main(['runs'])\n"
        "heavy = {'torch', 'numpy', 'PIL', 'matplotlib', 'shtab'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout and "There are no runs" in done.stdout


def test_drawing_waits_neither_for_the_compiler_nor_for_plots(tmp_path: Path) -> None:
    code = (
        "import sys; from ddpm.cli import main\n"
        "main(['sample', 'digits', '-n', '1', '--steps', '1'])\n"
        "slow = {'torch._dynamo', 'torch.distributed.fsdp', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'loaded {slow}' if slow else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["train", "digits", "--steps", "-4"],
            "ddpm: --steps: '-4' should be a whole number of at least 1.\nSee: ddpm train --help\n",
        ),
        (
            ["sample"],
            "ddpm: the following arguments are required: RUN|BUNDLED.\nSee: ddpm sample --help\n",
        ),
    ],
)
def test_a_wrong_value_is_a_sentence_and_the_help_to_read(
    arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert capsys.readouterr().err == error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "mnits"], "mnist"),
        (["train", "digits", "--set", "training.stepz=3"], "training.steps"),
        (["train", "digits", "--set", "training.steps=soon"], "whole number"),
        (["train", "mnist-assignment", "--set", "training.steps=9"], "use --steps"),
        (
            ["train", "digits", "--minutes", "1", "--set", "training.steps=9"],
            "--minutes and --set training.steps each set the length",
        ),
        (["train", "digits", "--steps", "5", "--set", "training.minutes=2"], "give one of them"),
        (["train", "digits", "--data", "mnist", "--set", "data.path=x"], "the same setting"),
        (["train", "anime", "--set", "scale=big-gpu"], "--scale"),
        (["train", "digits", "--set", "sampling.eta=2"], "between 0 and 1"),
        (["train", "./pictures"], "nothing at ./pictures"),
        (["train", "pictures.zip"], "nothing at pictures.zip"),
        (["train", "digits", "--set", "diffusion.schedule=linaer"], "linear"),
        (["train", "digits", "--steps", "0"], "at least 1"),
        (["train", "digits", "--minutes", "nan"], "above 0"),
        (["train", "digits", "--minutes", "1", "--steps", "5"], "not allowed with"),
        (["train", "digits", "--data", "nowhere"], "nowhere"),
        (["train", "digits", "--device", "tpu"], "cpu"),
        (["train", "digits", "--init", "nothing-there"], "nothing-there"),
        (["demo", "--device", "tpu"], "cpu"),
        (["train", "folder"], "--data"),
        (["train", "hf:someone/cats"], "ddpm train folder --data hf:someone/cats"),
        (["train", "x" * 300], "x"),
        (["runs", "nowhere"], "no folder nowhere"),
        (["sample", "nothing-there"], "nothing-there"),
        (["sample", "digits", "-n", "0"], "at least 1"),
        (["sample", "digits", "-n", "two"], "at least 1"),
        (["sample", "digits", "--sampler", "dmp"], "dpm++2m"),
        (["sample", "digits", "--seed", "-1"], "at least 0"),
        (["sample", "digits", "--grid", "five"], "5x5"),
        (["sample", "digits", "--steps", "5000"], "1000"),
        (["sample", "digits", "--label", "seven"], "7, 8, 9"),
        (["sample", "digits", "--out", "x.bmp"], ".png"),
        (["sample", "digits", "--set", "training.steps=3"], "sampling"),
        (["forward", "nowhere.png"], "nowhere.png"),
        (["forward", "digits", "--schedule", "square"], "cosine"),
        (["refine", "digits", "nowhere.png"], "nowhere.png"),
        (["refine", "digits", "x.png", "--strength", "2"], "0 to 1"),
        (["data", "inspect", "digit"], "digits"),
        (["data", "prepare", "digits", "--size", "huge"], "huge"),
        (["export", "nothing-there"], "nothing-there"),
        (["export", "digits", "--out", "x.safetensors"], "add --to safetensors"),
        (["trane"], "There is no command 'trane'; did you mean train?"),
    ],
)
def test_wrong_requests_cost_one_sentence_and_write_nothing(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    assert words in refused(capsys, *arguments)
    assert [path for path in workplace.iterdir() if path.name != "cache"] == []


def test_places_that_cannot_be_written_cost_one_sentence(
    capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    (workplace / "file").write_text("mine", encoding="utf-8")
    (workplace / "folder.png").mkdir()
    (workplace / "my pictures").mkdir()
    (workplace / "my pictures" / "notes").touch()
    before = sorted(workplace.rglob("*"))
    for arguments, words in (
        (["train", "digits", "--out", "file/run"], "file is a file"),
        (["train", "digits", "--out", "my pictures"], "ddpm: my pictures holds other files"),
        (["sample", "digits", "--out", "file/x.png"], "file is a file"),
        (["forward", "digits", "--out", "folder.png"], "folder.png is a folder"),
        (["data", "inspect", "digits", "--out", "sheet.gif"], "ends in .png"),
        (["data", "augment", "digits", "--out", "sheet.gif"], "ends in .png"),
        (["interpolate", "digits", "--out", "walk.gif"], "ends in .png"),
        (["export", "digits", "--out", "file/x.pt"], "file is a file"),
        (["sample", "file"], "not a weights file"),
        (["sample", "my pictures"], "not a run folder"),
    ):
        assert words in refused(capsys, *arguments), arguments
    found = [path for path in sorted(workplace.rglob("*")) if "cache" not in path.parts]
    assert found == before
    assert (workplace / "file").read_text(encoding="utf-8") == "mine"


def test_a_mistyped_folder_of_data_sets_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DDPM_DATA_DIR", "nowhere")
    assert "DDPM_DATA_DIR is nowhere, but" in refused(capsys, "train", "mnist")
    assert run("data", "list") == 0
    assert "DDPM_DATA_DIR: nowhere (there is no such folder)" in capsys.readouterr().out


def test_a_configuration_is_no_set_of_images(
    capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    (workplace / "mine.json").write_text("{}", encoding="utf-8")
    assert "copy it to config.json in a new folder" in refused(capsys, "train", "mine.json")


def test_images_are_named_once(capsys: pytest.CaptureFixture[str], workplace: Path) -> None:
    save_images(workplace / "one", 3)
    save_images(workplace / "other", 3)
    assert "both name images" in refused(capsys, "train", "one", "--data", "other")


def test_a_run_named_like_a_data_set_is_not_taken_for_it(workplace: Path) -> None:
    small = [*SMALL, "--steps", "1"]
    assert run("train", "digits", "--out", "digits", *small) == 0
    assert run("train", "digits", "--out", "new", *small) == 0
    for name in ("digits", "new"):
        assert RunFolder(workplace / name).load_environment()["data"]["given"] == 1797


def test_a_folder_called_like_a_data_set_is_meant_where_images_are_given(workplace: Path) -> None:
    save_images(workplace / "anime-hub", 6)
    small = [*SMALL, "--steps", "1"]
    assert run("train", "anime-hub", *small) == 0
    assert RunFolder(workplace / "runs" / "anime-hub").load_environment()["data"]["given"] == 6


def test_a_run_goes_on_by_its_name_and_images_come_first(workplace: Path) -> None:
    save_images(workplace / "faces.v1", 6)
    small = [*SMALL]
    assert run("train", "faces.v1", "--steps", "1", *small) == 0
    begun = RunFolder(workplace / "runs" / "faces.v1")  # the whole name: faces.v2 is another run
    assert begun.checkpoint_steps() == [1]
    assert run("train", "faces.v1", "--steps", "2", *small) == 0  # the images, by the same command
    (workplace / "faces.v1").rename(workplace / "moved")
    assert run("train", "faces.v1", "--data", "moved", "--steps", "3") == 0  # the run
    assert begun.checkpoint_steps()[-1] == 3


def test_flat_images_are_refused_where_they_cannot_be_scaled(
    capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    for name in ("a", "b"):
        Image.new("L", (8, 8), 99).save(save_images(workplace / "flat", 0) / f"{name}.png")
    choices = ["--all-images", "--set", "diffusion.objective=edm", "--steps", "2"]
    assert refused(capsys, "train", "flat", *choices) == (
        "ddpm: This model cannot be created: the images are all one flat color (data_std is 0); give images "
        "that differ."
    )
    assert not (workplace / "runs").exists()


def test_the_disks_refusal_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **keywords: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/x")

    monkeypatch.setattr("ddpm.commands.train.train.train", full)
    assert run("train", "digits") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("ddpm: runs/x: No space left on device; ")


def test_a_console_without_the_letters_gets_them_escaped(workplace: Path) -> None:
    save_images(workplace / "圖片 é", 2)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "ddpm", "data", "inspect", "圖片 é"]
    done = subprocess.run(command, capture_output=True, cwd=workplace, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert rb"\u5716" in done.stdout


def test_bad_images_are_refused(capsys: pytest.CaptureFixture[str], workplace: Path) -> None:
    (workplace / "empty").mkdir()
    (workplace / "texts").mkdir()
    (workplace / "texts" / "a.txt").write_text("words", encoding="utf-8")
    save_images(workplace / "tiny", 3, size=(1, 1))
    with zipfile.ZipFile(workplace / "slip.zip", "w") as archive:
        archive.writestr("../up.png", (save_images(workplace / "one", 1) / "0.png").read_bytes())
    whole = (workplace / "slip.zip").read_bytes()
    (workplace / "cut.zip").write_bytes(whole[: len(whole) // 2])
    before = sorted(workplace.iterdir())
    for target, words in (
        ("empty", "empty"),
        ("texts", "images"),
        ("tiny", "can be used"),
        ("one", "two"),
        ("slip.zip", "../up.png"),
        ("cut.zip", "zip"),
        ("texts/a.txt", "images"),
    ):
        assert words in refused(capsys, "train", target), target
    assert [path for path in sorted(workplace.iterdir()) if path.name != "cache"] == before


def test_a_corrupt_run_is_refused(capsys: pytest.CaptureFixture[str], workplace: Path) -> None:
    run_folder = workplace / "runs" / "broken"
    run_folder.mkdir(parents=True)
    (run_folder / "config.json").write_text("{ half", encoding="utf-8")
    assert "config.json" in refused(capsys, "sample", "runs/broken")
    assert "config.json" in refused(capsys, "train", "runs/broken")
    assert run("runs") == 0  # the list survives it, and says so
    assert "config.json" in capsys.readouterr().out
    (run_folder / "config.json").write_text("{}", encoding="utf-8")
    assert "checkpoint" in refused(capsys, "sample", "runs/broken")
    assert sorted(path.name for path in run_folder.iterdir()) == ["config.json"]


def test_any_folder_trains_and_samples_without_a_flag(
    capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    folder = save_images(workplace / "mes été images", 6, size=(33, 45))
    Image.effect_noise((40, 60), 80).convert("RGB").save(folder / "grüße 1.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    assert run("train", str(folder), "--steps", "2", *SMALL) == 0
    said = capsys.readouterr()
    assert re.search(r"1 broken: broken\.jpg \(.+\)", said.err)
    written = [Path(line) for line in said.out.split("\n") if line]
    assert [path.name for path in written] == ["loss.png", "samples.png", "denoising.gif"]
    assert all(path.is_file() for path in written)
    assert run("sample", "mes été images", "-n", "2", "--steps", "2", "--out", "a.npz") == 0
    with np.load("a.npz") as stored:
        assert stored["images"].shape == (2, 1, 45, 33) and stored["images"].dtype == np.uint8
    assert run("sample", "mes été images", "-n", "3", "--steps", "2", "--png-dir", "out") == 0
    assert sorted(p.name for p in Path("out").iterdir()) == [
        "000000.png",
        "000001.png",
        "000002.png",
    ]
    assert np.array_equal(np.asarray(Image.open("out/000001.png")), stored_image("a.npz", 1))
    capsys.readouterr()
    assert "not empty" in refused(capsys, "sample", "mes été images", "--png-dir", "out")


def stored_image(path: str, index: int) -> np.ndarray:
    with np.load(path) as stored:
        image: np.ndarray = stored["images"][index, 0]
    return image


def test_an_environment_without_numbers_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "x")
    assert "environment variable WORLD_SIZE is 'x'; set it" in refused(capsys, "runs")
