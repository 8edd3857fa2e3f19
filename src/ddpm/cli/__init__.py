"""The command line: arguments → one workflow call → a printed line. Heavy imports wait for a verb."""

from ddpm.cli.main import main

__all__ = ["main"]
