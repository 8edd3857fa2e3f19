"""The setup of a score: counts, notes and the feature network, before any image is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ddpm.errors import RequestError
from ddpm.messages import join_sentences, message
from ddpm.runs import RunFolder
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.generated_images import open_generated_images
from ddpm.scoring.scoring_setup import find_real_images, prepare_scoring, requested_count


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("setup"))
        yield


@pytest.fixture(scope="module")
def request_(make_run) -> EvaluationRequest:
    run = RunFolder(make_run("noisy", (1, 8, 8), data="digits"))
    return EvaluationRequest(str(run.root), n=20, network="digits", device="cpu")


@pytest.mark.parametrize("requested", [900, 10**14, 2**62, 10**30])
def test_any_number_is_lowered_to_the_floor(request_: EvaluationRequest, requested: int) -> None:
    request = replace(request_, n=requested)
    generated = open_generated_images(request.target, [], "cpu")
    assert requested_count(request, generated) == requested
    real = find_real_images(request, generated, requested)
    setup = prepare_scoring(request, generated, real, requested)
    assert setup.count == 876 and f"n lowered from {requested} to 876" in join_sentences(
        setup.notes
    )


def test_the_setup_is_described_in_plain_values(request_: EvaluationRequest) -> None:
    generated = open_generated_images(request_.target, [], "cpu")
    real = find_real_images(request_, generated, 20)
    facts = prepare_scoring(request_, generated, real, 20).facts()
    assert (facts["network"], facts["n"]) == ("digits", 20)
    assert facts["network_why"] == message("network_requested")
    assert facts["reference"]["name"] == "digits" and facts["floor"]["count"] == len(real.floor)


def test_weights_are_for_networks_that_take_them(request_: EvaluationRequest) -> None:
    request = replace(request_, weights=Path("w"))
    generated = open_generated_images(request.target, [], "cpu")
    real = find_real_images(request, generated, 20)
    with pytest.raises(RequestError, match=r"digits takes no weights; .*inception or dino"):
        prepare_scoring(request, generated, real, 20)
