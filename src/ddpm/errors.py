"""The two ways a command ends badly; the command line turns them into exit 2 and 1."""

# What torch says of a CPU and of Apple's devices; CUDA has a class of its own, known by its name here.
_NO_MEMORY = ("DefaultCPUAllocator", "MPS backend out of memory")


class RequestError(ValueError):
    """The request was wrong: one plain sentence that names the mend. The command line exits with 2."""


class WorkError(RuntimeError):
    """The request was right but the work failed (a diverged loss, say). The command line exits with 1."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the system, had no memory to give; torch is not loaded to find out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
