"""`ddpm plan` and `ddpm doctor`: what a training will take, and what is wrong with one."""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import TYPE_CHECKING

from ddpm.commands.arguments import (
    _add_changes,
    _asked,
    positive,
)

if TYPE_CHECKING:
    pass


def define_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="PRESET|CONFIG|RUN")
    parser.add_argument("--minutes", type=positive, help="propose what fits this long")
    _add_changes(parser)
    parser.set_defaults(command=run_plan)


def run_plan(options: Namespace) -> None:
    import json

    from ddpm.commands.plan.plan import PlanRequest, plan
    from ddpm.commands.plan.plan_table import plan_words

    found = plan(PlanRequest(_asked(options), options.minutes))
    print(json.dumps(found, indent=2) if options.json else plan_words(found))
