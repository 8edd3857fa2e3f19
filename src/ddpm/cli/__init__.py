"""The command line: arguments → one workflow call → a printed line. Nothing heavy is imported before a verb runs."""

from ddpm.cli.main import main

__all__ = ["main"]
