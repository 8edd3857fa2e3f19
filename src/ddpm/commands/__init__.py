"""The commands of `ddpm`: a folder each, over named services. This table needs the standard library only."""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("begin", "train", "draw", "measure", "hand in", "look after")


@dataclass(frozen=True)
class Command:
    """One verb: its group and line in `ddpm --help`, and the folder that defines it.

    `commands/FOLDER/command.py` holds `define_VERB(parser)`: the options, and the function to run.
    """

    group: str
    help: str
    folder: str = ""  # "": named like the verb


COMMANDS: dict[str, Command] = {
    "demo": Command("begin", "train on the digits inside the package: offline, a few minutes"),
    "data": Command("begin", "list, prepare, inspect and augment sets of images"),
    "plan": Command("begin", "what a training takes and promises, from a few measured steps"),
    "train": Command(
        "train", "train a model on images; the same command again goes on where it stopped"
    ),
    "distill": Command("train", "train a student that draws in one to four evaluations"),
    "doctor": Command("train", "what is wrong with a configuration or a run, and the mend"),
    "sample": Command("draw", "draw images from a run or from bundled weights"),
    "forward": Command("draw", "draw the forward process: an image turning into noise"),
    "interpolate": Command("draw", "walk from one drawn image to another", "edit"),
    "inpaint": Command("draw", "redraw the masked part of an image", "edit"),
    "refine": Command(
        "draw", "redraw an image or a sketch from a given moment of the noise", "edit"
    ),
    "evaluate": Command("measure", "measure a run, weights or any images against real images"),
    "compare": Command(
        "measure", "set runs or images side by side: tables, figures, a verdict a metric"
    ),
    "sampler-lab": Command(
        "measure", "measure every sampler on your model; the choice becomes the run's default"
    ),
    "ema": Command(
        "measure", "choose the average of the weights that a run draws with, after its training"
    ),
    "report": Command("hand in", "a PDF about runs, from their files, and the same in Markdown"),
    "bundle": Command("hand in", "pack what is handed in, or check a zip"),
    "runs": Command("look after", "list the runs in a folder"),
    "export": Command("look after", "write the weights for other programs"),
}
