"""Several processes that do one command together, as torchrun, accelerate launch or Slurm start them.

They know of one another by the environment alone (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT).
The first is the main one: it alone touches a run's folder and speaks. Inside `process_group` they act in
step; outside, and where there is but one process, every function here does the plain thing, and
torch.distributed is never loaded.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ddpm.errors import RequestError, WorkError

if TYPE_CHECKING:
    from torch import Tensor

GROUP_TIMEOUT = timedelta(
    hours=2
)  # for one another: the main one may be decoding or drawing meanwhile
RENDEZVOUS_TIMEOUT = timedelta(minutes=10)  # until all of them have been started
_FAILURES = "ddpm/failures"  # how many have failed, in the store that all of them see

T = TypeVar("T")
U = TypeVar("U")


class ProcessLostError(WorkError):
    """Another process has ended in the middle of the work."""


@dataclass
class _World:
    """The processes that act together, seen from one of them."""

    rank: int
    size: int
    local_rank: int  # on this machine
    store: Any  # a few words that all of them see, even when one has failed
    first_to_fail: bool = True


_world: _World | None = None


def is_multi_process() -> bool:
    """Whether this process was started as one of several."""
    return _number("WORLD_SIZE", 1) > 1


def is_launched_as_main() -> bool:
    """Whether this process was started alone or as the first, before they act together."""
    return not is_multi_process() or _number("RANK", 0) == 0


def world_size() -> int:
    """How many act together."""
    return 1 if _world is None else _world.size


def rank() -> int:
    """Which of them this is, from 0."""
    return 0 if _world is None else _world.rank


def is_main() -> bool:
    """Whether this is the one that writes and speaks."""
    return rank() == 0


def reports_failure() -> bool:
    """Whether a failure is this one's to tell: the others end because of it, or for the same reason."""
    return is_launched_as_main() if _world is None else _world.first_to_fail


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Act with the other processes inside the block; nothing where there are none, or inside another.

    All leave it at the same time. Where one fails, the others notice when it ends, and raise LostError.
    RequestError where the environment does not say what it should.
    """
    global _world
    if _world is not None or not is_multi_process():
        yield
        return
    _world = _joined()
    try:
        yield
        barrier()
    except BaseException:
        _world.first_to_fail = _is_first(_world.store)
        raise  # whoever waits for this process is told by its end, after these words are kept
    _distributed().destroy_process_group()
    _world = None


def exit_process(status: int) -> NoReturn:
    """End this process; of several at once, as threads of theirs may abort an interpreter that tidies up."""
    if is_multi_process():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def rank_slice(count: int) -> slice:
    """The part of `count` things in a row that is this process's; sizes differ by one at most."""
    return slice(rank() * count // world_size(), (rank() + 1) * count // world_size())


def map_across_ranks(items: Sequence[T], work: Callable[[T], U]) -> list[U]:
    """`work` of every item, in order, for all: each process does every `world_size`-th one.

    What `work` gives must lie in the CPU's memory. Where it fails for one, all raise its error.
    """
    if _world is None:
        return [work(item) for item in items]
    with raise_on_all_ranks():
        own = [work(item) for item in items[_world.rank :: _world.size]]
    parts = _exchanged(own)
    return [parts[i % _world.size][i // _world.size] for i in range(len(items))]


def run_on_main(ask: Callable[[], T]) -> T:
    """What `ask` gives the main process, for all; its error is that of all."""
    if _world is None:
        return ask()
    box: list[Any] = [None]
    with raise_on_all_ranks():
        if is_main():
            box[0] = ask()
    with _contact():
        _distributed().broadcast_object_list(box, src=0)
    given: T = box[0]
    return given


def local_main_first(work: Callable[[], T]) -> T:
    """`work` of every process, but first of one on each machine: what it caches serves the others."""
    if _world is None:
        return work()
    found: list[T] = []
    for turn in (True, False):
        with raise_on_all_ranks():
            if (_world.local_rank == 0) is turn:
                found.append(work())
    return found[0]


def all_reduce_sum(tensors: Sequence[Tensor]) -> None:
    """Give each tensor, in place, the sum of what all have under its name; one message for all of them."""
    if _world is None:
        return
    import torch

    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    with _contact():
        _distributed().all_reduce(flat)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))


def all_reduce_max(number: int) -> int:
    """The highest of everybody's numbers."""
    if _world is None:
        return number
    import torch

    found = torch.tensor(int(number))
    with _contact():
        _distributed().all_reduce(found, _distributed().ReduceOp.MAX)
    return int(found)


def barrier() -> None:
    """Go on when all have come here."""
    all_reduce_max(0)


@contextlib.contextmanager
def raise_on_all_ranks() -> Iterator[None]:
    """Where the block fails in one process, all others raise that error at the block's end.

    Nothing in the block may wait for another process.
    """
    try:
        yield
    except ProcessLostError:
        raise
    except Exception as error:
        _raise_first(error)
        raise
    _raise_first(None)


def raised_on_all_ranks(error: Exception) -> bool:
    """Whether all processes have this error."""
    return "agreed" in error.__dict__


def check_same_on_all_ranks(value: str, what: str) -> None:
    """RequestError where `what` is not the same for all."""
    values = [value] if _world is None else _exchanged(value)
    for other, found in enumerate(values):
        if found != values[0]:
            raise RequestError(
                f"{what} of process {other} are not those of process 0; give every machine the same."
            )


def _raise_first(error: Exception | None) -> None:
    """Raise the own error, else that of the lowest rank that has one; nothing where none has."""
    if not all_reduce_max(error is not None) or _world is None:
        return
    errors = _exchanged(None if error is None else _portable(error))
    first = error or next(other for other in errors if other is not None)
    first.__dict__["agreed"] = True
    raise first


def _portable(error: Exception) -> Exception:
    """The error, or where it cannot be sent its words."""
    with contextlib.suppress(Exception):
        pickle.loads(pickle.dumps(error))
        return error
    return WorkError(f"{type(error).__name__}: {error}")


def _exchanged(value: T) -> list[T]:
    """Everybody's value, by rank."""
    values: list[Any] = [None] * world_size()
    with _contact():
        _distributed().all_gather_object(values, value)
    return values


@contextlib.contextmanager
def _contact() -> Iterator[None]:
    """LostError where another process cannot be reached."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLostError(
            "Another process of this command has ended; give the same command again to go on."
        ) from error


def _is_first(store: Any) -> bool:
    """Whether nobody has failed before; also where nobody can be asked any more."""
    with contextlib.suppress(RuntimeError):
        return bool(store.add(_FAILURES, 1) == 1)
    return True


def _joined() -> _World:
    """Meet the others; RequestError where the environment or the devices do not allow it."""
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise RequestError(
                f"WORLD_SIZE says that {os.environ['WORLD_SIZE']} processes work together, but {name} is "
                "not set; start them with torchrun, or unset WORLD_SIZE."
            )
    import torch

    local_rank = _number("LOCAL_RANK", 0)
    backend = "gloo"
    if torch.cuda.is_available():
        backend = "cpu:gloo,cuda:nccl"
        if local_rank < torch.cuda.device_count():
            torch.cuda.set_device(local_rank)
    torch.set_num_threads(_threads())
    dist = _distributed()
    try:
        store, own, count = next(dist.rendezvous("env://", timeout=RENDEZVOUS_TIMEOUT))
        group = dist.PrefixStore("group", store)
        dist.init_process_group(
            backend, store=group, rank=own, world_size=count, timeout=GROUP_TIMEOUT
        )
    except (RuntimeError, ValueError) as error:
        raise WorkError(
            f"The {os.environ['WORLD_SIZE']} processes did not find one another ({error}); look at "
            "MASTER_ADDR and MASTER_PORT."
        ) from error
    store.set_timeout(timedelta(seconds=20))
    return _World(own, count, local_rank, store)


def _threads() -> int:
    """As the user asked, else this machine's cores dealt to its processes.

    torchrun sets OMP_NUM_THREADS to 1 where the user does not: a bare 1 from it is nobody's wish.
    """
    asked, by_torchrun = _number("OMP_NUM_THREADS", 0), "TORCHELASTIC_RUN_ID" in os.environ
    if asked > 1 or (asked and not by_torchrun) or "MKL_NUM_THREADS" in os.environ:
        return max(1, asked or _number("MKL_NUM_THREADS", 1))
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        cores = os.cpu_count() or 1
    return max(1, cores // _number("LOCAL_WORLD_SIZE", _number("WORLD_SIZE", 1)))


def _number(name: str, usual: int) -> int:
    """A whole number from the environment."""
    text = os.environ.get(name, "")
    if not text:
        return usual
    try:
        return int(text)
    except ValueError:
        raise RequestError(
            f"{name} in the environment is {text!r}; it should be a whole number."
        ) from None


def _distributed() -> Any:
    """torch.distributed, which takes time and memory to load."""
    import torch.distributed

    return torch.distributed
