"""The plumbing around torch-fidelity's extractor, with a stand-in of the same interface."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ddpm.errors import RequestError
from ddpm.evaluation.inception import load_inception

MODULE = "torch_fidelity.feature_extractor_inceptionv3"


class StandIn(nn.Module):
    """A stand-in for the extractor: takes uint8 RGB and returns a tuple with the requested features."""

    asked: tuple = ()

    def __init__(self, name, features_list, feature_extractor_weights_path=None) -> None:
        super().__init__()
        StandIn.asked = (name, features_list, feature_extractor_weights_path)
        if feature_extractor_weights_path is not None:
            torch.load(feature_extractor_weights_path, weights_only=False)
        torch.manual_seed(0)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        assert x.dtype == torch.uint8
        assert x.shape[1] == 3
        halves = torch.cat([x.double().mean(dim=(2, 3)), x.double().std(dim=(2, 3))], dim=1)
        return (halves / 50,)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = types.ModuleType(MODULE)
    stand_in.FeatureExtractorInceptionV3 = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, MODULE, stand_in)


def test_absence_is_one_sentence_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    with pytest.raises(RequestError, match=r"pip install 'ddpm-studio\[fid\]'"):
        load_inception()


@pytest.mark.usefixtures("installed")
def test_gray_images_are_repeated_and_batches_change_nothing(make_images) -> None:
    network = load_inception()
    assert StandIn.asked == ("inception-v3-compat", ["2048"], None)
    gray = make_images(120)
    features = network.features(gray)
    assert features.shape == (120, 6)
    assert features.dtype == torch.float32
    assert torch.equal(features, network.features(gray.repeat(1, 3, 1, 1)))
    assert torch.equal(features[70:], network.features(gray[70:]))


@pytest.mark.usefixtures("installed")
def test_classes_come_from_the_head_without_its_bias(make_images) -> None:
    network = load_inception()
    features = network.features(make_images(4))
    before = network.classify(features)
    assert before.sum(dim=1).tolist() == pytest.approx([1] * 4)
    with torch.no_grad():
        network.extractor.fc.bias += 5 * torch.arange(5)
    assert torch.equal(network.classify(features), before)


@pytest.mark.usefixtures("installed")
def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no Inception weights at"):
        load_inception(tmp_path / "none.pth")
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"not weights")
    with pytest.raises(RequestError, match="could not be loaded"):
        load_inception(bad)
    good = tmp_path / "good.pth"
    torch.save({}, good)
    load_inception(good)
    assert StandIn.asked[2] == str(good)


class Trap:
    """An object whose unpickling runs its author's code."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("trapped"),))


@pytest.mark.usefixtures("installed")
def test_no_code_in_a_weights_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Trap()}, "trap.pth")
    with pytest.raises(RequestError, match="could not be loaded"):
        load_inception(Path("trap.pth"))
    assert not Path("trapped").exists()
