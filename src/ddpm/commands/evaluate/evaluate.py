"""commands.evaluate.evaluate."""

from __future__ import annotations

from typing import Any

from ddpm.commands.options import command_line
from ddpm.distributed import is_main, process_group
from ddpm.files import check_writable, write_json
from ddpm.runs import find_run
from ddpm.scoring.measurement import EvaluationRequest, measure


def evaluate(request: EvaluationRequest) -> dict[str, Any]:
    """`measure`, written into the run where there is one, and to `request.json` where asked for.

    Several processes share the drawing, the features and the likelihood; the main one does the rest.
    """
    if request.json is not None:
        check_writable(request.json)
    with process_group():
        evaluation = {**measure(request).evaluation, "command": command_line("evaluate", request)}
        run = find_run(request.target) if evaluation["kind"] == "run" else None
        for path in (run.evaluation if run else None, request.json):
            if path is not None and is_main():
                write_json(path, evaluation)
    return evaluation
