"""`ddpm report` on real runs: complete, repeatable, careful, and frank about what is not there."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ddpm.commands.bundle.names import pdf_fault
from ddpm.commands.compare.compare import ComparisonRequest, compare
from ddpm.commands.report.notes import read_notes
from ddpm.commands.report.report import ReportRequest, write_report
from ddpm.commands.train.train import train
from ddpm.config import with_overrides
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.messages import sentence
from ddpm.models.fingerprint import weights_hash
from ddpm.presets import get_preset
from ddpm.runs import COMPARISON_FILE, RunFolder
from ddpm.visuals.grid_mark import GridMark, read_grid_mark
from ddpm.visuals.layout import fit_layout

SMALL = (
    "network.channels=8",
    "network.blocks=1",
    "sampling.steps=3",
    "training.batch_size=32",
    "training.memorization_every=0",
)


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One empty folder as the current one for the whole module, with its own cache."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def runs(workplace: Path) -> tuple[str, str]:
    """A diffusion model and a DCGAN of a few steps each, on the digits."""
    config = with_overrides(get_preset("digits").config, [*SMALL, "training.steps=6"])
    train(config, Path("runs/tiny"))
    gan = ["data.path=digits", "data.size=8", "gan.channels=4", "gan.latent=5", "training.steps=3",
           "training.batch_size=16"]  # fmt: skip
    train(with_overrides(get_preset("dcgan-mnist").config, gan), Path("runs/gan"))
    return "tiny", "runs/gan"


@pytest.fixture(scope="module")
def compared(runs: tuple[str, str]) -> Path:
    compare(ComparisonRequest([*runs], out=Path("compared"), n=30, likelihood=0))
    return Path("compared")


@pytest.fixture(scope="module")
def whole(runs: tuple[str, str], compared: Path) -> list[Path]:
    """A report of both runs and their comparison; the paths that were written."""
    front = {"author": "Ada $x$ #1", "student_id": "071"}
    return write_report(ReportRequest([*runs], [compared], Path("out/whole.pdf"), **front))


def page(name: str = "out/whole.md") -> str:
    return Path(name).read_text("utf-8")


def report(*targets: str, **more: Any) -> str:
    """A report of the targets in Markdown alone, as text."""
    out = Path(more.pop("out", "only/report.md"))
    write_report(ReportRequest(targets, out=out, **more))
    return out.read_text("utf-8")


def test_a_pdf_a_page_and_its_pictures_are_written(whole: list[Path]) -> None:
    pdf, markdown, pictures = whole
    assert pdf_fault(pdf.read_bytes()) is None and len(pdf.read_bytes()) > 100_000
    shown = re.findall(r"!\[.*?\]\(<(.*?)>\)", page())
    assert markdown == Path("out/whole.md") and len(shown) > 12
    assert {Path(name).name for name in shown} == {path.name for path in pictures.iterdir()}
    for name in shown:
        with Image.open(markdown.parent / name) as picture:
            assert picture.size[0] > 100


def test_the_same_files_give_the_same_bytes(whole: list[Path], runs: tuple[str, str]) -> None:
    before = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    front = {"author": "Ada $x$ #1", "student_id": "071"}
    write_report(ReportRequest([*runs], [Path("compared")], Path("out/whole.pdf"), **front))
    assert {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()} == before


def test_the_facts_of_the_runs_are_those_of_their_files(whole: list[Path]) -> None:
    text, environment = page(), RunFolder(Path("runs/tiny")).load_environment()
    assert f"| used for training | {environment['data']['used']:,} |" in text
    assert "| optimizer steps | 6 | 3 |" in text and "| images seen | 192 | 48 |" in text
    assert f"`{weights_hash(open_model('runs/tiny', 'cpu').model)}`" in text
    assert "Ada \\$x\\$ \\#1" in text and "Student 071" in text
    for kind in ("network", "generator", "discriminator"):
        sizes = [
            RunFolder(Path(f"runs/{r}")).load_environment()["parameters"] for r in ("tiny", "gan")
        ]
        assert f"{next(s[kind] for s in sizes if kind in s):,}" in text
    command = (
        "ddpm report tiny runs/gan --comparison compared --out out/whole.pdf --author 'Ada $x$ #1'"
    )
    assert f"{command} --student-id 071" in text


def test_scores_come_from_the_comparison_where_a_run_has_none_of_its_own(whole: list[Path]) -> None:
    row = json.loads((Path("compared") / COMPARISON_FILE).read_text("utf-8"))
    assert "has not been evaluated" not in page() and "have not been compared" not in page()
    for verdict in row["verdicts"]:
        if not verdict["metric"].startswith("class-share"):
            assert sentence(verdict["verdict"]) in page()
    assert f"`{row['command']}`" in page()


def test_a_diffusion_run_has_strips_and_a_gan_both_its_networks(whole: list[Path]) -> None:
    names = {path.name for path in whole[2].iterdir()}
    assert {
        f"tiny-{what}.png" for what in ("loss", "samples", "frames", "forward", "backward")
    } <= names
    assert {"gan-loss.png", "gan-samples.png"} <= names
    assert not names & {"gan-frames.png", "gan-backward.png", "gan-forward.png"}
    assert sum(name.startswith("network-") for name in names) == 3
    assert "the forward process on training images" in page()
    assert re.search(r"not selected\. tiny: [^.]*, 3 steps", page())
    assert re.search(r"reverse process for seeds 0–3, with [^;]*, 20 steps", page())


def test_the_first_page_shows_the_grids_beside_the_real_images_once(whole: list[Path]) -> None:
    """Both runs learned from one data set, so its real images stand in one file."""
    opening = page().split("## 2 ")[0]
    grids = re.findall(r"!\[(.*?)\]\(<whole-figures/(.*?)>\)", opening)
    assert [name for name, _ in grids] == ["real: digits", "tiny", "gan"]
    assert [file for _, file in grids][1:] == ["tiny-samples.png", "gan-samples.png"]
    assert len(list(whole[2].glob("real-*.png"))) == 1


def test_a_template_for_the_authors_words_is_left_once(
    whole: list[Path], runs: tuple[str, str]
) -> None:
    notes = Path("out/notes.md")
    assert read_notes(notes.read_text("utf-8")).own == {}
    assert page().count("✎") == 4
    mine = Path("mine.md")
    mine.write_text("# Conclusion\n\nDiffusion *wins*.", "utf-8")
    text = report(runs[0], notes=mine)
    assert "Diffusion *wins*." in text and text.count("✎") == 3
    assert mine.read_text("utf-8").startswith("# Conclusion")
    assert not Path("only/notes.md").exists()


def test_chinese_is_written_and_missing_characters_are_named(
    runs: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", list)
    front = {"title": "我的報告龘", "author": "王小明"}
    request = ReportRequest([runs[0]], out=Path("zh/r.pdf"), language="zh-TW", **front)
    write_report(request)
    assert (
        "no font has 龘 (U+9F98); pass a font that does with --font FILE" in capsys.readouterr().err
    )
    assert "# 我的報告龘" in page("zh/r.md") and "## 1 結果總覽" in page("zh/r.md")
    assert "# 觀察" in Path("zh/notes.md").read_text("utf-8")
    assert pdf_fault(Path("zh/r.pdf").read_bytes()) is None


def test_markdown_alone_needs_no_typst(
    runs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    assert "# Generating images" in report(runs[0], out="alone/report.md")
    assert not list(Path("alone").glob("*.pdf"))


def test_without_typst_nothing_is_written(
    runs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(RequestError, match=r"ddpm-studio\[report\]"):
        write_report(ReportRequest([runs[0]], out=Path("nothing/report.pdf")))
    assert not Path("nothing").exists()


def copied(name: str) -> RunFolder:
    """The diffusion run under another name, to be changed."""
    root = Path("copies") / name
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree("runs/tiny", root)
    return RunFolder(root)


@pytest.mark.parametrize("name", ["a#$*[x](y)", 'tiny\'s `run` "2"', "名字 | x", "=1", "-x"])
def test_hostile_names_of_runs_are_shown_as_they_are(name: str, runs: tuple[str, str]) -> None:
    run = copied(name)
    paths = write_report(ReportRequest([str(run.root)], out=Path("hostile/report.pdf")))
    assert pdf_fault(paths[0].read_bytes()) is None
    shown = re.findall(r"!\[.*?\]\(<(.*?)>\)", page("hostile/report.md"))
    assert shown and all((Path("hostile") / picture).is_file() for picture in shown)


def test_a_run_that_has_only_begun_says_what_is_missing(runs: tuple[str, str]) -> None:
    run = copied("begun")
    shutil.rmtree(run.checkpoints)
    for path in (run.metrics, run.environment, run.sample_grid, run.denoising):
        path.unlink()
    text = report(str(run.root))
    for words in ("has no checkpoint", "has not logged a loss", "has no environment.json"):
        assert f"begun {words}" in text
    assert "ddpm train digits --out copies/begun --steps 6 " in text
    assert "![" in text  # the schedules


def test_damaged_checkpoints_are_said_and_done_without(
    runs: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied("damaged")
    for file in run.checkpoints.rglob("*.safetensors"):
        file.write_bytes(b"damaged")
    assert "damaged has no checkpoint" in report(str(run.root))
    assert "The report is written without its samples." in capsys.readouterr().err


def test_pictures_of_other_weights_are_drawn_again(runs: tuple[str, str]) -> None:
    run, model = copied("stale"), open_model("runs/tiny", "cpu").model
    size = fit_layout(5, 5, (8, 8))
    Image.new("L", (31, 31), 9).save(run.denoising)
    for marked, kept in ((weights_hash(model), True), ("0123456789abcdef", False)):
        old = Image.new("L", size.size[::-1], 9)
        from ddpm.visuals.saving import save_picture

        save_picture(run.sample_grid, old, comment=GridMark(size, 1, (0,), marked).comment())
        report(str(run.root), out="stale/report.md")
        with Image.open("stale/report-figures/stale-samples.png") as shown:
            assert (shown.convert("L").getextrema() == (9, 9)) is kept
        with Image.open("stale/report-figures/stale-frames.png") as frames:
            assert (frames.height == 31) is kept  # the film is of the grid's weights
    run.sample_grid.unlink()
    run.denoising.unlink()
    report(str(run.root), out="stale/report.md")
    assert Path("stale/report-figures/stale-frames.png").is_file()
    with Image.open("stale/report-figures/stale-samples.png") as shown:
        assert read_grid_mark(shown) is None and shown.size[1] > size.size[0]  # a caption below


def test_images_that_have_changed_are_not_passed_off_as_the_runs(runs: tuple[str, str]) -> None:
    run = copied("changed")
    environment = run.load_environment()
    environment["data"]["content_hash"] = "of other images"
    run.environment.write_text(json.dumps(environment), "utf-8")
    text = report(str(run.root))
    assert "on images sampled from the model (its training images are not available)" in text
    assert "`ddpm forward" not in text


def test_images_elsewhere_need_words_of_the_authors(make_run: Callable[..., Path]) -> None:
    root = make_run("faces", (3, 8, 8), data="/home/author/secret/faces")
    text = report(str(root))
    assert "secret" not in text.replace(str(root), "") and "`faces`" in text
    assert text.count("✎") == 5 and "where the images of faces come from" in text


def test_runs_of_one_name_are_told_apart_and_one_run_stays_one(runs: tuple[str, str]) -> None:
    other = copied("tiny")
    text = report("tiny", str(other.root), "runs/tiny")
    assert "diffusion models: tiny, tiny-2\n" in text
    assert "have not been compared yet" in text and "ddpm compare runs/tiny copies/tiny" in text


def test_a_single_run_is_told_how_to_get_a_baseline(runs: tuple[str, str]) -> None:
    assert "`ddpm train dcgan-folder --data digits`" in report("tiny")
    assert "`ddpm train mnist --data digits`" in report(runs[1])


def test_a_comparison_silences_only_what_it_compares(
    runs: tuple[str, str], compared: Path, make_run: Callable[..., Path]
) -> None:
    assert "to compare with" not in report("tiny", comparisons=[compared])
    faces = str(make_run("faces", (3, 8, 8), data="/somewhere/faces"))
    text = report(*runs, faces, comparisons=[compared])
    assert text.count("There is no run of the other model family to compare with") == 1
    assert "`ddpm train dcgan-mnist --data faces`" in text
    other = copied("uncompared")
    text = report("tiny", str(other.root), comparisons=[compared])
    assert "`ddpm compare runs/tiny copies/uncompared`" in text


def test_a_comparison_of_older_weights_is_called_so(
    runs: tuple[str, str], compared: Path, whole: list[Path]
) -> None:
    assert "newest weights of step" not in page()
    row = json.loads((compared / COMPARISON_FILE).read_text("utf-8"))
    row["entries"][0]["evaluation"]["step"] = 4
    Path("older").mkdir()
    (Path("older") / COMPARISON_FILE).write_text(json.dumps(row), "utf-8")
    said = (
        "The evaluation of tiny is of step 4, but its newest weights are of step 6. This command "
    )
    said += "evaluates them:"
    first, chapter = report(*runs, comparisons=[Path("older")]).split(said)[1:]
    assert "ddpm evaluate" in first.split("`")[1] and chapter.split("`")[1] == row["command"]


@pytest.mark.parametrize(
    ("out", "notes"),
    [
        ("own/notes.pdf", None),
        ("own/notes.md", None),
        ("own/report.pdf", "own/report.md"),
        ("own/report.md", "own/../own/report.md"),
    ],
)
def test_the_authors_own_passages_are_never_written_over(
    out: str, notes: str | None, runs: tuple[str, str]
) -> None:
    Path("own").mkdir(exist_ok=True)
    for there in (True, False):
        mine = Path(notes or "own/notes.md")
        mine.write_text("# Conclusion\n\nMine.", "utf-8") if there else mine.unlink()
        before = sorted(Path("own").iterdir())
        with pytest.raises(RequestError, match=r"your own passages in .*\.md; choose another name"):
            write_report(
                ReportRequest(["tiny"], out=Path(out), notes=Path(notes) if notes else None)
            )
        assert sorted(Path("own").iterdir()) == before
        assert not there or mine.read_text("utf-8").endswith("Mine.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"targets": ["nowhere"]}, "nowhere is not a run"),
        ({"out": Path("report.docx")}, r"should end in \.pdf"),
        ({"out": Path("full/report.pdf")}, "report-figures holds other files"),
        ({"comparisons": [Path("nowhere")]}, "cannot be read"),
        ({"comparisons": [Path("wrong")]}, "not a file of ddpm compare; create it again"),
        ({"font": Path("nowhere.ttf")}, "cannot be read as a font"),
        ({"notes": Path("full")}, "cannot be read"),
        ({"language": "zh"}, "did you mean zh-TW"),
        ({"targets": ["copies/odd"]}, "not a file of ddpm evaluate; create it again"),
    ],
)
def test_bad_requests_are_one_sentence(
    changes: dict[str, Any], words: str, runs: tuple[str, str]
) -> None:
    Path("full/report-figures").mkdir(parents=True, exist_ok=True)
    Path("full/report-figures/mine.txt").write_text("mine")
    Path("wrong").mkdir(exist_ok=True)
    (Path("wrong") / COMPARISON_FILE).write_text("[]")
    copied("odd").evaluation.write_text("{}")
    request: dict[str, Any] = {"targets": ["tiny"], "out": Path("bad/report.pdf"), **changes}
    with pytest.raises(RequestError, match=words):
        write_report(ReportRequest(**request))
    assert not list(Path("bad").glob("report*"))
    assert Path("full/report-figures/mine.txt").read_text() == "mine"
