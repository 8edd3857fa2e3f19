"""The two errors a user sees, and the test for an out-of-memory error."""

# Parts of torch's messages for the CPU and MPS; CUDA raises OutOfMemoryError.
_OUT_OF_MEMORY = ("DefaultCPUAllocator", "MPS backend out of memory")


class RequestError(ValueError):
    """The request was wrong; the message says how to correct it. The command line exits with 2."""


class WorkError(RuntimeError):
    """The request was valid but the work failed, such as a full disk. The command line exits with 1."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a device or the system ran out of memory. Does not load torch."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)
