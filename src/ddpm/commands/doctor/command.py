"""commands.doctor.command."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.arguments import _add_changes, _asked


def define_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="RUN|CONFIG|PRESET")
    _add_changes(parser)
    parser.set_defaults(command=run_doctor)


def run_doctor(options: Namespace) -> int:
    import json

    from ddpm.commands.doctor.diagnose import diagnose, words

    diagnosis = diagnose(_asked(options))
    print(json.dumps(diagnosis.row(), indent=2) if options.json else words(diagnosis))
    return int(diagnosis.serious)
