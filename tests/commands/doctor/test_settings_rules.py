"""Rules on settings: learning rate, sampling steps, labels and guidance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ddpm.commands.doctor.rules import run_rules
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.presets import PRESETS
from tests.commands.doctor.example_cases import case


def test_the_fewest_steps_of_a_new_sampler_are_those_of_its_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = replace(SAMPLERS["ddim"], min_steps=1)
    monkeypatch.setitem(SAMPLERS, "mine", row)
    config = PRESETS["mnist"].config
    sampling = replace(config.sampling, sampler="mine", steps=1)  # type: ignore[arg-type]
    assert run_rules(replace(case("mnist"), config=replace(config, sampling=sampling))) == []


@pytest.mark.parametrize(
    ("optimizer", "rate", "batch", "fine"),
    [("muon", 2e-2, 64, True), ("muon", 2e-2, 4, False), ("muon", 0.2, 64, False), ("muon", 1e-4, 64, False),
     ("adam", 1e-3, 128, True), ("adamw", 2e-4, 256, True), ("adamw", 1e-2, 128, False),
     ("adam", 4e-3, 8, False), ("adam", 1e-6, 128, False)],
)  # fmt: skip
def test_a_rate_fits_its_optimizer_and_batch(
    optimizer: str, rate: float, batch: int, fine: bool
) -> None:
    settings = [f"training.optimizer={optimizer}", f"training.learning_rate={rate}"]
    found = run_rules(case("mnist", *settings, f"training.batch_size={max(batch, 1)}"))
    assert any("learning rate" in finding.problem for finding in found) is not fine


@pytest.mark.parametrize("class_names", [None, (), ("cat", "dog")])
def test_groups_that_are_found_are_labels_to_guide_towards(
    class_names: tuple[str, ...] | None,
) -> None:
    settings = ("data.labels=kmeans:10", "sampling.guidance=1.5", "sampling.guide=")
    assert run_rules(case("anime", *settings, class_names=class_names)) == []
    [found] = run_rules(
        case("anime", *settings, "network.label_dropout=0", class_names=class_names)
    )
    assert found.problem.startswith("Guidance is on, but training never drops a label")
