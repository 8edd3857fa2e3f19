"""Rules on images: writing, mirroring, duplicates, passes over the data."""

from __future__ import annotations

import pytest

from ddpm.commands.doctor.case import Case
from ddpm.commands.doctor.rules import run_rules
from ddpm.config import with_overrides
from ddpm.data.fitting import measure_fit
from ddpm.presets import PRESETS
from tests.commands.doctor.example_cases import case


@pytest.mark.parametrize(
    ("path", "class_names", "channels", "severity"),
    [
        ("mnist", None, 1, "serious"),
        ("/data/my-Digits.zip", None, 3, "serious"),
        ("/data/fashion-mnist", None, 1, None),
        ("my_letters.zip", None, 3, "serious"),
        ("fonts8x8", None, 1, "serious"),
        ("/data/anime-characters.zip", None, 3, None),
        ("context", None, 3, None),
        ("textures.zip", None, 3, None),
        ("digital-art", None, 3, None),
        ("newsletter-faces", None, 3, None),
        ("signs", ("a", "b", "c"), 1, "note"),
        ("signs", ("a", "b", "c"), 3, None),
        ("pets", ("cat", "dog"), 1, None),
        ("anime", None, 3, None),
    ],
)
def test_what_counts_as_writing(
    path: str, class_names: tuple[str, ...] | None, channels: int, severity: str | None
) -> None:
    config = with_overrides(PRESETS["folder"].config, [f"data.path={path}", "data.flip=true"])
    found = run_rules(Case(config, class_names=class_names, data={"channels": channels}))
    assert [finding.severity for finding in found] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("settings", "passes", "fine"),
    [
        ((), 301, False),
        (("data.flip=true",), 301, True),
        (("data.flip=true",), 601, False),
        (("data.flip=true", "data.augment=0.1"), 601, True),
    ],
)
def test_mirroring_doubles_the_images_and_no_more(
    settings: tuple[str, ...], passes: int, fine: bool
) -> None:
    found = run_rules(
        case("folder", f"training.steps={passes * 1_000 // 32}", *settings, images=1_000)
    )
    assert [f.problem.split()[0] for f in found] == ([] if fine else [f"{passes}"])


def test_duplicates_that_are_kept_weigh_more_than_those_left_out() -> None:
    kept = case("mnist", "data.all_images=true", duplicates=1_000)
    assert [finding.severity for finding in run_rules(kept)] == ["serious"]
    assert run_rules(case("mnist", duplicates=1_000)) == []
    assert [finding.severity for finding in run_rules(case("mnist", duplicates=40_000))] == ["note"]


def test_mirroring_that_the_network_is_told_of_is_mirroring() -> None:
    settings = ("data.path=/my/letters", "data.augment=0.1", "data.transforms=x-flip,scale")
    [found] = run_rules(case("folder", *settings))
    assert "take x-flip out of data.transforms" in found.fix
    assert run_rules(case("folder", "data.augment=0.1", *settings[:1])) == []


@pytest.mark.parametrize(
    ("sizes", "size", "severity", "words"),
    [
        ({"64x64": 100}, (64, 64), None, ""),
        ({"200x50": 100}, (64, 64), "serious", "100 lose up to 75% of their area"),
        ({"64x64": 95, "16x16": 5}, (64, 64), "note", "5 are enlarged up to 4 times"),
        ({"64x64": 99, "16x16": 1}, (64, 64), None, ""),  # one icon
        ({"64x64": 60, "60x64": 40}, (64, 64), None, ""),  # little of each
        (
            {"16x16": 60, "20x100": 40},
            (64, 64),
            "serious",
            "100 are enlarged up to 4 times and 40 lose",
        ),
    ],
)
def test_resized_and_cropped_sets_are_named(
    sizes: dict[str, int], size: tuple[int, int], severity: str | None, words: str
) -> None:
    """From the record of the run, as `data/fitting.py` writes it."""
    fit = measure_fit(sizes, size, auto=True)
    report = {"size": "64x64", "fit": fit}
    found = run_rules(Case(PRESETS["folder"].config, data=report))
    named = [finding for finding in found if "brought to 64x64" in finding.problem]
    assert [finding.severity for finding in named] == ([severity] if severity else [])
    assert all(words in finding.problem for finding in named)
