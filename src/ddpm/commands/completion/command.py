"""Command line of `ddpm completion`."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.options import Option, add_options
from ddpm.terminal import print_result

COMPLETION_OPTIONS = (
    Option("shell", choices=("bash", "zsh", "fish"), help="the shell to write the script for"),
)


def define_completion(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Print a script that completes ddpm's commands, options and files."
    parser.epilog = """install it once, then open a new shell:
  bash  ddpm completion bash > ~/.local/share/bash-completion/completions/ddpm
  zsh   ddpm completion zsh > ~/.zfunc/_ddpm    (~/.zfunc must be in $fpath)
  fish  ddpm completion fish > ~/.config/fish/completions/ddpm.fish"""
    add_options(parser, COMPLETION_OPTIONS)
    parser.set_defaults(command=run_completion)


def run_completion(options: Namespace) -> None:
    from ddpm.commands.completion.completion import completion_script

    print_result(completion_script(options.build_parser(), options.shell))
