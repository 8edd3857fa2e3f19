"""The path of a checkpoint opens the run at that step."""

from __future__ import annotations

import pytest

from ddpm.cli.main import main
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.fingerprint import weights_hash
from ddpm.runs import find_checkpoint

SMALL = ["network.channels=8", "network.attention=[]", "training.checkpoint_every=2"]


def test_the_path_of_a_checkpoint_draws_with_its_weights(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word for setting in SMALL for word in ("--set", setting)]
    assert main(["train", "digits", "--out", "runs/a", "--steps", "4", *words]) == 0
    first = "runs/a/checkpoints/step-00000002"
    opened = open_model(first, "cpu")
    assert (opened.step, opened.name) == (2, "a-step-2")
    assert weights_hash(opened.model) != weights_hash(open_model("a", "cpu").model)
    newest = open_model("runs/a/checkpoints/0004", "cpu")
    assert weights_hash(newest.model) == weights_hash(open_model("a", "cpu").model)
    capsys.readouterr()
    assert main(["sample", first + "/", "-n", "1", "--steps", "1"]) == 0
    assert capsys.readouterr().out == "a-step-2-samples-steps-1.png\n"
    with pytest.raises(
        RequestError, match="runs/a has no checkpoint of step 3; its checkpoints: 2, 4"
    ):
        open_model("runs/a/checkpoints/3", "cpu")


@pytest.mark.parametrize("target", ["digits", "step-00000002", "a/b/c", "a/checkpoints/2", ""])
def test_other_paths_are_no_checkpoints(target: str) -> None:
    assert find_checkpoint(target) is None
