"""The images under test: drawn as the run draws, or read from files without touching a pixel."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.commands.sample.sample import SampleRequest, write_samples
from ddpm.errors import RequestError
from ddpm.messages import join_sentences, message
from ddpm.scoring.generated_images import (
    ImageFiles,
    ModelSamples,
    describe_available,
    open_generated_images,
    open_image_files,
)

GRAY, COLOR = (1, 9, 7), (3, 9, 7)


def images(count: int, channels: int, seed: int = 0) -> np.ndarray:
    shape = (count, channels, 9, 7)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def folder(path: Path, stack: np.ndarray) -> Path:
    path.mkdir()
    for index, image in enumerate(stack):
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(pixels).save(path / f"{index}.png")
    return path


def every_kind(stack: np.ndarray) -> list[Path]:
    """Images read from a folder, a zip, and arrays of either axis order are equal."""
    files = [folder(Path("folder"), stack), Path("a.zip"), Path("a.npy"), Path("b.npz")]
    with zipfile.ZipFile("a.zip", "w") as archive:
        for path in sorted(Path("folder").iterdir()):
            archive.write(path)
    np.save("a.npy", stack)
    np.savez("b.npz", images=stack.transpose(0, 2, 3, 1))
    np.savez("lone.npz", stack)
    return [*files, Path("lone.npz")]


@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_file_gives_the_same_pixels(channels: int) -> None:
    stack = images(15, channels)
    for path in every_kind(stack):
        found = open_image_files(path)
        assert found.available == 15
        assert found.shape(GRAY) == found.shape(COLOR) == (channels, 9, 7)
        assert torch.equal(found.load(15, 0, (channels, 9, 7)), torch.from_numpy(stack)), path


def test_of_more_images_some_are_chosen_by_the_seed_in_their_order() -> None:
    stack = images(40, 1)
    np.save("a.npy", stack)
    found = open_image_files(Path("a.npy"))
    one, again, other = (found.load(10, seed, GRAY) for seed in (1, 1, 2))
    places = [int((torch.from_numpy(stack) == image).all((1, 2, 3)).nonzero()) for image in one]
    assert places == sorted(set(places))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_gray_pixels_stored_in_color_are_what_the_reference_is() -> None:
    stack = np.repeat(images(12, 1), 3, axis=1)
    found = open_image_files(folder(Path("gray"), stack))
    assert found.shape(GRAY) == GRAY and found.shape(COLOR) == COLOR
    assert torch.equal(found.load(12, 0, GRAY), torch.from_numpy(stack[:, :1]))
    assert torch.equal(found.load(12, 0, COLOR), torch.from_numpy(stack))


def test_several_sizes_are_refused_with_their_counts() -> None:
    path = folder(Path("mixed"), images(3, 1))
    Image.new("L", (20, 30)).save(path / "other.png")
    with pytest.raises(RequestError, match=r"3 of 9x7, 1 of 30x20\).*never resized"):
        open_image_files(path)


def test_a_broken_image_is_named_and_left_out() -> None:
    path = folder(Path("a"), images(12, 1))
    whole = (path / "11.png").read_bytes()
    (path / "11.png").write_bytes(whole[: len(whole) // 2])
    found = open_image_files(path)
    assert found.available == 11 and len(found.load(11, 0, GRAY)) == 11
    notes = join_sentences(found.notes)
    assert notes.startswith("1 broken image is left out: 11.png ")
    assert describe_available(found) == f"11 ({notes})"


def test_names_are_those_of_the_file_or_folder() -> None:
    np.save("my faces.npy", images(12, 1))
    assert open_image_files(Path("my faces.npy")).name == "my faces"
    folder(Path("drawn.v2"), images(12, 1))
    assert open_image_files(Path("drawn.v2/../drawn.v2")).name == "drawn.v2"


def test_a_run_draws_what_ddpm_sample_draws(make_run) -> None:
    run = make_run("mine", (1, 8, 8))
    subject = open_generated_images(str(run), ["sampling.chunk=4"], "cpu")
    assert isinstance(subject, ModelSamples) and subject.available is None
    assert subject.shape((3,)) == (1, 8, 8)
    drawn = subject.load(6, 3, (1, 8, 8))
    write_samples(
        str(run), ["sampling.chunk=4"], SampleRequest(n=6, seed=3, out=Path("a.npz")), "cpu"
    )
    with np.load("a.npz") as stored:
        assert torch.equal(drawn, torch.from_numpy(stored["images"]))
    facts = subject.facts()
    assert facts.pop("images_per_second") > 0
    assert facts == {
        "kind": "run", "model": "ddpm", "seeds": [3, 8],
        "drawn": message("sampler", sampler="unipc", steps=2),
        "step": 12, "average": None,
    }  # fmt: skip


def test_what_a_target_means(make_run, workplace: Path) -> None:
    folder(Path("digits"), images(12, 1))
    bundled = open_generated_images("digits", [], "cpu")
    assert isinstance(bundled, ModelSamples) and bundled.facts()["kind"] == "weights"
    assert isinstance(open_generated_images("./digits", [], "cpu"), ImageFiles)
    with pytest.raises(RequestError, match="take no sampling options"):
        open_generated_images("./digits", ["sampling.steps=3"], "cpu")
    with pytest.raises(RequestError, match="did you mean digits"):
        open_generated_images("digit", [], "cpu")
    with pytest.raises(RequestError, match="has only 1000"):
        open_generated_images("digits", ["sampling.steps=2000"], "cpu")
