"""Scores of a run, of weights or of images, written as evaluation.json."""

from __future__ import annotations

from typing import Any

from ddpm.commands.options import command_line
from ddpm.commands.verb_function import takes_fields
from ddpm.distributed import is_main, process_group
from ddpm.files import check_writable, write_json
from ddpm.runs import find_run
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.measurement import measure


@takes_fields(EvaluationRequest)
def evaluate(request: EvaluationRequest) -> dict[str, Any]:
    """Measure a run, weights or images against real images and return every score as plain values.

    `rows` holds a metric each: value, floor, ratio and interval. A run keeps them as evaluation.json, and
    `json` names another file. Under torchrun the processes share the work. RequestError: no such target,
    no real images, or too few.

    >>> found = ddpm.evaluate("runs/digits", n=20, likelihood=0)
    >>> found["network"], found["n"], found["rows"][0]["metric"]
    ('digits', 20, 'fd')
    """
    if request.json is not None:
        check_writable(request.json)
    with process_group():
        command = command_line("evaluate", request)
        evaluation = measure(request, command=command).evaluation
        run = find_run(request.target) if evaluation["kind"] == "run" else None
        for path in (run.evaluation if run else None, request.json):
            if path is not None and is_main():
                write_json(path, evaluation)
    return evaluation
