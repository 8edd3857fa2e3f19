"""The two ways a command ends badly; the command line turns them into exit 2 and 1."""


class RequestError(ValueError):
    """The request was wrong: one plain sentence that names the mend. The command line exits with 2."""


class WorkError(RuntimeError):
    """The request was right but the work failed (a diverged loss, say). The command line exits with 1."""
