"""Facts that the rules read: what is derived from a configuration, and what stays unknown."""

from __future__ import annotations

import pytest

from ddpm.commands.doctor.case import Case, Finding
from ddpm.config import Config, with_overrides
from ddpm.presets import PRESETS


def test_passes_are_the_images_seen_over_the_images_there_are() -> None:
    config = with_overrides(Config(), ["training.batch_size=10"])
    assert Case(config, steps=30, images=60).passes == 5
    assert Case(config, steps=30).passes is None
    assert Case(config, images=60).passes is None
    assert Case(config, steps=30, images=0).passes is None


@pytest.mark.parametrize(
    ("labels", "class_names", "learns"),
    [
        ("auto", None, True),  # unknown: classes are expected
        ("auto", (), False),
        ("auto", ("cat", "dog"), True),
        ("false", ("cat", "dog"), False),
        ("kmeans:3", (), True),
    ],
)
def test_labels_are_learned_if_there_are_any(
    labels: str, class_names: tuple[str, ...] | None, learns: bool
) -> None:
    config = with_overrides(Config(), [f"data.labels={labels}"])
    assert Case(config, class_names=class_names).learns_labels is learns


def test_a_gan_is_no_diffusion_model() -> None:
    assert Case(PRESETS["mnist"].config).is_diffusion
    assert not Case(PRESETS["dcgan-mnist"].config).is_diffusion


def test_a_finding_is_written_under_the_keys_of_earlier_versions() -> None:
    row = Finding("note", "A problem.", "a fix", "A reason.").row()
    assert row == {"severity": "note", "words": "A problem.", "mend": "a fix", "why": "A reason."}
