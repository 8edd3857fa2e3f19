"""`ddpm grade` on a made class: honest hand-ins, copies, mistakes and hostile zips, each told apart."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from safetensors.torch import load, save

from ddpm.cli.main import main
from ddpm.commands.bundle.bundle import BundleRequest, write_bundle
from ddpm.commands.export.export import export
from ddpm.commands.grade.grade import GradeRequest, grade
from ddpm.commands.grade.grid_cells import grid_images
from ddpm.data.catalogue import embedded_digits
from ddpm.errors import RequestError
from ddpm.loading.bundled import bundled_file
from ddpm.loading.models import open_model
from ddpm.models.fingerprint import weights_hash
from ddpm.sampling.provenance import grid_comment
from ddpm.sampling.samples import sample_images
from ddpm.visuals.grids import save_grid

PDF = b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n"
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def honest(make_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> list[Files]:
    """The files of eight hand-ins, each of runs of its own: two by `ddpm bundle`, six like them, without a
    copy of the package."""
    folder = tmp_path_factory.mktemp("honest")
    (folder / "mine.pdf").write_bytes(PDF)
    found = []
    for number in range(2):
        mnist = make_run(f"digits{number}", (1, 28, 28), seed=2 * number)
        anime = make_run(f"faces{number}", (3, 64, 64), seed=2 * number + 1)
        request = BundleRequest(
            f"00{number}", str(mnist), str(anime), report=folder / "mine.pdf", out=folder
        )
        with zipfile.ZipFile(write_bundle(request)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        weights = folder / f"{number}.safetensors"
        export(str(mnist), "safetensors", weights)
        found.append({**files, "source/mnist.safetensors": weights.read_bytes()})
    for number in range(2, 8):
        files = {n: c for n, c in found[0].items() if not n.startswith("source/ddpm/")}
        for images, shape in (("mnist", (1, 28, 28)), ("anime", (3, 64, 64))):
            run = make_run(f"{images}{number}", shape, seed=10 * number + shape[0])
            files |= redrawn(files, images, run, folder)
        found.append(files)
    return found


def redrawn(files: Files, images: str, run: Path, folder: Path) -> Files:
    """The pictures of a hand-in as those of another run, and the weights of its digits."""
    model, seeds = open_model(str(run), "cpu").model, range(25)
    settings = model.spec.config.sampling
    grid, loss = f"result_{images}.jpg", f"loss_{images}.jpg"
    comment = grid_comment(model, settings, seeds, None, (5, 5))
    save_grid(folder / grid, sample_images(model, seeds, None, settings), 5, 5, comment=comment)
    note = json.dumps({"ddpm-studio": "loss", "run": weights_hash(model)}).encode()
    plot = opened(files[loss])
    ImageDraw.Draw(plot).text((60, 60), run.name, "black")  # the loss of another run
    changed = {grid: (folder / grid).read_bytes(), loss: jpeg(plot, comment=note)}
    if images == "mnist":
        weights = export(str(run), "safetensors", folder / f"{run.name}.safetensors")
        changed["source/mnist.safetensors"] = weights.read_bytes()
    return changed


def of(student: str, files: Files, **changes: bytes | None) -> Files:
    """The files of a hand-in as those of another student, some of them replaced or left out."""
    renamed = {
        f"report_{student}.pdf" if name.startswith("report_") else name: content
        for name, content in files.items()
    }
    own = {"source/mine.py": f"# {student}\n{'x' * 300} = {student!r}\n".encode()}
    changed = {re.sub("_(jpg|py|pt)$", r".\1", k.replace("__", "/")): v for k, v in changes.items()}
    return {name: v for name, v in {**renamed, **own, **changed}.items() if v is not None}


def jpeg(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, options.pop("kind", "JPEG"), **options)
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def write_zip(path: Path, files: Files, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.fixture(scope="module")
def class_folder(honest: list[Files], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hand-ins of the class, each for one kind of fault or none."""
    folder = tmp_path_factory.mktemp("class") / "hand-ins"
    one, two, three, *others = honest
    bare_one, bare_two = (
        {name: content for name, content in files.items() if not name.startswith("source/ddpm/")}
        for files in (one, two)
    )
    grid = one["result_mnist.jpg"]
    code = of("000", one)["source/mine.py"]
    weights = "source__mnist.safetensors"
    hand_ins = {
        "000": of("000", one),
        "001": of("001", two),
        "copy": of("copy", bare_one),
        "again": of("again", bare_two, result_mnist_jpg=jpeg(opened(grid), quality=80, comment=b""),
                    **{"source__mnist.safetensors": None}),
        "png": of("png", three, result_mnist_jpg=jpeg(Image.new("L", (150, 150)), kind="PNG")),
        "swapped": of("swapped", three, result_mnist_jpg=three["result_anime.jpg"],
                      result_anime_jpg=three["result_mnist.jpg"]),
        "redrawn": of("redrawn", three, **{"source__mnist.safetensors": two["source/mnist.safetensors"]}),
        "bare": {"report_bare.pdf": PDF, "source/a.py": b"print(1)\n"},
        "last": of("last", three, **{"source__mnist.safetensors": None}),
        **{f"10{i}": of(f"10{i}", files) for i, files in enumerate(others)},
        "code": of("code", others[0], result_mnist_jpg=others[1]["result_anime.jpg"],
                   source__mine_py=b"# mine\n\n" + code),
        "near": of("near", others[1], **{weights: nearly(two["source/mnist.safetensors"])}),
        "shuffled": of("shuffled", others[2], **{weights: None},
                       result_mnist_jpg=shuffled(two["result_mnist.jpg"], tmp_path_factory.mktemp("grid"))),
        "given": of("given", others[3], **{weights: bundled_weights()}),
        "pickle": of("pickle", others[4], **{weights: None}, source__model_pt=pickle.dumps([1])),
        "photo": of("photo", others[4], result_anime_jpg=jpeg(Image.radial_gradient("L"))),
    }  # fmt: skip
    for name, files in hand_ins.items():
        write_zip(folder / f"{name}_hw2_2.zip", files)
    packed = {"compression": zipfile.ZIP_DEFLATED}
    write_zip(folder / "bomb_hw2_2.zip", {"result_mnist.jpg": bytes(60 << 20)}, **packed)
    shutil.copy(folder / "001_hw2_2.zip", folder / "exact_hw2_2.zip")
    write_zip(folder / "out_hw2_2.zip", {"../../evil.py": b"x"})
    (folder / "cut_hw2_2.zip").write_bytes((folder / "000_hw2_2.zip").read_bytes()[:-400])
    (folder / "text_hw2_2.zip").write_text("not a zip")
    (folder / "lying_hw2_2.zip").write_bytes(lying(folder / "001_hw2_2.zip"))
    (folder / "locked_hw2_2.zip").write_bytes(locked(folder / "001_hw2_2.zip"))
    link = zipfile.ZipInfo("result_mnist.jpg")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(folder / "link_hw2_2.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("readme.txt", "a link")
    unpacked = folder / "Ada <script>alert(1)</script>" / "deep"
    for name, content in of("ada", three).items():
        (unpacked / name).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / name).write_bytes(content)
    (folder / "work.rar").write_bytes(b"Rar!")
    return folder


def nearly(weights: bytes) -> bytes:
    """The weights of somebody else, each changed by a thousandth."""
    tensors = load(weights)
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])["__metadata__"]
    return save({name: 1.001 * tensor for name, tensor in tensors.items()}, header)


def shuffled(grid: bytes, folder: Path) -> bytes:
    """A grid with its cells in another order, saved anew in `folder`."""
    cells = grid_images(opened(grid), 28)
    assert cells is not None
    file = folder / "shuffled.jpg"
    save_grid(file, cells[np.random.default_rng(0).permutation(25)], 5, 5)
    return file.read_bytes()


def bundled_weights() -> bytes:
    with bundled_file("digits") as file:
        return file.read_bytes()


def lying(path: Path) -> bytes:
    """A zip whose directory names another size than a member has."""
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 24 : place + 28] = (7).to_bytes(4, "little")
    return bytes(content)


def locked(path: Path) -> bytes:
    """A zip that says its first member needs a password."""
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 8] |= 1
    return bytes(content)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real digits of 28x28 as an array, which the bundled classifier of digits can measure."""
    path = tmp_path_factory.mktemp("digits") / "digits.npy"
    with np.load(embedded_digits()) as found:
        images = torch.from_numpy(found["images"][:400]).reshape(-1, 1, 8, 8).float()
    large = F.interpolate(images, size=(20, 20), mode="bicubic", antialias=True).clamp(0, 255)
    np.save(path, F.pad(large.round().to(torch.uint8), (4, 4, 4, 4)).numpy())
    return path


@pytest.fixture(scope="module")
def graded(class_folder: Path, honest: list[Files], digits: Path) -> Iterator[Path]:
    """The folder with the results of the class; last year's ledger knows one hand-in of it."""
    place = class_folder.parent
    last = of("older", honest[2], **{"source__mnist.safetensors": None})
    write_zip(place / "last-year" / "older_hw2_2.zip", last)
    ledger, none = place / "ledger.jsonl", str(place / "no-such-faces")
    data = {"mnist_data": none, "anime_data": none, "device": "cpu"}
    grade(GradeRequest([str(place / "last-year")], place / "older", ledger, "2025", **data))
    data["mnist_data"] = str(digits)
    grade(GradeRequest([str(class_folder)], place / "grading", ledger, "2026", **data))
    yield place / "grading"


def table(graded: Path) -> dict[str, dict[str, str]]:
    with (graded / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["hand-in"].removesuffix("_hw2_2.zip"): row for row in csv.DictReader(file)}


def records(graded: Path) -> dict[str, dict[str, Any]]:
    rows = [json.loads(path.read_text("utf-8")) for path in (graded / "records").iterdir()]
    return {row["name"].removesuffix("_hw2_2.zip"): row for row in rows}


def test_every_hand_in_has_one_line(graded: Path, class_folder: Path) -> None:
    rows = table(graded)
    assert len(rows) == 30
    assert "Ada <script>alert(1)</script>/deep" in rows and "work.rar" in rows


WRONG = {  # hand-in → the subjects that are wrong; the others have none
    **{name: {"archive"} for name in ("bomb", "out", "cut", "text", "lying", "locked", "work.rar")},
    **{name: {"result_mnist.jpg"} for name in ("png", "redrawn", "code", "near")},
    "swapped": {"result_mnist.jpg", "result_anime.jpg"},
    "bare": {"names"},
    "link": {"names", "sources", "result_mnist.jpg"},
}
ALIKE = (  # hand-ins that have something in common, and nothing with any other
    {"000", "copy", "again", "code"},  # code: the program of 000
    {"001", "exact", "again", "near", "redrawn", "shuffled"},
    {"Ada <script>alert(1)</script>/deep", "last", "png", "redrawn", "swapped", "older"},
    {"100", "code"},
    {"101", "near", "code"},
    {"102", "shuffled"},
    {"103", "given"},
    {"104", "photo", "pickle"},
)


def test_every_hand_in_is_graded_right(graded: Path) -> None:
    for name, row in table(graded).items():
        wrong = {subject for subject, state in row.items() if state == "wrong"}
        assert wrong == WRONG.get(name, set()), name
        assert bool(row["evidence of what is wrong"]) == bool(wrong), name


def test_hand_ins_are_alike_where_work_was_taken_and_nowhere_else(graded: Path) -> None:
    rows = table(graded)
    for name, row in rows.items():
        said = row["resemblances"]
        found = {
            other
            for other in (*rows, "older")
            if f"{other}_hw2_2.zip" in said or f"{other};" in said
        }
        expected = set().union(*(group for group in ALIKE if name in group)) - {name}
        assert {other for other in found if other != name} <= expected, name
        assert bool(found) == bool(expected), name
    assert "those that come with ddpm-studio (digits)" in rows["given"]["resemblances"]
    assert "nearly equal (0.1 % of their norm apart)" in rows["near"]["resemblances"]
    assert "25 of 25 images as in result_mnist.jpg of 001" in rows["shuffled"]["resemblances"]
    assert "the whole hand-in is equal to 001" in rows["exact"]["resemblances"]
    assert "source/mine.py is equal, but for spaces and comments" in rows["code"]["resemblances"]


def test_a_file_that_can_hold_code_is_not_opened(graded: Path) -> None:
    checks = {c["subject"]: c for c in records(graded)["pickle"]["checks"]}
    assert checks["source/model.pt"]["state"] == "not verifiable"
    assert "can hold code" in checks["source/model.pt"]["text"]


def test_an_honest_hand_in_is_right_and_what_cannot_be_checked_is_not_wrong(graded: Path) -> None:
    row = table(graded)["001"]
    states = {
        row[name] for name in ("archive", "names", "report", "readme.txt", "source/", "sources")
    }
    assert states == {"right"} and row["evidence of what is wrong"] == ""
    assert row["result_mnist.jpg"] == "right"  # its weights are there: drawn again
    assert row["result_anime.jpg"] == "not verifiable"  # none are
    assert any(
        "reproduces: mean absolute error" in c["text"] for c in records(graded)["001"]["checks"]
    )


@pytest.mark.parametrize(
    ("name", "evidence"),
    [
        ("bomb", "unpacks"),
        ("out", "names a file outside itself (../../evil.py)"),
        ("cut", "is not a zip, or is damaged"),
        ("text", "is not a zip, or is damaged"),
        ("lying", "is damaged"),
        ("locked", "is locked with a password"),
        ("work.rar", "is not a zip"),
        ("png", "result_mnist.jpg: is a PNG file with the name of a JPEG"),
        ("link", "result_mnist.jpg: is not a JPEG file"),
        ("swapped", "result_mnist.jpg: shows images of 64x64 instead of 28x28"),
        ("redrawn", "does not reproduce: mean absolute error"),
        ("bare", "result_mnist.jpg is missing"),
    ],
)
def test_a_fault_is_wrong_with_its_evidence_in_its_own_line(
    name: str, evidence: str, graded: Path
) -> None:
    assert evidence in table(graded)[name]["evidence of what is wrong"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("000", "result_mnist.jpg shows the same pixels as result_mnist.jpg of copy_hw2_2.zip"),
        ("copy", "equal weights ("),
        ("again", "result_mnist.jpg shows 25 of 25 images as in result_mnist.jpg of 000_hw2_2.zip"),
        ("last", "of older_hw2_2.zip (2025)"),
    ],
)
def test_what_hand_ins_have_in_common_is_named(name: str, text: str, graded: Path) -> None:
    assert text in table(graded)[name]["resemblances"]


def test_hand_ins_of_their_own_have_nothing_in_common_with_each_other(graded: Path) -> None:
    said = table(graded)
    assert (
        "001_hw2_2" not in said["000"]["resemblances"]
        and "000_hw2_2" not in said["001"]["resemblances"]
    )
    assert said["bare"]["resemblances"] == said["bomb"]["resemblances"] == ""


def test_the_grids_are_measured_beside_as_many_real_images(graded: Path) -> None:
    rows = {row["metric"]: row for row in records(graded)["000"]["scores"]["mnist"]}
    assert set(rows) == {"kid", "precision", "coverage", "confident", "detail", "copies"}
    assert all(row["n"] == 25 for row in rows.values())
    assert rows["kid"]["low"] > 10 > rows["kid"]["floor"]  # the runs never learned
    assert rows["coverage"]["floor"] > rows["coverage"]["value"] + 0.2
    assert rows["copies"]["value"] == 0
    assert records(graded)["000"]["scores"]["anime"].startswith("not measured: ")


def test_the_ledger_holds_hashes_of_both_classes_and_no_work(
    graded: Path, class_folder: Path
) -> None:
    ledger = (class_folder.parent / "ledger.jsonl").read_text("utf-8")
    terms = [json.loads(line)["term"] for line in ledger.splitlines()]
    assert terms.count("2025") == 1 and terms.count("2026") == 30
    assert "thumbnail" not in ledger and "sketch" not in ledger and len(ledger) < 60_000


def test_own_code_is_laid_out_for_a_similarity_checker(graded: Path) -> None:
    code = {folder.name: folder for folder in (graded / "code").iterdir() if folder.is_dir()}
    files = [path.name for path in code[records(graded)["001"]["key"]].iterdir()]
    assert files == ["001-mine.py"]  # without the package and its notebook
    assert records(graded)["001"]["code"]["given"] > 300
    assert "dolos run" in (graded / "code" / "README.txt").read_text("utf-8")


def test_nothing_is_written_beside_the_results(graded: Path, class_folder: Path) -> None:
    assert {path.name for path in graded.iterdir()} == {
        "grades.csv",
        "grades.html",
        "records",
        "code",
    }
    assert not list(class_folder.parent.rglob("evil.py"))


def test_a_second_call_examines_nothing_and_gives_the_same_bytes(
    graded: Path, class_folder: Path, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (graded / "grades.csv").read_bytes(), (graded / "grades.html").read_bytes()
    place = class_folder.parent
    request = GradeRequest(
        [str(class_folder)], graded, place / "ledger.jsonl", "2026", (), str(digits),
        str(place / "no-such-faces"), "cpu",
    )  # fmt: skip
    grade(request)
    assert " of 30: " not in capsys.readouterr().err
    assert before == ((graded / "grades.csv").read_bytes(), (graded / "grades.html").read_bytes())


def test_a_killed_call_goes_on_at_the_missing_hand_ins(class_folder: Path, tmp_path: Path) -> None:
    """A real process is killed while it works; the next one examines the others only."""
    few = tmp_path / "few"
    few.mkdir()
    for name in ("bare", "bomb", "link", "swapped", "text"):
        shutil.copy(class_folder / f"{name}_hw2_2.zip", few)
    words = [str(few), "--out", str(tmp_path / "out"), "--device", "cpu"]
    words += ["--mnist-data", str(tmp_path / "none"), "--anime-data", str(tmp_path / "none")]
    command = [sys.executable, "-m", "ddpm", "grade", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("4 of 5: "):
                os.kill(process.pid, signal.SIGKILL)
                break
        process.wait()
    done = len(list((tmp_path / "out" / "records").glob("*.json")))
    assert 3 <= done < 5 and not (tmp_path / "out" / "grades.csv").exists()
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert finished.stderr.count(" of 5: ") == 5 - done
    assert set(table(tmp_path / "out")) == {"bare", "bomb", "link", "swapped", "text"}


def test_a_wrong_request_is_one_sentence(tmp_path: Path, class_folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("[1]")
    for change, words in (
        ({"targets": ["nowhere"]}, "There is no nowhere; pass a zip"),
        ({"targets": [str(tmp_path / "empty")]}, "holds no hand-in"),
        ({"ledger": tmp_path / "notes.txt"}, "is not a ledger of ddpm grade"),
        ({"known": [tmp_path / "nowhere"]}, "pass the sample code's folder"),
        ({"out": class_folder / "grading"}, "lies inside"),
    ):
        request: dict[str, Any] = {"targets": [str(class_folder)], "out": tmp_path / "o", **change}
        with pytest.raises(RequestError, match=words):
            grade(GradeRequest(**request))
        assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", ["records", "code"])
def test_a_folder_that_cannot_be_written_is_said_before_a_hand_in_is_read(
    name: str, class_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("a file where a folder is needed")
    assert main(["grade", str(class_folder), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and "cannot be written" in said and "--out" in said


def test_the_zip_of_a_whole_class_is_taken_apart(class_folder: Path, tmp_path: Path) -> None:
    """As a learning platform gives it: a zip in the folder of each student."""
    inner = {f"{name}/{name}_hw2_2.zip": (class_folder / f"{name}_hw2_2.zip").read_bytes()
             for name in ("bare", "text", "link")}  # fmt: skip
    write_zip(tmp_path / "class.zip", inner)
    none = str(tmp_path / "none")
    grade(
        GradeRequest(
            [str(tmp_path / "class.zip")], tmp_path / "out", mnist_data=none, anime_data=none
        )
    )
    rows = table(tmp_path / "out")
    assert set(rows) == {f"class.zip/{name}/{name}" for name in ("bare", "text", "link")}
    assert "is not a zip" in rows["class.zip/text/text"]["evidence of what is wrong"]


def test_pictures_and_code_that_everybody_was_given_are_recognized(
    honest: list[Files], tmp_path: Path
) -> None:
    sample = tmp_path / "sample"
    sample.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (25, 1, 28, 28), np.uint8)
    save_grid(sample / "example.png", images, 5, 5)
    given = f"total = {'1 + ' * 100}1\n".encode()
    (sample / "ddpm_sample.py").write_bytes(given)
    recycled = jpeg(Image.open(sample / "example.png"), quality=90)
    files = of("r", honest[0], result_mnist_jpg=recycled, **{"source__mine.py": given})
    write_zip(tmp_path / "class" / "r_hw2_2.zip", files)
    none = str(tmp_path / "none")
    grade(GradeRequest([str(tmp_path / "class")], tmp_path / "out", known=[sample], mnist_data=none,
                       anime_data=none))  # fmt: skip
    said = table(tmp_path / "out")["r"]["resemblances"]
    assert "25 of 25 images as in result_mnist.jpg of the given material (example.png)" in said
    assert records(tmp_path / "out")["r"]["code"]["own"] == 0
    shutil.rmtree(tmp_path / "class")
