"""Sources: every choice of a configuration has one, and only what was used is listed, in order."""

from __future__ import annotations

import re

import pytest

from ddpm.commands.report.words import chinese, english
from ddpm.documents.citations import SOURCES, Citations, Source
from ddpm.evaluation.feature_networks import FEATURE_NETWORKS, network_source
from ddpm.evaluation.metrics import METRICS
from ddpm.scoring.bits_per_dim import LIKELIHOODS
from ddpm.scoring.measurement import metric_source


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
    assert {metric_source(name) for name in (*cited, *LIKELIHOODS)} <= set(SOURCES)
    sources = {entry.source for entry in FEATURE_NETWORKS.values() if entry.source}
    assert sources == {"self", "inception", "dino"} and sources <= set(SOURCES)
    assert network_source("self-1f2e") == "self" and network_source("digits") == ""


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


@pytest.mark.parametrize("words", [english.WORDS, chinese.WORDS])
def test_works_are_cited_by_their_number_alone(words: dict[str, str]) -> None:
    assert [text for text in words.values() if "arXiv" in text or "et al" in text] == []
