"""Parser of the command line. Standard library only, so that `--help` is fast."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import import_module
from typing import Any, NoReturn

from ddpm.commands import COMMANDS, GROUPS, command_module
from ddpm.terminal import escape


def build_parser(verbs: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser with the options of `verbs`; the other commands get only their help line."""
    parser = _Parser(
        prog="ddpm",
        description="Train, sample and measure small diffusion models.",
        epilog="Begin with: ddpm demo. Each command has its own help: ddpm train --help",
        formatter_class=_GroupedHelp,
        add_help=False,
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    general = parser.add_argument_group("options")
    general.add_argument("-h", "--help", action="help", help="print this help")
    general.add_argument("--version", action=_Version, help="print the version")
    for verb, row in COMMANDS.items():
        subparser = subparsers.add_parser(verb, help=row.help)
        if verb in verbs:
            name = verb.replace("-", "_")
            module = import_module(command_module(verb))
            getattr(module, f"define_{name}")(subparser)
    parser.set_defaults(
        build_parser=build_parser
    )  # for `ddpm completion`: commands do not import ddpm.cli
    return parser


class _Parser(argparse.ArgumentParser):
    """Parser that reports an error as one sentence and the help to read, without the usage."""

    def error(self, message: str) -> NoReturn:
        sentence = escape(message.removeprefix("argument "))
        self.exit(2, f"ddpm: {sentence}.\nSee: {self.prog} --help\n")


class _GroupedHelp(argparse.HelpFormatter):
    """Help formatter that lists the commands by group, in the order in which a newcomer needs them."""

    def _format_action(self, action: argparse.Action) -> str:
        if not isinstance(action, argparse._SubParsersAction):
            return super()._format_action(action)
        line = super()._format_action
        self._indent()
        self._action_max_length += self._indent_increment
        lines = {choice.dest: line(choice) for choice in action._choices_actions}
        self._dedent()
        return "\n".join(
            f"  {group}:\n"
            + "".join(lines[verb] for verb in lines if COMMANDS[verb].group == group)
            for group in GROUPS
        )


class _Version(argparse.Action):
    """Action that looks up the version only when it is printed."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *rest: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"ddpm-studio {version('ddpm-studio')}")
        except PackageNotFoundError:
            print("ddpm-studio, run from source")
        parser.exit()
