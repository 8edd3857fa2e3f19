"""Each rule of the doctor fires on a case made for it; all are silent on every preset and a healthy log."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from ddpm.commands.doctor.case import Case
from ddpm.commands.doctor.rules import RULES, run_rules
from ddpm.config import with_overrides
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.messages import FIXES, message, sentence
from ddpm.presets import PRESETS

IMAGES = {"mnist": 60_000, "anime": 20_000, "digits": 1_753}  # to train on
SCALED = [(name, scale) for name, preset in PRESETS.items() for scale in ("cpu", *preset.scales)]


def case(name: str = "mnist", *overrides: str, scale: str = "cpu", **known: Any) -> Case:
    """A preset's case, its images known, with some settings and facts changed."""
    config = with_overrides(PRESETS[name].config_for(scale), overrides)  # type: ignore[arg-type]
    images = known.pop("images", IMAGES.get(config.data.path, 5_000))
    training = config.training
    epochs = math.ceil(training.epochs * images / training.batch_size)
    given = {"given": images, "used": images, "channels": 1, "broken": 0}
    size = config.data.size if config.data.size != "auto" else "64x64"
    data = {**given, "size": str(size), **known.pop("data", {})}
    return replace(
        Case(config, steps=epochs or training.steps, images=images, data=data, duplicates=0),
        **known,
    )


def losses(*values: float, key: str = "loss", every: int = 1) -> list[dict[str, Any]]:
    return [{"step": every * (i + 1), key: value} for i, value in enumerate(values)]


def falling(count: int = 400, key: str = "loss") -> list[dict[str, Any]]:
    return losses(*(1 / (1 + i / 20) + 0.05 + 0.01 * (-1) ** i for i in range(count)), key=key)


def turning() -> list[dict[str, Any]]:
    """A held-out loss that falls to step 10 and has risen again by step 20."""
    falls, rises = [1 / i for i in range(1, 11)], [0.1 + i / 50 for i in range(10)]
    return losses(*falls, *rises, key="heldout_loss")


CASES = {
    "fp16_precision": case(requests_fp16=True),
    "non_finite_value": case(rows=[*falling(), {"step": 401, "loss": math.nan}]),
    "divergence": case(rows=falling() + [{"step": 400 + i, "loss": 0.5} for i in range(1, 101)]),
    "collapse": case("dcgan-mnist", rows=losses(*[0.8] * 600, *[0.01] * 200, key="diversity")),
    "remaining_signal": case("mnist", "diffusion.num_steps=2", "sampling.steps=2"),
    "mirrored_writing": case("mnist", "data.flip=true"),
    "learning_rate": case("mnist", "training.optimizer=adam"),  # at Muon's rate
    "gray_images_in_color": case("anime", data={"mean": [0.5] * 3, "std": [0.25] * 3}),
    "duplicates": case(duplicates=30_000),
    "memorization": case(data={"held_out": 20}, rows=turning()),
    "discriminator_memorization": case(
        "dcgan-mnist",
        rows=losses(*[0.8] * 200, key="real_score")
        + losses(*[0.2] * 20, key="heldout_real_score", every=10),
    ),
    "warmup_too_long": case("mnist", "training.steps=300", "training.warmup=200"),
    "guidance_without_label_dropout": case("mnist", "network.label_dropout=0"),
    "guidance_without_labels": case("mnist", class_names=()),
    "too_few_steps": case("digits", "training.steps=20", "training.warmup=0"),
    "ema_longer_than_run": case("mnist", "training.ema=0.9999", "training.steps=2000"),
    "attention_at_no_level": case("mnist", "network.attention=[9]"),
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


def test_the_fewest_steps_of_a_new_sampler_are_those_of_its_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = replace(SAMPLERS["ddim"], min_steps=1)
    monkeypatch.setitem(SAMPLERS, "mine", row)
    config = PRESETS["mnist"].config
    sampling = replace(config.sampling, sampler="mine", steps=1)  # type: ignore[arg-type]
    assert run_rules(replace(case("mnist"), config=replace(config, sampling=sampling))) == []


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


def test_a_log_that_went_up_and_came_down_again_is_healthy() -> None:
    spike = falling(200) + [{"step": 200 + i, "loss": 2.0} for i in range(1, 101)]
    assert run_rules(case(rows=spike)) != []
    recovered = spike + [{"step": 300 + i, "loss": 0.1} for i in range(1, 301)]
    assert run_rules(case(rows=recovered)) == []


def test_what_the_watch_of_the_training_said_is_repeated() -> None:
    warning = message("memorization_copies", share=0.2)
    found = run_rules(case(rows=[*falling(), {"step": 400, "warning": warning}]))
    assert [(f.problem, f.fix) for f in found] == [
        (f"At step 400 {sentence(warning)}.", FIXES["memorization_copies"])
    ]
    assert "20% of the images drawn are copies" in found[0].problem


@pytest.mark.parametrize(
    ("held_out", "looked_at", "pairs", "severities"),
    [
        (19, None, 0, []),  # 19 noisy losses say nothing
        (20, None, 0, ["serious"]),
        (60, 20, 60, []),  # the watch looked last, and did not warn
        (60, 20, 19, ["serious"]),  # at too few
        (60, 12, 60, ["serious"]),  # before the rise
    ],
)
def test_a_risen_held_out_loss_is_believed_where_nothing_better_is_known(
    held_out: int, looked_at: int | None, pairs: int, severities: list[str]
) -> None:
    look = {"step": looked_at, "heldout_gap_pairs": pairs, "heldout_gap_z": 0.3, "copies": 0.0}
    rows = turning() + ([] if looked_at is None else [look])
    found = run_rules(case(data={"held_out": held_out}, rows=rows))
    assert [finding.severity for finding in found] == severities


def test_mirroring_that_the_network_is_told_of_is_mirroring() -> None:
    settings = ("data.path=/my/letters", "data.augment=0.1", "data.transforms=x-flip,scale")
    [found] = run_rules(case("folder", *settings))
    assert "take x-flip out of data.transforms" in found.fix
    assert run_rules(case("folder", "data.augment=0.1", *settings[:1])) == []


@pytest.mark.parametrize("class_names", [None, (), ("cat", "dog")])
def test_groups_that_are_found_are_labels_to_guide_towards(
    class_names: tuple[str, ...] | None,
) -> None:
    settings = ("data.labels=kmeans:10", "sampling.guidance=1.5")
    assert run_rules(case("anime", *settings, class_names=class_names)) == []
    [found] = run_rules(
        case("anime", *settings, "network.label_dropout=0", class_names=class_names)
    )
    assert found.problem.startswith("Guidance is on, but training never drops a label")
