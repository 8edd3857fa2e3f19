"""Each rule of the doctor fires on a case made for it; all are silent on every preset and a healthy log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ddpm.commands.doctor.case import Case
from ddpm.commands.doctor.rules import RULES, run_rules
from ddpm.config import with_overrides
from ddpm.messages import message
from ddpm.presets import PRESETS
from tests.commands.doctor.example_cases import case, falling, losses, turning

SCALED = [(name, scale) for name, preset in PRESETS.items() for scale in ("cpu", *preset.scales)]


RECOVERED = message(
    "training_recovered",
    fault=message("not_finite", step=401, quantity="loss", value="nan"),
    step=400,
    change=message("half_rate"),
)
CASES = {
    "fp16_precision": case(requests_fp16=True),
    "non_finite_value": case(rows=[*falling(), {"step": 401, "warning": RECOVERED}]),
    "divergence": case(rows=falling() + [{"step": 400 + i, "loss": 0.5} for i in range(1, 101)]),
    "collapse": case("dcgan-mnist", rows=losses(*[0.8] * 600, *[0.01] * 200, key="diversity")),
    "remaining_signal": case("mnist", "diffusion.num_steps=2", "sampling.steps=2"),
    "mirrored_writing": case("mnist", "data.flip=true"),
    "learning_rate": case("mnist", "training.optimizer=adam"),  # at Muon's rate
    "gray_images_in_color": case("anime", data={"mean": [0.5] * 3, "std": [0.25] * 3}),
    "little_contrast": case(data={"range": {"low": 0, "high": 1, "full": 255, "stretched": False}}),
    "resized_images": case(
        data={
            "size": "64x64",
            "fit": {
                "images": 100,
                "common": "200x50",
                "enlarged": 0,
                "enlarged_by": 1.0,
                "cropped": 60,
                "cropped_by": 0.75,
            },
        }
    ),
    "duplicates": case(duplicates=30_000),
    "memorization": case(data={"held_out": 20}, rows=turning()),
    "discriminator_memorization": case(
        "dcgan-mnist",
        rows=losses(*[0.8] * 200, key="real_score")
        + losses(*[0.2] * 20, key="heldout_real_score", every=10),
    ),
    "warmup_too_long": case("mnist", "training.steps=300", "training.warmup=200"),
    "guidance_without_label_dropout": case("mnist", "network.label_dropout=0"),
    "guidance_without_labels": case("mnist", "sampling.guide=", class_names=()),
    "too_few_steps": case("digits", "training.steps=20", "training.warmup=0"),
    "ema_longer_than_run": case("mnist", "training.ema=0.9999", "training.steps=2000"),
    "short_warmup_of_inverse_sqrt": case(
        "mnist", "training.decay=inverse-sqrt", "training.warmup=5"
    ),
    "attention_at_no_level": case("mnist", "network.attention=[9]"),
    "unused_network_settings": case("mnist", "network.kind=dit", "network.channels=64"),
    "strong_offset_noise": case("mnist", "diffusion.offset_noise=0.5"),
    "few_sampling_steps": case("mnist", "sampling.steps=4"),
    "small_batch": case("anime", "training.batch_size=8", "training.learning_rate=2e-2"),
    "batch_exceeds_data": case("folder", images=20),
    "many_passes": case("folder", images=200),
    "needless_dropout": case("mnist", "network.dropout=0.1"),
    "emulated_bf16": case("mnist", "training.precision=bf16", emulates_bf16=True),
    "gan_momentum": case("dcgan-mnist", "training.betas=[0.9,0.999]"),
    "broken_files": case(data={"broken": 9_000}),
    "no_checkpoints": case("mnist", "training.checkpoint_every=10000"),
    "no_previews": case("mnist", "training.preview_every=10000"),
}


def test_every_rule_has_its_case() -> None:
    assert [rule.__name__ for rule in RULES] == list(CASES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_fires_on_its_case(rule: Any) -> None:
    found = rule(CASES[rule.__name__])
    assert found is not None
    assert found in run_rules(CASES[rule.__name__])
    assert found.severity in ("serious", "note")
    assert found.problem.endswith(".") and found.reason.endswith(".") and found.fix
    assert "\n" not in "".join(found)


@pytest.mark.parametrize(("name", "scale"), SCALED)
def test_every_preset_is_healthy(name: str, scale: str) -> None:
    assert run_rules(case(name, scale=scale)) == []
    bare = Case(PRESETS[name].config_for(scale))  # type: ignore[arg-type]
    assert run_rules(bare) == []  # where nothing is known of images and steps


@pytest.mark.parametrize("name", ["mnist", "dcgan-mnist"])
def test_a_healthy_log_is_healthy(name: str) -> None:
    heldout = [
        {"step": 10 * i, "heldout_loss": 1 / i + 0.1, "heldout_real_score": 0.7}
        for i in range(1, 41)
    ]
    scores = {"real_score": 0.8, "fake_score": 0.3, "diversity": 0.9}
    rows = [{**row, **scores} for row in falling(800)]
    assert run_rules(case(name, rows=rows + heldout)) == []


def test_a_fix_silences_its_rule() -> None:
    """The settings of a fix silence its rule, for every fix that is only settings."""
    healed = 0
    for rule in RULES:
        sick = CASES[rule.__name__]
        found = rule(sick)
        assert found is not None
        words = found.fix.split()
        if words[::2] != ["--set"] * (len(words) // 2) or sick.requests_fp16 or sick.emulates_bf16:
            continue
        config = with_overrides(sick.config, words[1::2])
        assert rule(replace(sick, config=config, data={**sick.data, "mean": []})) is None, found.fix
        healed += 1
    assert healed >= 12


def test_the_serious_come_first() -> None:
    sick = case("mnist", "data.flip=true", "network.attention=[9]", "training.warmup=8000")
    assert [finding.severity for finding in run_rules(sick)] == ["serious", "serious", "note"]
