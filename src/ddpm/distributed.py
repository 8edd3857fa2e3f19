"""Distributed work: one command run by several processes, started by torchrun, accelerate launch or Slurm.

The environment describes the world: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT. Rank 0 is the
main process: it alone writes the run folder and prints. Inside `process_group` the functions below
communicate. Outside of it, and with a single process, they do not, and torch.distributed is not loaded.
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

GROUP_TIMEOUT = timedelta(hours=2)  # of a collective: the main process may be decoding
RENDEZVOUS_TIMEOUT = timedelta(minutes=10)  # for all processes to start
_FAILURES = "ddpm/failures"  # key of the number of failed processes in the shared store
_RAISED_ON_ALL = "raised_on_all_ranks"  # attribute of errors that every rank raises

T = TypeVar("T")
U = TypeVar("U")


class ProcessLostError(WorkError):
    """Another process of the group ended before the work was done."""


@dataclass
class _World:
    """The process group as seen from one process."""

    rank: int
    size: int
    local_rank: int  # rank on this machine
    store: Any  # key-value store of the group; usable after a failure
    first_to_fail: bool = True


_world: _World | None = None


def is_multi_process() -> bool:
    """Return whether this process was started as one of several."""
    return _env_int("WORLD_SIZE", 1) > 1


def is_launched_as_main() -> bool:
    """Return whether the environment names this the main process. Needs no process group."""
    return not is_multi_process() or _env_int("RANK", 0) == 0


def world_size() -> int:
    """Return the number of processes in the group."""
    return 1 if _world is None else _world.size


def rank() -> int:
    """Return the rank of this process, from 0."""
    return 0 if _world is None else _world.rank


def is_main() -> bool:
    """Return whether this is the main process, which writes files and prints."""
    return rank() == 0


def reports_failure() -> bool:
    """Return whether this process prints the error, because it was the first to fail."""
    return is_launched_as_main() if _world is None else _world.first_to_fail


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Join the process group inside the block; no effect with one process or inside another group.

    The block ends with a barrier. If one process fails, the others raise ProcessLostError once it has
    ended. Raises RequestError if the environment does not describe a valid world.
    """
    global _world
    if _world is not None or not is_multi_process():
        yield
        return
    _world = _join()
    try:
        yield
        barrier()
    except BaseException:
        _world.first_to_fail = _is_first_failure(_world.store)
        raise  # the others notice when this process ends
    _distributed().destroy_process_group()
    _world = None


def exit_process(status: int) -> NoReturn:
    """Exit. One of several processes exits without cleanup: torch's threads could abort the interpreter."""
    if is_multi_process():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def rank_slice(count: int) -> slice:
    """Return the slice of `count` items for this rank; slices differ in length by at most one."""
    return slice(rank() * count // world_size(), (rank() + 1) * count // world_size())


def map_across_ranks(items: Sequence[T], work: Callable[[T], U]) -> list[U]:
    """Return `work(item)` for every item, in order, on all ranks; rank r computes items r, r + world size, …

    Results must be picklable and on the CPU. An error on one rank is raised on all.
    """
    if _world is None:
        return [work(item) for item in items]
    with raise_on_all_ranks():
        results = [work(item) for item in items[_world.rank :: _world.size]]
    parts = _all_gather(results)
    return [parts[i % _world.size][i // _world.size] for i in range(len(items))]


def run_on_main(work: Callable[[], T]) -> T:
    """Run `work` on the main process and broadcast its result; its error is raised on all ranks."""
    if _world is None:
        return work()
    results: list[Any] = [None]
    with raise_on_all_ranks():
        if is_main():
            results[0] = work()
    with _detect_lost_process():
        _distributed().broadcast_object_list(results, src=0)
    result: T = results[0]
    return result


def local_main_first(work: Callable[[], T]) -> T:
    """Run `work` on one process per machine, then on the others, which find its results in the cache."""
    if _world is None:
        return work()
    results: list[T] = []
    for is_first_turn in (True, False):
        with raise_on_all_ranks():
            if (_world.local_rank == 0) is is_first_turn:
                results.append(work())
    return results[0]


def all_reduce_sum(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its sum over all ranks, in one message."""
    if _world is None:
        return
    import torch

    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    with _detect_lost_process():
        _distributed().all_reduce(flat)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))


def all_reduce_max(number: int) -> int:
    """Return the maximum of `number` over all ranks."""
    if _world is None:
        return number
    import torch

    maximum = torch.tensor(int(number), device="cpu")
    with _detect_lost_process():
        _distributed().all_reduce(maximum, _distributed().ReduceOp.MAX)
    return int(maximum)


def barrier() -> None:
    """Wait until all ranks have arrived here."""
    all_reduce_max(0)


@contextlib.contextmanager
def raise_on_all_ranks() -> Iterator[None]:
    """Raise an error of the block on all ranks, at the end of the block.

    The block must not wait for another process.
    """
    try:
        yield
    except ProcessLostError:
        raise
    except Exception as error:
        _raise_first(error)
        raise
    _raise_first(None)


def was_raised_on_all_ranks(error: Exception) -> bool:
    """Return whether `raise_on_all_ranks` raised this error on every rank."""
    return _RAISED_ON_ALL in error.__dict__


def check_same_on_all_ranks(value: str, name: str) -> None:
    """Raise RequestError if `value` differs between ranks; `name` is a plural noun for it."""
    values = [value] if _world is None else _all_gather(value)
    for other_rank, other in enumerate(values):
        if other != values[0]:
            raise RequestError(
                f"{name} of process {other_rank} differ from those of process 0; use the same on every "
                "machine."
            )


def _raise_first(error: Exception | None) -> None:
    """Raise the error of this rank, else that of the lowest failed rank, if any rank failed."""
    if not all_reduce_max(error is not None) or _world is None:
        return
    errors = _all_gather(None if error is None else _picklable(error))
    first = error or next(other for other in errors if other is not None)
    first.__dict__[_RAISED_ON_ALL] = True
    raise first


def _picklable(error: Exception) -> Exception:
    """Return the error, or a WorkError with its message if it cannot be pickled."""
    with contextlib.suppress(Exception):
        pickle.loads(pickle.dumps(error))
        return error
    return WorkError(f"{type(error).__name__}: {error}")


def _all_gather(value: T) -> list[T]:
    """Return the values of all ranks, by rank."""
    values: list[Any] = [None] * world_size()
    with _detect_lost_process():
        _distributed().all_gather_object(values, value)
    return values


@contextlib.contextmanager
def _detect_lost_process() -> Iterator[None]:
    """Raise ProcessLostError if a collective fails because another process is gone."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLostError(
            "Another process of this command has ended; run the same command again to resume."
        ) from error


def _is_first_failure(store: Any) -> bool:
    """Return whether no other process failed before; True if the store is unreachable."""
    with contextlib.suppress(RuntimeError):
        return bool(store.add(_FAILURES, 1) == 1)
    return True


def _join() -> _World:
    """Initialize the process group.

    Raises RequestError if the environment is incomplete, and WorkError if the connection fails.
    """
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise RequestError(
                f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but {name} is not set; start the processes with "
                "torchrun, or unset WORLD_SIZE."
            )
    import torch

    local_rank = _env_int("LOCAL_RANK", 0)
    backend = "gloo"
    if torch.cuda.is_available():
        backend = "cpu:gloo,cuda:nccl"
        if local_rank < torch.cuda.device_count():
            torch.cuda.set_device(local_rank)
    torch.set_num_threads(_num_threads())
    dist = _distributed()
    try:
        store, rank, size = next(dist.rendezvous("env://", timeout=RENDEZVOUS_TIMEOUT))
        group = dist.PrefixStore("group", store)
        dist.init_process_group(
            backend, store=group, rank=rank, world_size=size, timeout=GROUP_TIMEOUT
        )
    except (RuntimeError, ValueError) as error:
        raise WorkError(
            f"The {os.environ['WORLD_SIZE']} processes could not connect ({error}); check MASTER_ADDR and "
            "MASTER_PORT."
        ) from error
    store.set_timeout(timedelta(seconds=20))
    return _World(rank, size, local_rank, store)


def _num_threads() -> int:
    """Return the number of threads of this process: the user's setting, else an equal share of the cores.

    torchrun sets OMP_NUM_THREADS=1 if the user does not, so a 1 under torchrun is ignored.
    """
    threads, under_torchrun = _env_int("OMP_NUM_THREADS", 0), "TORCHELASTIC_RUN_ID" in os.environ
    if threads > 1 or (threads and not under_torchrun) or "MKL_NUM_THREADS" in os.environ:
        return max(1, threads or _env_int("MKL_NUM_THREADS", 1))
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        cores = os.cpu_count() or 1
    return max(1, cores // _env_int("LOCAL_WORLD_SIZE", _env_int("WORLD_SIZE", 1)))


def _env_int(name: str, default: int) -> int:
    """Return an integer environment variable. Raises RequestError if it is not an integer."""
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise RequestError(
            f"The environment variable {name} is {text!r}; set it to a whole number."
        ) from None


def _distributed() -> Any:
    """Import and return torch.distributed, which takes time and memory to load."""
    import torch.distributed

    return torch.distributed
