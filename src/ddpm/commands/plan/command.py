"""Command line of `ddpm plan`."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.options import Option, add_options, make_request, positive
from ddpm.commands.shared_options import DATA, DEVICE, PRINT_JSON, SCALE, SET
from ddpm.terminal import print_result

PLAN_OPTIONS = (
    Option(
        "target",
        metavar="PRESET|CONFIG|RUN",
        help="a preset, a configuration file (.json) or a run folder",
    ),
    Option("minutes", "--minutes", positive, help="propose settings that fit this training time"),
    DATA,
    PRINT_JSON,
    SCALE,
    DEVICE,
    SET,
)


def define_plan(parser: argparse.ArgumentParser) -> None:
    add_options(parser, PLAN_OPTIONS)
    parser.set_defaults(command=run_plan)


def run_plan(options: Namespace) -> None:
    import json

    from ddpm.commands.plan.plan import PlanRequest, plan
    from ddpm.commands.plan.plan_table import plan_text

    found = plan(make_request(PlanRequest, PLAN_OPTIONS, options))
    print_result(json.dumps(found, indent=2) if options.json else plan_text(found))
