"""Which folders are classes, and which are a split, masks, numbered parts or around the classes."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import pytest

from ddpm.data.folder_roles import Folder, Role, folder_roles
from ddpm.data.image_source import ImageSource
from ddpm.data.source_detection import open_source
from ddpm.messages import join_sentences


def opened(root: Path, names: Iterable[str], kind: str = "folder") -> ImageSource:
    """The set of image files with these names, as a folder, a zip or a tar."""
    path = root / "set"
    if kind == "folder":
        for name in names:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(name.encode())
        return open_source(path)
    path = path.with_suffix(f".{kind}")
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, name)
    else:
        with tarfile.open(path, "w") as tar:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = len(name.encode())
                tar.addfile(info, BytesIO(name.encode()))
    return open_source(path)


def classes(source: ImageSource) -> dict[str, str]:
    """Name of each image → name of its class."""
    assert source.labels is not None
    return {
        name: source.class_names[label]
        for name, label in zip(source.names, source.labels, strict=True)
    }


def held_out(source: ImageSource) -> set[str]:
    return {source.names[item] for item in source.test}


def images(*folders: str, count: int = 3, ending: str = "png") -> list[str]:
    return [f"{folder}/{folder[-1]}{i}.{ending}" for folder in folders for i in range(count)]


KINDS = pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
SPLITS = [
    ("train", "test"),
    ("Train", "VALID"),
    ("training", "testing"),
    ("seg_train/seg_train", "seg_test/seg_test"),
    ("data/deep/train2017", "data/deep/val2017"),
    ("train_images", "test_images"),
]


@KINDS
@pytest.mark.parametrize(("train", "test"), SPLITS)
def test_train_and_test_folders_are_the_split(
    train: str, test: str, kind: str, tmp_path: Path
) -> None:
    source = opened(tmp_path, images(train, test), kind)
    assert source.labels is None and len(source) == 6
    assert held_out(source) == set(images(test))
    loaded = [source.load(item) for item in range(6)]
    assert loaded == [name.encode() for name in source.names]  # names and bytes stay together
    assert list(source.test) == [3, 4, 5]  # after the training images
    assert "are held out" in join_sentences(source.notes)


@KINDS
@pytest.mark.parametrize(("train", "test"), SPLITS)
def test_classes_inside_of_the_split_keep_their_names(
    train: str, test: str, kind: str, tmp_path: Path
) -> None:
    names = images(*(f"{part}/{name}" for part in (train, test) for name in ("cat", "dog")))
    source = opened(tmp_path, names, kind)
    assert source.class_names == ("cat", "dog")
    assert all(label in name for name, label in classes(source).items())
    assert held_out(source) == {name for name in names if name.startswith(test)}


def test_the_split_may_be_inside_of_the_classes(tmp_path: Path) -> None:
    names = images("cat/train", "cat/test", "dog/train", "dog/test")
    source = opened(tmp_path, names)
    assert source.class_names == ("cat", "dog")
    assert held_out(source) == {name for name in names if "test" in name}


def test_validation_and_test_images_are_both_held_out(tmp_path: Path) -> None:
    source = opened(tmp_path, images("train/a", "train/b", "val/a", "val/b", "test/a", "test/b"))
    assert len(source.test) == 12 and source.class_names == ("a", "b")


def test_test_images_without_a_class_are_left_out(tmp_path: Path) -> None:
    source = opened(tmp_path, [*images("train/cat", "train/dog"), *images("test")])
    assert classes(source) == {
        name: name.split("/")[1] for name in images("train/cat", "train/dog")
    }
    assert "left out without a label: 3, such as test/t0.png" in join_sentences(source.notes)


@pytest.mark.parametrize(
    "folders",
    [("train", "bus", "car"), ("test", "cat"), ("train station", "bus"), ("testimony", "training")],
)
def test_other_names_are_classes_as_ever(folders: tuple[str, ...], tmp_path: Path) -> None:
    source = opened(tmp_path, images(*folders))
    assert set(source.class_names) == set(folders) and source.test == ()


@pytest.mark.parametrize(
    ("pictures", "masks"),
    [
        (["images"], ["masks"]),
        (["Images"], ["Labels"]),
        (["train/images", "test/images"], ["train/masks", "test/masks"]),
        (["images/train", "images/test"], ["masks/train", "masks/test"]),
        (["train", "test"], ["train_masks"]),
        (["JPEGImages"], ["SegmentationClass"]),
        (["images/cat", "images/dog"], ["masks/cat", "masks/dog"]),
    ],
)
def test_masks_are_left_out_and_named(
    pictures: list[str], masks: list[str], tmp_path: Path
) -> None:
    source = opened(tmp_path, images(*pictures, *masks))
    assert set(source.names) == set(images(*pictures))
    assert held_out(source) == {name for name in images(*pictures) if "test" in name}
    said = join_sentences(source.notes)
    assert (
        f"left out as masks: {3 * len(masks)} in " in said
        and "to train on them, pass that folder" in said
    )
    if "images/cat" in pictures:
        assert source.class_names == ("cat", "dog")
    else:
        assert source.labels is None


@pytest.mark.parametrize("folders", [("with_mask", "without_mask"), ("mask", "no mask", "unsure")])
def test_classes_named_for_masks_are_classes(folders: tuple[str, ...], tmp_path: Path) -> None:
    assert set(opened(tmp_path, images(*folders)).class_names) == set(folders)


def test_masks_beside_their_images_are_left_out(tmp_path: Path) -> None:
    names = [
        f"{kind}/{kind} ({i}){end}.png" for kind in "ab" for i in (1, 2) for end in ("", "_mask")
    ]
    names.append("a/a (1)_mask_1.png")
    source = opened(tmp_path, names)
    assert classes(source) == {name: name[0] for name in names if "mask" not in name}
    assert "left out as masks of the images beside them: 5, such as" in join_sentences(source.notes)


@KINDS
@pytest.mark.parametrize(
    "names",
    [
        [f"{i:05d}/img{1000 * i + j:08d}.png" for i in range(2) for j in range(4)],
        [f"{1000 * i:05d}/{1000 * i + j:05d}.png" for i in range(3) for j in range(4)],
        [f"{1000 * i:05d}/{name}.png" for i in range(2) for name in "abc"],
        [f"{i:04d}/{4 * i + j}.png" for i in range(3) for j in range(4)],
        [f"{word}{i}/{j}.png" for word in ("part",) for i in (1, 2) for j in range(3)],
        [f"set/batch_{i}/{j}.png" for i in (1, 2) for j in range(3)],
    ],
)
def test_numbered_parts_are_no_classes(names: list[str], kind: str, tmp_path: Path) -> None:
    source = opened(tmp_path, names, kind)
    assert source.labels is None and set(source.names) == set(names)
    assert "are taken for numbered parts, not for classes" in join_sentences(source.notes)


@pytest.mark.parametrize(
    "names",
    [
        [f"{digit}/{i}.png" for digit in range(10) for i in range(3)],
        [f"{sign:05d}/00000_{i:05d}.ppm" for sign in range(4) for i in range(3)],  # traffic signs
        [f"{i:03d}.bird/{i}.png" for i in range(3)],
        [f"class{i}/{j}.png" for i in (1, 2) for j in range(3)],
    ],
)
def test_numbered_classes_are_classes(names: list[str], tmp_path: Path) -> None:
    source = opened(tmp_path, names)
    assert classes(source) == {name: name.split("/")[0] for name in names}


def test_classes_made_of_numbered_parts_keep_their_names(tmp_path: Path) -> None:
    names = [f"{kind}/{1000 * i:05d}/{1000 * i + j:05d}.png" for kind in ("a", "b") for i in (0, 1)
             for j in range(3)]  # fmt: skip
    assert classes(opened(tmp_path, names)) == {name: name[0] for name in names}


@KINDS
@pytest.mark.parametrize("above", ["", "data/deep/"])
def test_a_stray_picture_beside_class_folders_is_left_out(
    above: str, kind: str, tmp_path: Path
) -> None:
    names = images(f"{above}cats", f"{above}dogs")
    source = opened(tmp_path, [f"{above}preview.jpg", *names], kind)
    assert classes(source) == {name: name.split("/")[-2] for name in names}
    assert f"left out, because not in a class folder: {above}preview.jpg" in join_sentences(
        source.notes
    )


def test_many_pictures_beside_class_folders_are_a_class(tmp_path: Path) -> None:
    names = [*images("cats", "dogs"), "1.png", "2.png"]
    assert opened(tmp_path, names).class_names == ("cats", "dogs", "set")


def test_a_stray_picture_around_one_folder_makes_no_classes(tmp_path: Path) -> None:
    source = opened(tmp_path, [*images("more"), "cover.jpg"])
    assert source.labels is None and len(source) == 4


def test_a_class_is_the_folder_directly_holding_the_image() -> None:
    folders = [Folder("data/10", 1), Folder("data/2", 1), Folder("data/2/s/9", 1), Folder("m/2", 1)]
    assert folder_roles(folders, "top") == [Role("10"), Role("2"), Role("9"), Role("2")]
    assert folder_roles([Folder("", 1), Folder("b", 1)], "a") == [Role("a"), Role("b")]
    assert folder_roles([Folder("data", 2)], "top") == [Role(None)]
