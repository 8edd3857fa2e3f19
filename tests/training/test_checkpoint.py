"""Checkpoints: bit-exact, damage noticed, whole or absent, few in number."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from torch import Tensor

from ddpm.config import Config
from ddpm.errors import RequestError, WorkError
from ddpm.files import remove_temporary_files
from ddpm.models.spec import ModelSpec
from ddpm.optim.state import State
from ddpm.training import checkpoint
from tests.examples import examples

SPEC = ModelSpec(Config(), (1, 8, 8), (0.25,), 0.5, ("null", "eins"), (3, 4))
PROGRESS = {"step": 12, "seconds": 0.1 + 0.2}


def state(seed: int = 0) -> State:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    weights = {"conv": draw(3, 2, 3, 3).to(memory_format=torch.channels_last), "bias": draw(3)}
    moments = {"0.exp_avg": draw(3), "0.step": torch.tensor(7.0), "count": torch.tensor([2**40])}
    return {
        "ema": {"half": draw(4).bfloat16(), **weights},
        "weights": weights,
        "optimizer": moments,
    }


def bits(tensors: dict[str, Tensor]) -> dict[str, tuple[torch.dtype, list[int], bytes]]:
    return {
        name: (t.dtype, list(t.shape), t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        for name, t in tensors.items()
    }  # fmt: skip


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    checkpoint.save(tmp_path / "step-00000012", state(), SPEC, PROGRESS)
    return tmp_path / "step-00000012"


def test_a_full_disk_is_the_systems_word_not_a_foreign_librarys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any, **keywords: Any) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", refuse)
    with pytest.raises(OSError, match=r"weights could not be written .*No space left"):
        checkpoint.save(tmp_path / "step-00000001", state(), SPEC, PROGRESS)
    assert list(tmp_path.iterdir()) == []


def test_round_trip_is_bit_exact(saved: Path) -> None:
    loaded = checkpoint.load(saved)
    assert loaded.spec == SPEC
    assert loaded.progress == PROGRESS
    assert {stem: bits(t) for stem, t in loaded.state.items()} == {
        stem: bits(t) for stem, t in state().items()
    }


def test_special_floats_survive(tmp_path: Path) -> None:
    values = torch.tensor([-0.0, 1e-45, 3.4e38, -1e-38])
    checkpoint.save(tmp_path / "c", {"ema": {"x": values}}, SPEC, PROGRESS)
    assert bits(checkpoint.load(tmp_path / "c").state["ema"]) == bits({"x": values})


def test_sampling_reads_the_average_alone(saved: Path) -> None:
    (saved / "optimizer.safetensors").unlink()
    loaded = checkpoint.load(saved, ("ema",))
    assert list(loaded.state) == ["ema"]
    with pytest.raises(RequestError, match=r"optimizer\.safetensors is missing"):
        checkpoint.load(saved)
    with pytest.raises(RequestError, match="holds no weights"):
        checkpoint.load(saved, ("other",))


def test_the_same_state_makes_the_same_files(tmp_path: Path) -> None:
    for name in "ab":
        checkpoint.save(tmp_path / name, state(), SPEC, PROGRESS)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "flipped"
    checkpoint.save(folder, state(), SPEC, PROGRESS)
    path = data.draw(st.sampled_from(sorted(folder.iterdir())))
    original = path.read_bytes()
    content = bytearray(original)
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    if path.suffix == ".json" and values_of(content) == json.loads(original):
        return  # the last digit of 0.30000000000000004 may change: the number stays the same
    with pytest.raises(RequestError, match="damaged"):
        checkpoint.load(folder)


def values_of(content: bytes) -> object:
    """The values of a JSON file, None if it is none."""
    try:
        return json.loads(content)
    except ValueError:
        return None


@pytest.mark.parametrize("keep", [0, 1, 7, 100, -1])
@pytest.mark.parametrize("name", ["ema.safetensors", "state.json"])
def test_a_truncated_file_is_noticed(saved: Path, name: str, keep: int) -> None:
    path = saved / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RequestError, match="damaged"):
        checkpoint.load(saved)


@pytest.mark.parametrize("name", ["ema.safetensors", "weights.safetensors", "state.json"])
def test_a_missing_file_is_noticed(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(RequestError, match=f"damaged.*{name}"):
        checkpoint.load(saved)


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"seal": 1}', '{"seal": 1, "sha256": []}'])
def test_foreign_json_is_a_damaged_checkpoint(saved: Path, text: str) -> None:
    (saved / "state.json").write_text(text, encoding="utf-8")
    with pytest.raises(RequestError, match="damaged"):
        checkpoint.load(saved)


def test_a_pickle_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (bomb, ())

    path = tmp_path / "evil.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(RequestError, match="not a readable safetensors file"):
        checkpoint.load_weights(path)
    torch.save({"x": torch.zeros(2)}, path)
    with pytest.raises(RequestError, match="not a readable safetensors file"):
        checkpoint.load_weights(path)


def bomb() -> None:
    raise AssertionError("a pickle was executed")


def test_weights_that_are_no_model_of_ours_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file({"x": torch.zeros(2)}, path, metadata=metadata)
        with pytest.raises(RequestError, match="does not hold weights of a ddpm-studio model"):
            checkpoint.load_weights(path)
    save_file({"x": torch.zeros(2)}, path, metadata={checkpoint.SPEC_KEY: "{"})
    with pytest.raises(RequestError, match="damaged"):
        checkpoint.load_weights(path)
    for absent in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(RequestError, match="not a readable safetensors file"):
            checkpoint.load_weights(absent)


@pytest.mark.parametrize("stem", ["ema", "weights", "optimizer"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_not_saved(tmp_path: Path, stem: str, value: float) -> None:
    broken = state()
    broken[stem]["bad"] = torch.tensor([0.0, value])
    with pytest.raises(WorkError, match=f"{stem}/bad holds numbers that are not finite"):
        checkpoint.save(tmp_path / "runs" / "c", broken, SPEC, PROGRESS)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_save_leaves_the_old_checkpoint(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    real, calls = checkpoint.save_file, []

    def full_disk(*arguments: Any, **options: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(*arguments, **options)

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(saved, state(1), SPEC, PROGRESS)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_saving_again_replaces_the_checkpoint(saved: Path) -> None:
    checkpoint.save(saved, {"ema": state(1)["ema"]}, SPEC, {"step": 12})
    loaded = checkpoint.load(saved)
    assert list(loaded.state) == ["ema"] and loaded.progress == {"step": 12}
    assert bits(loaded.state["ema"]) == bits(state(1)["ema"])
    assert len(list(saved.iterdir())) == 2


def test_state_json_is_plain(saved: Path) -> None:
    row = json.loads((saved / "state.json").read_text(encoding="utf-8"))
    assert row["progress"] == PROGRESS
    assert set(row["sha256"]) == {f"{stem}.safetensors" for stem in state()}


@given(st.sets(st.integers(1, 10**6), max_size=40))
def test_two_newest_and_one_an_octave_are_kept(steps: set[int]) -> None:
    kept = checkpoint.steps_to_keep(steps)
    assert kept <= steps
    assert set(sorted(steps)[-2:]) <= kept
    octaves = {step.bit_length() for step in steps}
    assert {step.bit_length() for step in kept} == octaves
    assert len(kept) <= len(octaves) + 1
    assert checkpoint.steps_to_keep(kept) == kept


@given(every=st.integers(1, 1000), count=st.integers(1, 200))
def test_pruning_on_the_way_keeps_what_pruning_at_the_end_does(every: int, count: int) -> None:
    every_step = [every * k for k in range(1, count + 1)]
    alive: set[int] = set()
    for step in every_step:
        alive = checkpoint.steps_to_keep(alive | {step})
    assert alive == checkpoint.steps_to_keep(every_step)


def test_prune_deletes_the_others(tmp_path: Path) -> None:
    paths = {step: tmp_path / str(step) for step in (5, 6, 7, 8, 9, 10, 11)}
    for path in paths.values():
        path.mkdir()
        (path / "state.json").touch()
    checkpoint.prune(paths)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == [7, 10, 11]
    checkpoint.prune({})


def test_a_prune_that_is_killed_leaves_no_half_of_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path, **options: Any) -> None:
        next(folder.iterdir()).unlink()
        raise KeyboardInterrupt

    paths = {step: tmp_path / f"step-{step}" for step in (4, 5, 6, 7)}
    for path in paths.values():
        path.mkdir()
        (path / "ema.safetensors").touch()
        (path / "state.json").touch()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        checkpoint.prune(paths)
    left = list(tmp_path.glob("step-*"))
    assert len(left) == 3 and all(len(list(path.iterdir())) == 2 for path in left)
    remove_temporary_files(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(left)


def test_want_of_memory_is_no_damage(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*arguments: Any, **options: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(checkpoint, "from_bytes", short)
    with pytest.raises(MemoryError):
        checkpoint.load(saved)
