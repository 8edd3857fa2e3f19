"""The command line: parser and entry point. Each command imports its own code when it runs."""

from ddpm.cli.main import main

__all__ = ["main"]
