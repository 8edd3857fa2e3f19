"""The table of the commands of `ddpm`, one folder per command. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("begin", "train", "sample", "measure", "hand in", "manage")


@dataclass(frozen=True)
class Command:
    """A command: its group and help line in `ddpm --help`, and the folder that defines it.

    `commands/FOLDER/command.py` holds `VERB_OPTIONS` and `define_VERB(parser)`, which adds these options to
    the parser and sets the function to run.
    """

    group: str
    help: str
    folder: str = ""  # "": the name of the command
    package: str = (
        "ddpm.commands"  # that holds the folder; a name, since imports run downwards only
    )


COMMANDS: dict[str, Command] = {
    "demo": Command("begin", "train on 1,797 bundled digits: offline, a few minutes"),
    "studio": Command(
        "begin", "train, sample and look inside a model in the browser", package="ddpm"
    ),
    "data": Command("begin", "list, prepare, inspect and augment data sets"),
    "plan": Command(
        "begin", "estimate time, disk space and result of a training run from a few steps"
    ),
    "train": Command("train", "train a model on images; the same command resumes it"),
    "distill": Command("train", "train a student that samples in one to eight evaluations"),
    "polish": Command("train", "train a finished model on, as its own discriminator"),
    "doctor": Command("train", "find problems of a configuration or a run, with fixes"),
    "sample": Command("sample", "sample images from a run or from bundled weights"),
    "forward": Command("sample", "show the forward process: an image turning into noise"),
    "interpolate": Command("sample", "sample the images between two seeds", "edit"),
    "inpaint": Command("sample", "redraw the masked part of an image", "edit"),
    "refine": Command("sample", "add noise to an image or a sketch and redraw it", "edit"),
    "evaluate": Command("measure", "measure a run, weights or images against real images"),
    "compare": Command("measure", "compare runs or images: tables, figures, verdicts"),
    "sampler-lab": Command("measure", "measure every sampler; save the best as the run's default"),
    "ema": Command("measure", "choose the weight average (EMA) of a trained run"),
    "report": Command("hand in", "write a report about runs, as PDF and Markdown"),
    "bundle": Command("hand in", "pack the zip to hand in, or check one"),
    "grade": Command("hand in", "check and compare the hand-ins of a class, for teachers"),
    "runs": Command("manage", "list the runs in a folder"),
    "import": Command(
        "manage", "make a run of weights that another program trained", "model_import"
    ),
    "export": Command("manage", "write weights for other programs"),
    "completion": Command("manage", "print a completion script for bash, zsh or fish"),
}


def command_module(verb: str) -> str:
    """Return the name of the module that defines the command `verb`."""
    row = COMMANDS[verb]
    return f"{row.package}.{row.folder or verb.replace('-', '_')}.command"
