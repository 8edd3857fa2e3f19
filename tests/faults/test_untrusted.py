"""A run or a weights file from a stranger: no code runs, no memory is taken for lies."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ddpm.config import Config, with_overrides
from ddpm.errors import RequestError
from ddpm.loading.checkpoints import newest_checkpoint
from ddpm.loading.models import open_model
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.runs import RunFolder, read_metrics
from ddpm.training import checkpoint
from ddpm.training.log import TrainingLog
from ddpm.training.recovery import StartPoint

CONFIG = with_overrides(
    Config(), ["network.channels=8", "network.multipliers=[1]", "training.optimizer=adamw"]
)
SPEC = ModelSpec(CONFIG, (1, 8, 8), (0.0,), 0.5)
executed: list[str] = []


def execute() -> None:
    """What a stranger's pickle calls."""
    executed.append("code of a stranger")


class Payload:
    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return execute, ()


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return make_model(SPEC).averaged_weights()


@pytest.fixture
def stranger(tmp_path: Path, weights: dict[str, torch.Tensor]) -> Path:
    """A weights file that opens."""
    path = tmp_path / "stranger.safetensors"
    checkpoint.save_weights(path, weights, SPEC)
    assert open_model(str(path), "cpu").model.spec == SPEC
    return path


def refusal(path: Path) -> str:
    with pytest.raises(RequestError) as caught:
        open_model(str(path), "cpu")
    message = str(caught.value)
    assert "\n" not in message and len(message) < 1000
    assert executed == []
    return message


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    """The JSON header of a safetensors file, and the numbers behind it."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write(path: Path, header: dict[str, Any], numbers: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)


def with_spec(path: Path, alter: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite what the file says of itself, and leave its numbers as they are."""
    header, numbers = header_of(path)
    spec = json.loads(header["__metadata__"][checkpoint.SPEC_KEY])
    alter(spec)
    header["__metadata__"][checkpoint.SPEC_KEY] = json.dumps(spec)
    write(path, header, numbers)


# ---- nothing is executed


def torch_zip() -> bytes:
    buffer = io.BytesIO()
    torch.save(Payload(), buffer)
    return buffer.getvalue()


def zip_of_pickle() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Payload()))
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt", "model.ckpt", "model.bin"])
@pytest.mark.parametrize("make", [lambda: pickle.dumps(Payload()), torch_zip, zip_of_pickle])
def test_a_pickle_under_any_name_is_refused_unopened(
    tmp_path: Path, name: str, make: Callable[[], bytes]
) -> None:
    path = tmp_path / name
    path.write_bytes(make())
    words = (
        "not a readable safetensors file" if name.endswith(".safetensors") else "not a weights file"
    )
    assert words in refusal(path)
    torch.load(io.BytesIO(torch_zip()), weights_only=False)  # it would have worked elsewhere
    assert executed.pop() and not executed


def test_a_run_made_of_pickles_is_refused_unopened(tmp_path: Path) -> None:
    run = begun(tmp_path)
    for path in run.checkpoint(5).iterdir():
        path.write_bytes(pickle.dumps(Payload()))
    assert "All checkpoints of" in refusal(run.root)


# ---- what a header says


@pytest.mark.parametrize("length", [2 * 2**30, 2**63, 100_000_001, 0, 7])
def test_a_header_of_a_lying_length_is_refused(stranger: Path, length: int) -> None:
    data = stranger.read_bytes()
    stranger.write_bytes(struct.pack("<Q", length) + data[8:])
    assert "is not a readable safetensors file" in refusal(stranger)


def test_a_header_that_is_there_but_longer_than_any_honest_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    with path.open("wb") as file:  # 2 GiB of nothing: on most disks it takes no room
        file.write(struct.pack("<Q", 2 * 2**30) + b"{")
        file.truncate(8 + 2 * 2**30)
    assert "is not a readable safetensors file" in refusal(path)


@pytest.mark.parametrize(
    "offsets",
    [
        [0, 2**40],
        [2**40, 2**40 + 32],
        [0, 0],
        [64, 32],
        [-32, 0],
        ["0", "32"],
        [0, 2**64],
        [],
    ],
)
def test_offsets_that_overlap_or_leave_the_file_are_refused(stranger: Path, offsets: Any) -> None:
    header, numbers = header_of(stranger)
    name = next(key for key in header if key != "__metadata__")
    header[name]["data_offsets"] = offsets
    write(stranger, header, numbers)
    assert "is not a readable safetensors file" in refusal(stranger)


@pytest.mark.parametrize("shape", [[2**62, 4], [10**12], [-1, 8], [0], [[8]], "8", [2.0]])
def test_shapes_that_the_numbers_do_not_fill_are_refused(stranger: Path, shape: Any) -> None:
    header, numbers = header_of(stranger)
    name = next(key for key in header if key != "__metadata__")
    header[name]["shape"] = shape
    write(stranger, header, numbers)
    assert "does not have the shape or data type" in refusal(stranger)


def test_a_file_longer_than_its_header_says_is_refused_unread(stranger: Path) -> None:
    with stranger.open("r+b") as file:
        file.truncate(2**40)  # sparse: to read it would take a terabyte of memory
    assert "is not a readable safetensors file" in refusal(stranger)


def test_a_header_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.safetensors"
    text = b'{"a":' * 200_000
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    assert "is not a readable safetensors file" in refusal(path)


# ---- what the configuration asks for


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("network", {"channels": 4096, "multipliers": [64, 64], "blocks": 16}),
        ("network", {"multipliers": [64] * 10_000}),
        ("network", {"multipliers": [64] * 10, "channels": 4096, "blocks": 16}),
        ("gan", {"latent": 10**12}),
        ("sampling", {"chunk": 10**12}),
        ("diffusion", {"num_steps": 10**12}),
    ],
)
def test_a_configuration_that_asks_for_the_moon_is_refused_before_memory_is_taken(
    stranger: Path, section: str, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_tensors(data: bytes) -> dict[str, Any]:
        raise AssertionError("the tensors were read")

    with_spec(stranger, lambda spec: spec["config"][section].update(values))
    monkeypatch.setattr(checkpoint, "from_bytes", no_tensors)
    refusal(stranger)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("image_shape", [1, 10**9, 10**9]),
        ("image_shape", [10**9, 8, 8]),
        ("image_shape", [1, 8, -8]),
        ("class_counts", [10**30]),
        ("data_std", 1e300),
        ("class_names", {"a": 1}),
    ],
)
def test_facts_that_no_images_have_are_refused(stranger: Path, fact: str, value: Any) -> None:
    with_spec(stranger, lambda spec: spec.update({fact: value}))
    assert "damaged" in refusal(stranger)


def test_a_configuration_without_end_is_refused(stranger: Path) -> None:
    with_spec(stranger, lambda spec: spec.update({"config": nested(900)}))
    assert "damaged" in refusal(stranger)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


# ---- what the tensors are


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (
            lambda w: {**w, "head.weight": torch.zeros(8, 1, 5, 5)},
            "does not have the shape or data type",
        ),
        (
            lambda w: {**w, "head.weight": w["head.weight"].to(torch.int8)},
            "does not have the shape or data type",
        ),
        (
            lambda w: {**w, "head.weight": w["head.weight"] > 0},
            "does not have the shape or data type",
        ),
        (lambda w: {**w, "head.weight": w["head.weight"] / 0}, "numbers that are not finite"),
        (lambda w: {**w, "tail.bias": torch.full((1,), torch.inf)}, "numbers that are not finite"),
        (lambda w: {**w, "more": torch.zeros(2)}, "belong to another network"),
        (lambda w: {k: v for k, v in w.items() if k != "head.weight"}, "belong to another network"),
        (lambda w: {}, "belong to another network"),
    ],
)
def test_tensors_that_are_not_the_networks_are_refused(
    tmp_path: Path, weights: dict[str, torch.Tensor], alter: Callable[[Any], Any], words: str
) -> None:
    path = tmp_path / "other.safetensors"
    checkpoint.save_weights(path, alter(weights), SPEC)
    assert words in refusal(path)


def test_half_precision_is_no_lie(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "half.safetensors"
    checkpoint.save_weights(path, {name: w.half() for name, w in weights.items()}, SPEC)
    found = open_model(str(path), "cpu").model.averaged_weights()
    assert found["head.weight"].dtype == torch.float32


# ---- a whole run


def begun(folder: Path, **state: Any) -> RunFolder:
    """A run of one checkpoint, sealed by whoever made it."""
    run = RunFolder(folder / "run")
    run.root.mkdir()
    run.config.write_text(json.dumps(CONFIG.to_dict()), encoding="utf-8")
    model = make_model(SPEC)
    model.training_step(torch.zeros(4, 1, 8, 8), None, 1)
    row = {"step": 5, "seconds": 1.0}
    checkpoint.save(run.checkpoint(5), {**model.state(), **state}, SPEC, row)
    return run


def resealed(run: RunFolder, **changes: Any) -> None:
    path = run.checkpoint(5) / checkpoint.STATE_FILE
    row = {k: v for k, v in json.loads(path.read_text(encoding="utf-8")).items() if k != "seal"}
    row.update(changes)
    path.write_text(json.dumps({**row, "seal": checkpoint._seal(row)}), encoding="utf-8")


def test_an_honest_run_opens(tmp_path: Path) -> None:
    assert open_model(str(begun(tmp_path).root), "cpu").step == 5


@pytest.mark.parametrize(
    "progress",
    [{}, [], 5, None, {"step": "5"}, {"step": -1}, {"step": 5.5}, {"step": True}, {"step": 10**30},
     {"step": 5, "seconds": "x"}, {"step": 5, "seconds": float("nan")}, {"step": 5, "rate": []},
     {"step": 5, "accumulate": 0.5}, {"step": 5, "rate": -1}, {"step": 5, "rate": 0},
     {"step": 5, "rate": 1e300}, {"step": 5, "seconds": -1}, {"step": 6}],
)  # fmt: skip
def test_progress_that_no_training_writes_is_damage(tmp_path: Path, progress: Any) -> None:
    run = begun(tmp_path)
    resealed(run, progress=progress)
    assert "All checkpoints of" in refusal(run.root)


def test_progress_without_its_seconds_is_gone_on_from(tmp_path: Path) -> None:
    run = begun(tmp_path)
    resealed(run, progress={"step": 5})
    assert StartPoint.at(newest_checkpoint(run)) == StartPoint(5)


@pytest.mark.parametrize(
    "name", ["../../../secret.safetensors", "/dev/zero", "ema.pt", "a/b.safetensors", ""]
)
def test_a_checkpoint_names_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    run = begun(tmp_path)
    resealed(run, sha256={name: "0" * 64})
    assert "All checkpoints of" in refusal(run.root)


def test_a_sealed_checkpoint_of_nan_is_not_drawn_with(tmp_path: Path) -> None:
    run = begun(tmp_path)
    file = run.checkpoint(5) / "ema.safetensors"
    tensors, spec = checkpoint.load_weights(file)
    checkpoint.save_weights(file, {name: w / 0 for name, w in tensors.items()}, spec)
    sums = {"ema.safetensors": checkpoint._sha256(file)}
    resealed(run, sha256=sums)
    assert "All checkpoints of" in refusal(run.root)


@pytest.mark.parametrize(
    "moments",
    [
        {"0.exp_avg": torch.zeros(3)},
        {"999.exp_avg": torch.zeros(3)},
        {"x.exp_avg": torch.zeros(3)},
        {"9" * 5000: torch.zeros(3)},
        {"": torch.zeros(1)},
        {"0.step": torch.ones(()), "0.exp_avg": torch.zeros(1), "0.exp_avg_sq": torch.zeros(1)},
    ],
)
def test_moments_of_another_optimizer_are_refused(tmp_path: Path, moments: Any) -> None:
    found = newest_checkpoint(begun(tmp_path, optimizer=moments))
    assert found is not None
    with pytest.raises(RuntimeError, match="is not part of this optimizer's state"):
        make_model(SPEC).load_state(found.state)


@pytest.mark.parametrize("left", [("momentum",), ("step", "exp_avg"), ("exp_avg", "exp_avg_sq")])
def test_adam_takes_no_moments_of_another_kind_and_no_part_of_its_own(
    tmp_path: Path, left: tuple[str, ...]
) -> None:
    found = newest_checkpoint(begun(tmp_path))
    assert found is not None
    own = {**found.state["optimizer"], "0.momentum": found.state["optimizer"]["0.exp_avg"]}
    moments = {f"0.{name}": own[f"0.{name}"] for name in left}
    with pytest.raises(RuntimeError, match="the state of another optimizer"):
        make_model(SPEC).load_state({**found.state, "optimizer": moments})


@pytest.mark.parametrize(
    "environment",
    ['{"data": 3, "init": [], "teacher": "x"}', "[" * 100_000, '{"data": null}', "9" * 5000],
)
def test_an_environment_of_another_kind_is_an_empty_one(tmp_path: Path, environment: str) -> None:
    run = begun(tmp_path)
    run.environment.write_text(environment, encoding="utf-8")
    assert run.load_environment().get("data", {}) == {}
    assert open_model(str(run.root), "cpu").step == 5


# ---- the log


def test_a_line_without_end_is_left_out_and_not_held_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "rows"
    with path.open("wb") as file:
        file.write(b'{"step": 1}\n{"step": 2, "a": "')
        for _ in range(64):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n{"step": 3}\n' + b'{"step": 4, "b": "' + b"y" * (1 << 21))
    tracemalloc.start()
    rows = read_metrics(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row["step"] for row in rows] == [1, 3]
    assert peak < 8 << 20


@pytest.mark.parametrize(
    "row",
    ['{"step": true}', '{"step": -1}', '{"step": 1e9}', '{"step": 1, "loss": "x"}',
     '{"step": 1, "loss": null}', '{"step": 1, "loss": NaN}', '{"step": 1, "loss": 1e308}',
     '{"step": 1, "loss": [1]}', '{"step": 1, "batch": 1000000000000}', '{"step": 1, "batch": 0}',
     '{"step": 1, "x": {}}', '{"step": 1, "x": [[]]}', '{"step": 1, "x": ["y"]}',
     '{"step": ' + "9" * 5000 + "}", '{"step": ' + "[" * 5000 + "}"],
)  # fmt: skip
def test_a_row_that_no_training_writes_is_left_out(tmp_path: Path, row: str) -> None:
    path = tmp_path / "rows"
    good = '{"step": 2, "loss": 0.5, "batch": 4, "loss_levels": [0.1, null], "note": "n"}'
    path.write_text(f"{row}\n{good}\n", encoding="utf-8")
    assert read_metrics(path) == [json.loads(good)]
    log = TrainingLog(path, step=5, epoch_size=4)
    log.close()
    assert read_metrics(path) == [json.loads(good)]
