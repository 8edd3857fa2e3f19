"""Sources: every choice of a configuration has one, and only what was used is listed, in order."""

from __future__ import annotations

import re
import typing

import pytest

from ddpm import config as settings
from ddpm.commands.report.words import chinese, english
from ddpm.config import Config, DiffusionConfig, TrainingConfig
from ddpm.documents.citations import (
    CHOICES,
    SOURCES,
    Citations,
    Source,
    augmentation_source,
    average_source,
    chosen,
    feature_source,
    guidance_sources,
    label_source,
    metric_source,
    network_sources,
)
from ddpm.evaluation.metrics import METRICS

NAMES = {
    "diffusion.schedule": settings.ScheduleName,
    "diffusion.objective": settings.ObjectiveName,
    "diffusion.weighting": settings.WeightingName,
    "diffusion.time_sampling": settings.TimeSamplingName,
    "sampling.sampler": settings.SamplerName,
    "training.optimizer": typing.get_type_hints(TrainingConfig)["optimizer"],
}


@pytest.mark.parametrize("key", NAMES)
def test_the_sources_of_choices_are_there(key: str) -> None:
    """A choice without one is named in a report without a number."""
    assert set(CHOICES[key]) <= set(typing.get_args(NAMES[key]))
    assert set(CHOICES[key].values()) <= set(SOURCES)


def test_every_metric_is_cited_or_common_knowledge() -> None:
    own = {
        "diversity",
        "class-balance",
        "confident",
        "resolution",
        "detail",
        "brightness",
        "contrast",
    }
    cited = {name for name in METRICS if metric_source(name)}
    assert cited | own == set(METRICS)
    assert {metric_source(name) for name in cited} <= set(SOURCES)
    assert feature_source("self-1f2e") == "self" and feature_source("digits") == ""


def test_addresses_and_arxiv_numbers_agree() -> None:
    for key, source in SOURCES.items():
        assert source.authors and re.fullmatch(r"\d{4}", source.year), key
        found = re.search(r"arXiv:(\d{4}\.\d{4,5})$", source.where)
        if found:
            assert source.link == f"https://arxiv.org/abs/{found[1]}"
            assert 0 <= int(source.year) - (2000 + int(found[1][:2])) <= 2, key
    assert len({source.title for source in SOURCES.values()}) == len(SOURCES)


def test_numbers_follow_the_first_mention_and_only_the_cited_are_listed() -> None:
    cite = Citations({"data:mine": Source("", "", "My images", "", "https://example.org")})
    assert cite("v", "ddpm") == " [1, 2]"
    assert cite("ddpm", "") == " [2]" and cite() == ""
    assert cite("data:mine", "v") == " [1, 3]"
    assert [source.line for source in cite.listed()] == [
        "T. Salimans, J. Ho (2022): Progressive Distillation for Fast Sampling of Diffusion Models, ICLR, "
        "arXiv:2202.00512",
        "J. Ho, A. Jain, P. Abbeel (2020): Denoising Diffusion Probabilistic Models, NeurIPS 33, "
        "arXiv:2006.11239",
        "My images",
    ]


def test_a_runs_sources_follow_its_choices() -> None:
    plain = Config(diffusion=DiffusionConfig(schedule="sigmoid", learned_variance=True)).to_dict()
    assert chosen(plain, "diffusion.schedule") == "sigmoid"
    assert chosen(plain, "diffusion.learned_variance") == "cosine"
    assert network_sources(plain) == ["unet", "adm"] and guidance_sources(plain) == []
    rich = settings.with_overrides(
        Config(),
        ["network.attention=[8]", "network.patch=2", "data.labels=auto", "sampling.guidance=2"],
    ).to_dict()
    assert network_sources(rich) == ["unet", "adm", "attention", "patch"]
    assert guidance_sources(rich) == ["guidance"]
    rich["sampling"]["guidance_interval"] = [0.2, 1.0]
    assert guidance_sources(rich) == ["guidance", "interval"]
    rich["sampling"]["guide"] = "step:500"
    assert guidance_sources(rich) == ["autoguidance"]
    assert network_sources(Config(model="dcgan").to_dict()) == ["dcgan"]
    assert chosen({}, "diffusion.schedule") == ""


def test_averages_found_labels_and_told_augmentation_have_sources() -> None:
    plain = Config().to_dict()
    assert average_source(plain, None) == "averaging" and average_source(plain, 0.05) == "lengths"
    assert label_source(plain) == augmentation_source(plain) == ""
    rich = settings.with_overrides(
        Config(), ["training.ema=0", "data.labels=kmeans:10", "data.augment=0.1"]
    ).to_dict()
    assert average_source(rich, None) == ""
    assert (label_source(rich), augmentation_source(rich)) == ("groups", "edm")
    found = {"averaging", "lengths", "groups", "edm", "autoguidance"}
    assert found | {"bootstrap", "newcombe", "zou-donner"} <= set(SOURCES)


@pytest.mark.parametrize("words", [english.WORDS, chinese.WORDS])
def test_works_are_cited_by_their_number_alone(words: dict[str, str]) -> None:
    assert [text for text in words.values() if "arXiv" in text or "et al" in text] == []
