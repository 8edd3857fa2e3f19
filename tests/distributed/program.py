"""What the processes of a test do together: `torchrun -m tests.distributed.program WHAT VALUES`."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ddpm.cli import main as ddpm
from ddpm.distributed import (
    all_reduce_max,
    all_reduce_sum,
    check_same_on_all_ranks,
    exit_process,
    is_main,
    local_main_first,
    map_across_ranks,
    process_group,
    rank,
    rank_slice,
    run_on_main,
    world_size,
)
from ddpm.models.ddpm import Ddpm
from tests.distributed.cases import CASES, flat, images, spec, trained
from tests.faults.fused import lay


def primitives() -> dict[str, Any]:
    """Each of `ddpm.distributed`, with numbers that tell the ranks apart."""
    numbers = [torch.full((2, 2), float(rank() + 1)), torch.arange(3.0) * (rank() + 1)]
    all_reduce_sum(numbers)
    asked: list[int] = []
    told = run_on_main(lambda: asked.append(rank()) or f"from {rank()}")
    failed = ""
    try:
        map_across_ranks(
            range(world_size()), lambda i: 1 // (i - 1)
        )  # fails in the second process alone
    except ZeroDivisionError as error:
        failed = type(error).__name__
    return {
        "sums": [number.tolist() for number in numbers],
        "dealt": map_across_ranks(range(7), lambda i: (i, rank())),
        "share": map_across_ranks(
            range(world_size()), lambda i: [rank_slice(7).start, rank_slice(7).stop]
        ),
        "told": told,
        "asked": map_across_ranks(range(world_size()), lambda i: list(asked)),
        "highest": all_reduce_max(10 * rank()),
        "once": local_main_first(lambda: rank()),
        "failed": map_across_ranks(range(world_size()), lambda i: failed),
    }


def short_of_memory() -> list[str]:
    """The error of each process's step where the second one alone has no memory."""
    model = Ddpm(spec("training.batch_size=4"))
    real = model._loss

    def loss(*arguments: Any) -> torch.Tensor:
        if rank() == 1:
            raise torch.OutOfMemoryError("no memory")
        return real(*arguments)

    model._loss = loss  # type: ignore[method-assign]
    try:
        model.training_step(*images(4, 1), 1)
    except torch.OutOfMemoryError as error:
        found = str(error)
    return map_across_ranks(range(world_size()), lambda i: found)


def steps(folder: Path) -> None:
    """Every case, its tensors into folder/NAME.safetensors; all processes must hold the same bits."""
    facts = {"primitives": primitives(), "memory": short_of_memory()}
    for name, case in CASES.items():
        model, measured = trained(case, shard=case.shard)
        tensors = {**flat(model), **{f"measured/{k}": v for k, v in measured.items()}}
        check_same_on_all_ranks(digest(tensors), f"The weights of {name}")
        if case.shard:
            parts = sum(p.to_local().numel() for p in model.network.parameters())  # type: ignore[attr-defined]
            facts[name] = [parts, model.parameter_counts()["network"]]
            check_parts(model)
        if is_main():
            save_file(
                {k: t.contiguous() for k, t in tensors.items()}, folder / f"{name}.safetensors"
            )
    if is_main():
        (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def check_parts(model: Ddpm) -> None:
    """Another one in parts takes over its state, moments never whole; one that draws is whole, once."""
    again = Ddpm(model.spec, sharded=True)
    moments: list[torch.Tensor] = []

    def see(optimizer: torch.optim.Optimizer, given: dict[str, Any]) -> None:
        moments.extend(t for entry in given["state"].values() for t in entry.values())

    again.learner.optimizer.register_load_state_dict_pre_hook(see)
    again.load_state(model.state())
    assert moments and all(hasattr(t, "full_tensor") or t.ndim == 0 for t in moments)
    assert digest(flat(again)) == digest(flat(model))
    drawing = model.unsharded()
    assert drawing.network is drawing.learner.ema.network and drawing.spec == model.spec
    assert digest(drawing.averaged_weights()) == digest(model.averaged_weights())


def digest(tensors: dict[str, torch.Tensor]) -> str:
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(name.encode() + tensor.detach().contiguous().numpy().tobytes())
    return found.hexdigest()


def main(values: dict[str, Any]) -> int:
    with process_group():
        if values.get("steps"):
            steps(Path(values["steps"]))
        statuses = [ddpm(command) for command in values.get("commands", [])]
        for fuse, command in values.get("harmed", []):  # in the second process alone
            if rank() == 1:
                lay(*fuse)
            statuses.append(ddpm(command))
    return max([0, *statuses])


if __name__ == "__main__":
    os.environ.pop("DDPM_DATA_DIR", None)
    exit_process(main(json.loads(sys.argv[1])))
