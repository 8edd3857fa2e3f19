"""The smaller verbs: forward, interpolate, inpaint, refine, inspect, export, and the library's road."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.api import build_model, fit, sample
from ddpm.commands.data import augment
from ddpm.commands.data.augment import augmentation_sheet
from ddpm.commands.data.inspect import inspect_dataset, list_datasets, prepare_dataset
from ddpm.commands.edit import edit
from ddpm.commands.edit.edit import write_inpainting, write_interpolation, write_refinement
from ddpm.commands.export.export import export
from ddpm.commands.forward.forward import write_forward
from ddpm.data.pixels import to_model, to_uint8
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.augment_pipe import AugmentPipe
from ddpm.randomness import generator_for
from ddpm.sampling.forward_process import NOISE_PERCENTS
from ddpm.visuals.grids import save_grid

QUICK = ["sampling.steps=3"]


def save(name: str, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels.astype(np.uint8)).save(name)
    return Path(name)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The images that the editing verbs put into their picture."""
    seen: list[np.ndarray] = []
    write = edit.save_grid

    def spy(path: Path, images: np.ndarray, *shape: int, caption: str) -> None:
        seen.append(images)
        write(path, images, *shape, caption=caption)

    monkeypatch.setattr(edit, "save_grid", spy)
    return seen


def test_the_forward_process_begins_clean_and_ends_in_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns: list[tuple[str, np.ndarray]] = []
    monkeypatch.setattr(
        "ddpm.commands.forward.forward.save_strip",
        lambda path, shown, **rest: columns.extend(shown),
    )
    half = np.zeros((16, 16))
    half[:, 8:] = 255
    write_forward(str(save("half.png", half)), "linear", 0, Path("f.png"))
    assert [title for title, _ in columns] == [f"{share} %" for share in NOISE_PERCENTS]
    assert np.array_equal(columns[0][1][0, 0], half)
    image = half.ravel() - half.mean()
    left = [
        abs(np.corrcoef(image, pixels[0, 0].ravel().astype(float))[0, 1]) for _, pixels in columns
    ]
    assert left[0] > 0.99 and left[2] > 0.7 and left[-1] < 0.2
    assert left[:4] == sorted(left[:4], reverse=True)  # past that, noise among noise


def test_a_photo_is_made_smaller_before_it_stands_there_six_times(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write_forward(
        str(save("photo.png", np.zeros((600, 900, 3)))), "linear", 0, Path("f.png")
    )
    with Image.open(path) as picture:
        assert picture.width < 1000
    assert capsys.readouterr().err == "photo.png is 600x900; it is shown at 85x128\n"


def test_forward_takes_a_whole_set() -> None:
    path = write_forward("digits", "cosine", 0, Path("deep/forward.png"))
    with Image.open(path) as picture:
        assert picture.width > 200


def test_interpolation_ends_in_the_seeds_themselves(shown: list[np.ndarray]) -> None:
    path = write_interpolation("digits", QUICK, pairs=2, between=3, label="3")
    assert path == Path("digits-interpolation-label-3-steps-3.png") and path.is_file()
    rows = shown[0].reshape(2, 5, 1, 8, 8)
    model = open_model("digits", "cpu").model
    alone = sample(model, 4, label="3", settings=QUICK).numpy()
    for row, (first, last) in zip(rows, ((0, 1), (2, 3)), strict=True):
        assert np.abs(row[0].astype(int) - alone[first]).max() <= 1
        assert np.abs(row[-1].astype(int) - alone[last]).max() <= 1


def test_inpainting_keeps_what_is_known(shown: list[np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (8, 8))
    mask = np.zeros((8, 8))
    mask[:, :4] = 255
    options = {"image": save("i.png", image), "mask": save("m.png", mask), "n": 3}
    assert write_inpainting("digits", QUICK, **options).name == "digits-i-m-inpainted-steps-3.png"  # type: ignore[arg-type]
    original, _, *answers = shown[0][:, 0]
    assert np.array_equal(original, image)
    for answer in answers:
        assert np.array_equal(answer[:, 4:], image[:, 4:])
        assert not np.array_equal(answer[:, :4], image[:, :4])
    assert len(np.unique(np.stack(answers).reshape(3, -1), axis=0)) == 3
    for color, words in ((0, "all black"), (255, "all white")):
        options["mask"] = save("m.png", np.full((8, 8), color))
        with pytest.raises(RequestError, match=words):
            write_inpainting("digits", QUICK, **options)  # type: ignore[arg-type]


def test_captions_name_what_was_walked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No sampler that was replaced, and no steps that were left out."""
    captions: list[str] = []
    monkeypatch.setattr(edit, "save_grid", lambda *_, caption: captions.append(caption))
    ancestral = ["sampling.sampler=ancestral", "sampling.steps=4"]
    write_interpolation("digits", ancestral, pairs=1, between=0)
    image = save("i.png", np.zeros((8, 8)))
    write_refinement("digits", ancestral, image=image, strength=0.5, n=1)
    assert "ddim, 4 steps" in captions[0] and "ancestral, 2 steps" in captions[1]
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("ddim, 4 steps") and said[1].startswith("ancestral, 2 steps")


def test_every_answer_has_a_file_of_its_own() -> None:
    image, mask = np.zeros((8, 8)), np.zeros((8, 8))
    mask[:4] = 255
    given: dict[str, Any] = {"image": save("i.png", image), "n": 1}
    masks = [save("a.png", mask), save("b.png", mask.T)]
    written = [
        *(write_inpainting("digits", QUICK, mask=mask, **given) for mask in masks),
        *(write_refinement("digits", QUICK, strength=s, **given) for s in (0.2, 0.4)),
        *(write_refinement("digits", QUICK, strength=0.4, seed=s, **given) for s in (1, 2)),
        write_refinement("digits", QUICK, strength=0.4, label="7", **given),
        write_refinement("digits", ["sampling.steps=4"], strength=0.4, **given),
    ]
    assert len(set(written)) == 8 and all(path.is_file() for path in written)


@pytest.mark.parametrize(
    ("size", "white", "words"),
    [
        ((16, 8), (slice(6), slice(8)), r"^m.png is 16x8, but i.png is 8x16; draw the mask on the"),
        (
            (8, 16),
            (slice(8), slice(2)),
            r"^Nothing of the white in m.png lies in the middle .* 8x8",
        ),
        ((8, 16), (slice(8), slice(2, 16)), r"^Nothing of the black in m.png lies in the middle"),
        ((8, 16), (slice(8), slice(16)), r"all white \(what is transparent counts as white\)\.$"),
        ((8, 16), (slice(0), slice(0)), r"all black\.$"),
    ],
)
def test_a_mask_that_cannot_be_meant_is_refused(
    size: tuple[int, int], white: tuple[slice, slice], words: str
) -> None:
    mask = np.zeros(size)
    mask[white] = 255
    given = {"image": save("i.png", np.zeros((8, 16))), "mask": save("m.png", mask)}
    with pytest.raises(RequestError, match=words):
        write_inpainting("digits", QUICK, **given)  # type: ignore[arg-type]


def test_a_mask_may_be_larger_than_the_image(shown: list[np.ndarray]) -> None:
    """Of the same aspect up to a pixel: both are cropped alike."""
    mask = np.zeros((31, 63))
    mask[:, 31:] = 255
    given = {"image": save("i.png", np.zeros((8, 16))), "mask": save("m.png", mask), "n": 1}
    write_inpainting("digits", QUICK, **given)  # type: ignore[arg-type]
    holed = shown[0][1, 0]
    assert (holed[:, :4] == 0).all() and (holed[:, 4:] > 100).all()


def test_refining_forgets_the_image_by_its_strength(shown: list[np.ndarray]) -> None:
    image = np.zeros((8, 8))
    image[2:6, 2:6] = 255
    path = save("i.png", image)
    gaps = []
    for strength in (0.0, 1.0):
        write_refinement("digits", QUICK, image=path, strength=strength, n=4)
        gaps.append(np.abs(shown[-1][1:].astype(int) - shown[-1][0]).mean())
    assert gaps[0] < 20 < gaps[1]


def test_inspection_counts_and_draws_a_contact_sheet() -> None:
    text = inspect_dataset("digits", Path("sheet.png"))
    assert "1797" in text and "8x8" in text and text.endswith("sheet.png")
    with Image.open("sheet.png") as picture:
        assert picture.width > 100
    assert "1797 given, 1753 used, 44 held out" in prepare_dataset("digits", "auto", "auto", False)
    assert "1797 given, 1797 used, 0 held out" in prepare_dataset("digits", "auto", "auto", True)
    assert "3x16x16" in prepare_dataset("digits", "16", "3", False)
    listing = list_datasets()
    named = ("digits", "mnist", "anime", "hf:OWNER/NAME", "cache", "DDPM_DATA_DIR")
    assert all(name in listing for name in named)


def test_an_augmentation_is_drawn_as_training_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[np.ndarray, list[str]]] = []

    def spy(
        path: Path, images: np.ndarray, *shape: int, row_titles: list[str], **rest: str
    ) -> None:
        seen.append((images, row_titles))
        save_grid(path, images, *shape, row_titles=row_titles, **rest)

    monkeypatch.setattr(augment, "save_grid", spy)
    words, place = augmentation_sheet("digits", [], Path("a.png"))
    assert "0.15 each" in words and "data.augment is off" in words and place == "a.png"
    (images, titles), usual = seen[0], ["scale", "rotate", "stretch", "translate"]
    assert titles == ["original", *usual, "training 1", "training 2", "training 3"]
    rows = images.reshape(8, 8, 1, 8, 8)
    assert all(not np.array_equal(rows[0], row) for row in rows[1:])
    first = torch.from_numpy(rows[0])  # as the first step of a run of seed 0 sees these images
    views, _ = AugmentPipe(0.15, tuple(usual))(to_model(first), generator_for(0, "transforms", 1))
    assert np.array_equal(rows[5], to_uint8(views).numpy())
    words, _ = augmentation_sheet("dcgan-anime", ["data.path=digits", "data.size=8"], Path("b.png"))
    assert words == "flip" and seen[1][1] == ["original", *titles[-3:]]
    with pytest.raises(RequestError, match=r"data\.flip"):
        augmentation_sheet("dcgan-mnist", ["data.path=digits"], Path("c.png"))
    assert not Path("c.png").exists()


def test_exports_load_where_they_should() -> None:
    own = open_model("digits", "cpu").model.state()["ema"]
    plain = torch.load(export("digits", "torch"), weights_only=True)
    assert plain.keys() == own.keys()
    assert all(torch.equal(plain[name], own[name]) for name in own)
    path = export("digits", "safetensors", Path("deep/d.safetensors"), half=True)
    again = open_model(str(path), "cpu")
    assert all(torch.equal(value, own[name]) for name, value in again.model.state()["ema"].items())
    assert again.model.spec == open_model("digits", "cpu").model.spec
    with pytest.raises(RequestError, match="only averaged"):
        export("digits", "torch", raw=True)


def test_the_librarys_short_road_learns() -> None:
    images = torch.zeros(40, 3, 6, 6, dtype=torch.uint8)
    images[:, 0] = 255
    labels = torch.arange(40) % 2
    model = build_model("digits", images, labels, device="cpu")
    assert model.spec.class_counts == (20, 20) and model.spec.image_shape == (3, 6, 6)
    losses = fit(model, images, labels, steps=12)
    assert len(losses) == 12 and np.mean(losses[-3:]) < losses[0]
    drawn = sample(model, 2, label="1", settings=QUICK)
    assert drawn.shape == (2, 3, 6, 6) and drawn.dtype == torch.uint8
    with pytest.raises(RequestError, match="uint8"):
        build_model("digits", images.float())


def test_the_librarys_refusals_name_the_mend() -> None:
    images = torch.zeros(6, 1, 8, 8, dtype=torch.uint8)
    for labels in (torch.zeros(5, dtype=torch.int64), torch.zeros(6)):
        with pytest.raises(RequestError, match=r"Labels must be int64 \[6\], one an image"):
            build_model("digits", images, labels)
    with pytest.raises(RequestError, match="at least one"):
        build_model("digits", images[:0])
    model = open_model("digits", "cpu").model
    with pytest.raises(RequestError, match=r"training\.steps must lie between 1"):
        fit(model, images, steps=0)
    with pytest.raises(RequestError, match="0 images cannot be drawn; ask for at least one"):
        sample(model, 0)
