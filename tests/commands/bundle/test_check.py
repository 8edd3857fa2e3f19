"""`ddpm bundle --check`: right zips pass, whoever made them; each wrong one is refused with the reason."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.bundle.bundle import BundleRequest, write_bundle
from ddpm.commands.bundle.check import Finding, check_bundle
from ddpm.commands.sample.sample import SampleRequest, write_samples
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_images
from ddpm.visuals.grid_reader import read_grid
from ddpm.visuals.grids import grid

NAME = "0712345_hw2_2.zip"
PDF = b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n"
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def runs(make_run: Callable[..., Path]) -> dict[str, str]:
    return {
        "mnist": str(make_run("mine", (1, 28, 28))),
        "anime": str(make_run("faces", (3, 64, 64))),
    }


@pytest.fixture(scope="module")
def ours(runs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of a zip that `ddpm bundle` wrote."""
    folder = tmp_path_factory.mktemp("ours")
    (folder / "mine.pdf").write_bytes(PDF)
    path = write_bundle(
        BundleRequest("0712345", **runs, report=folder / "mine.pdf", out=folder)  # type: ignore[arg-type]
    )
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files, name: str = NAME) -> Path:
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner, content in files.items():
            archive.writestr(inner, content)
    return Path(name)


def wrong(found: list[Finding]) -> list[str]:
    return [f"{finding.subject}: {finding.text}" for finding in found if finding.verdict == "wrong"]


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def foreign() -> Files:
    """A zip that another program made."""
    picture = encoded(Image.new("RGB", (300, 300), "gray"), quality=75)
    names = (f"{kind}_{images}.jpg" for kind in ("result", "loss") for images in ("mnist", "anime"))
    files = {**dict.fromkeys(names, picture), "readme.txt": "說明".encode("big5")}
    return {**files, "report_0712345.pdf": PDF, "source/a.py": b"print()\n"}


def test_ours_is_right_in_every_line(ours: Files, runs: dict[str, str]) -> None:
    found = check_bundle(zipped(ours), runs)
    assert {finding.verdict for finding in found} == {"ok"}
    words = [str(finding) for finding in found]
    assert any("5x5 cells of 28x28, gray, seeds 0–24" in line for line in words)
    assert any("5x5 cells of 64x64, color, seeds 0–24" in line for line in words)
    assert sum("reproduces: mean absolute error" in line for line in words) == 2


def test_pictures_made_elsewhere_are_not_verifiable_and_not_wrong(
    foreign: Files, runs: dict[str, str]
) -> None:
    for asked in ({}, runs):
        found = check_bundle(zipped(foreign), asked)
        assert wrong(found) == []
        unsure = [finding.subject for finding in found if finding.verdict == "not verifiable"]
        assert unsure == ["result_mnist.jpg", "result_anime.jpg"]


def test_one_wrong_name_is_refused_with_the_right_one(ours: Files) -> None:
    files = {name.replace("result_mnist", "result_minst"): data for name, data in ours.items()}
    assert wrong(check_bundle(zipped(files))) == [
        "names: result_minst.jpg is misnamed; rename it to result_mnist.jpg"
    ]
    assert wrong(check_bundle(zipped(ours, "0712345_hw22.zip"))) == [
        "names: 0712345_hw22.zip is misnamed; rename it to 0712345_hw2_2.zip"
    ]


@pytest.mark.parametrize(
    "name", ["result_anime.jpg", "loss_mnist.jpg", "readme.txt", "report_0712345.pdf"]
)
def test_a_missing_file_is_missed(ours: Files, name: str) -> None:
    files = {inner: data for inner, data in ours.items() if inner != name}
    assert wrong(check_bundle(zipped(files))) == [f"names: {name} is missing; add it"]


def test_names_that_begin_with_a_dot_and_a_slash_are_looked_into_all_the_same(ours: Files) -> None:
    """As `bsdtar -a -cf x.zip .` writes them."""
    dotted = {f"./{inner}": content for inner, content in ours.items()}
    right = check_bundle(zipped(dotted))
    assert wrong(right) == [] and len(right) == len(check_bundle(zipped(ours))) > 6
    garbage = wrong(check_bundle(zipped(dict.fromkeys(dotted, b"garbage\0"))))
    for name in ("report_0712345.pdf", "result_mnist.jpg", "loss_anime.jpg", "readme.txt"):
        assert any(reason.startswith(f"{name}: ") for reason in garbage), name
    twice = wrong(check_bundle(zipped({**ours, "./readme.txt": b"another"})))
    assert twice == ["names: readme.txt occurs more than once; keep one"]


@pytest.mark.parametrize("name", [".", "./."])
def test_a_file_without_a_name_is_a_finding(ours: Files, name: str) -> None:
    assert wrong(check_bundle(zipped({**ours, name: b"?"}))) == [
        f"{NAME}: holds a file without a name"
    ]


def test_a_png_renamed_to_jpg_is_refused(ours: Files) -> None:
    png = encoded(Image.open(io.BytesIO(ours["result_mnist.jpg"])), "PNG")
    [reason] = wrong(check_bundle(zipped({**ours, "result_mnist.jpg": png})))
    assert reason.startswith("result_mnist.jpg: is a PNG file with the name of a JPEG")


def test_a_word_file_renamed_to_pdf_is_refused(ours: Files) -> None:
    [reason] = wrong(check_bundle(zipped({**ours, "report_0712345.pdf": b"PK\x03\x04 words"})))
    assert reason.startswith("report_0712345.pdf: is not a PDF")


def test_an_empty_readme_and_a_source_without_programs_are_refused(foreign: Files) -> None:
    foreign["readme.txt"] = b" \n"
    foreign["source/a.txt"] = foreign.pop("source/a.py")
    reasons = wrong(check_bundle(zipped(foreign)))
    assert [reason.split(":")[0] for reason in reasons] == ["readme.txt", "source/"]


def test_a_grid_of_4x5_cells_is_refused(ours: Files, runs: dict[str, str]) -> None:
    request = SampleRequest(n=20, grid=(4, 5), out=Path("four.jpg"))
    write_samples(runs["mnist"], [], request, "cpu")
    files = {**ours, "result_mnist.jpg": Path("four.jpg").read_bytes()}
    assert wrong(check_bundle(zipped(files))) == [
        "result_mnist.jpg: has 4x5 cells instead of 5x5; sample it with ddpm sample RUN --grid 5x5"
    ]


def test_a_grid_of_4x5_cells_under_the_comment_of_5x5_is_refused(ours: Files) -> None:
    whole = Image.open(io.BytesIO(ours["result_mnist.jpg"]))
    cut = whole.crop((0, 0, whole.width, 4 * 112 + 3 * 2))
    data = encoded(cut, quality=95, comment=whole.info["comment"])
    [reason] = wrong(check_bundle(zipped({**ours, "result_mnist.jpg": data})))
    assert "5x5 cells of 28x28" in reason and "need 568x568" in reason


def test_grids_of_the_other_set_and_sampled_ones_are_told_apart(
    ours: Files, runs: dict[str, str]
) -> None:
    swapped = {**ours, "result_mnist.jpg": ours["result_anime.jpg"]}
    assert wrong(check_bundle(zipped(swapped))) == [
        "result_mnist.jpg: shows images of 64x64 instead of 28x28; sample it from a run with "
        "data.size=28"
    ]
    write_samples(runs["mnist"], [], SampleRequest(seed=7, out=Path("seven.jpg")), "cpu")
    files = {**ours, "result_mnist.jpg": Path("seven.jpg").read_bytes()}
    assert wrong(check_bundle(zipped(files), runs)) == []  # `ddpm sample --out` serves as well
    half = SampleRequest(n=20, grid=(5, 5), out=Path("half.jpg"))
    write_samples(runs["mnist"], [], half, "cpu")
    files["result_mnist.jpg"] = Path("half.jpg").read_bytes()
    assert "shows 20 images" in wrong(check_bundle(zipped(files)))[0]


def test_another_run_does_not_reproduce_the_grid(
    ours: Files, make_run: Callable[..., Path]
) -> None:
    other = {"mnist": str(make_run("other", (1, 28, 28), seed=1))}
    [reason] = wrong(check_bundle(zipped(ours), other))
    assert "does not reproduce: mean absolute error" in reason and "the run holds" in reason
    shape = {"mnist": str(make_run("color", (3, 28, 28)))}
    assert "but the run generates 3x28x28" in wrong(check_bundle(zipped(ours), shape))[0]


def test_a_grid_of_a_dcgan_is_not_what_is_asked_for(
    ours: Files, make_run: Callable[..., Path]
) -> None:
    gan = str(make_run("gan", (1, 28, 28), model="dcgan"))
    write_samples(gan, [], SampleRequest(out=Path("gan.jpg")), "cpu")
    files = {**ours, "result_mnist.jpg": Path("gan.jpg").read_bytes()}
    assert wrong(check_bundle(zipped(files), {"mnist": gan})) == [
        "result_mnist.jpg: was sampled from a DCGAN; sample it from a run of a diffusion model"
    ]


def test_one_exchanged_image_is_seen(ours: Files, runs: dict[str, str]) -> None:
    """It moves the mean over 25 images by too little: each image is looked at."""
    from ddpm.visuals.grid_mark import read_grid_mark

    picture = Image.open(io.BytesIO(ours["result_mnist.jpg"]))
    mark = read_grid_mark(picture)
    assert mark is not None
    images = read_grid(picture, mark.layout, 1)
    gap = np.abs(images[7].astype(int) - images[12]).mean()
    assert gap > 12
    blend = np.clip(images[12] + (images[7].astype(int) - images[12]) * min(1, 40 / gap), 0, 255)
    images[12] = blend.round()
    data = encoded(grid(images, 5, 5), quality=95, subsampling=0, comment=picture.info["comment"])
    found = wrong(check_bundle(zipped({**ours, "result_mnist.jpg": data}), runs))
    assert found == [
        "result_mnist.jpg: does not reproduce: seed 12 gives another image than cell 13 shows; sample it "
        "again with ddpm sample RUN --out result_mnist.jpg"
    ]


def test_a_grid_of_the_first_format_reproduces_with_the_classes_of_then(ours: Files) -> None:
    write_samples("bundled:mnist", [], SampleRequest(out=Path("now.png")), "cpu")
    with Image.open("now.png") as now:
        comment = json.loads(now.info["Comment"])
    model = open_model("bundled:mnist", "cpu").model
    classes = choose_labels(model, range(25), None, at_random=True)
    images = sample_images(model, range(25), classes, model.spec.config.sampling)
    for version, verdicts in ((1, set()), (2, {"wrong"})):
        text = json.dumps({**comment, "format": version}).encode()
        data = encoded(grid(images, 5, 5), quality=95, subsampling=0, comment=text)
        files = zipped({**ours, "result_mnist.jpg": data})
        found = check_bundle(files, {"mnist": "bundled:mnist"})
        about = {finding.verdict for finding in found if finding.subject == "result_mnist.jpg"}
        assert about - {"ok"} == verdicts


def test_what_only_looks_like_a_zip_is_refused(ours: Files) -> None:
    whole = zipped(ours).read_bytes()
    for content in (b"", b"words", whole[: len(whole) // 2], b"PK\x05\x06" + bytes(17)):
        Path(NAME).write_bytes(content)
        assert wrong(check_bundle(Path(NAME))) == [
            f"{NAME}: is not a zip, or is damaged or incomplete; create it again"
        ]
    damaged = bytearray(whole)
    damaged[200:260] = bytes(60)
    Path(NAME).write_bytes(damaged)
    assert "damaged" in wrong(check_bundle(Path(NAME)))[0]


@pytest.mark.parametrize("name", ["../up.py", "/etc/x", "C:\\x.py", "source/../../x", "..\\x"])
def test_a_zip_that_points_outside_itself_is_refused(foreign: Files, name: str) -> None:
    [reason] = wrong(check_bundle(zipped({**foreign, name: b""})))
    assert "names a file outside itself" in reason
    assert not Path("../up.py").exists()


def test_a_locked_zip_and_bombs_are_not_read(
    foreign: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, many = zipped(foreign).read_bytes(), {f"source/{i}.py": b"" for i in range(5001)}
    crowded = zipped(many, "many.zip")

    def never(*arguments: object, **options: object) -> bytes:
        raise AssertionError("a member was read")

    for name in ("read", "open", "testzip"):
        monkeypatch.setattr(zipfile.ZipFile, name, never)
    entry = whole.index(b"PK\x01\x02")  # the first of the list at the end
    for offset, change, words in (
        (8, struct.pack("<H", 1), "locked with a password"),  # bit 0 of the flags
        (24, struct.pack("<I", 300 << 20), "unpacks"),  # bytes said to come out of one file
        (24, struct.pack("<I", 600 << 20), "more than 5000 files or 512 MiB"),
    ):
        place = entry + offset
        Path(NAME).write_bytes(whole[:place] + change + whole[place + len(change) :])
        assert words in wrong(check_bundle(Path(NAME)))[0]
    assert "more than 5000 files" in wrong(check_bundle(crowded))[0]


def test_a_zip_or_a_run_that_is_not_there_is_a_wrong_request(foreign: Files) -> None:
    with pytest.raises(RequestError, match=r"no file none\.zip"):
        check_bundle(Path("none.zip"))
    with pytest.raises(RequestError, match="nowhere"):
        check_bundle(zipped(foreign), {"mnist": "nowhere"})
