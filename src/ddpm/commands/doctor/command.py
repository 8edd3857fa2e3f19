"""Command line of `ddpm doctor`."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.options import Option, add_options, make_request
from ddpm.commands.shared_options import DATA, DEVICE, PRINT_JSON, SCALE, SET
from ddpm.terminal import print_result

DOCTOR_OPTIONS = (
    Option(
        "target",
        metavar="RUN|CONFIG|PRESET",
        help="a run folder, a configuration file (.json) or a preset",
    ),
    DATA,
    PRINT_JSON,
    SCALE,
    DEVICE,
    SET,
)


def define_doctor(parser: argparse.ArgumentParser) -> None:
    add_options(parser, DOCTOR_OPTIONS)
    parser.set_defaults(command=run_doctor)


def run_doctor(options: Namespace) -> int:
    import json

    from ddpm.commands.doctor.diagnose import diagnose, diagnosis_text
    from ddpm.loading.targets import TargetRequest

    diagnosis = diagnose(make_request(TargetRequest, DOCTOR_OPTIONS, options))
    print_result(
        json.dumps(diagnosis.row(), indent=2) if options.json else diagnosis_text(diagnosis)
    )
    return int(diagnosis.serious)
