"""`ddpm plan` and `ddpm doctor`: what a training will take, and what is wrong with one."""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import TYPE_CHECKING

from ddpm.cli.arguments import Add, absolute, add_device, add_scale, add_set, positive

if TYPE_CHECKING:
    from ddpm.workflows.targets import Asked


def define_plan(add: Add) -> None:
    parser = add("plan", help="what a training takes and promises, from a few measured steps")
    parser.add_argument("target", metavar="PRESET|CONFIG|RUN")
    parser.add_argument("--minutes", type=positive, help="propose what fits this long")
    _add_changes(parser)
    parser.set_defaults(command=run_plan)


def define_doctor(add: Add) -> None:
    parser = add("doctor", help="what is wrong with a configuration or a run, and the mend")
    parser.add_argument("target", metavar="RUN|CONFIG|PRESET")
    _add_changes(parser)
    parser.set_defaults(command=run_doctor)


def _add_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="PATH|NAME", help="other images than its own")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_scale(parser)
    add_device(parser)
    add_set(parser)


def run_plan(options: Namespace) -> None:
    import json

    from ddpm.workflows.plan import PlanRequest, plan
    from ddpm.workflows.plan_words import plan_words

    found = plan(PlanRequest(_asked(options), options.minutes))
    print(json.dumps(found, indent=2) if options.json else plan_words(found))


def run_doctor(options: Namespace) -> int:
    import json

    from ddpm.workflows.doctor import diagnose, words

    diagnosis = diagnose(_asked(options))
    print(json.dumps(diagnosis.row(), indent=2) if options.json else words(diagnosis))
    return int(diagnosis.serious)


def _asked(options: Namespace) -> Asked:
    from ddpm.workflows.targets import Asked

    data = None if options.data is None else absolute(options.data)
    return Asked(options.target, data, options.scale, options.device, options.set)
