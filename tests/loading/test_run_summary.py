"""The summary of a run from its files."""

from __future__ import annotations

import json
from pathlib import Path

from ddpm.config import with_overrides
from ddpm.loading.run_summary import run_summary
from ddpm.presets import get_preset
from ddpm.runs import RunFolder


def test_values_that_a_run_did_not_record_are_none(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.root.mkdir()
    config = with_overrides(get_preset("digits").config, ["training.batch_size=16"])
    run.config.write_text(json.dumps(config.to_dict()), "utf-8")
    summary = run_summary(run)
    assert (summary["preset"], summary["batch_size"]) == ("digits", 16)
    assert {
        summary[key] for key in ("minutes", "steps", "images_seen", "device", "parameters")
    } == {None}
    rows = [{"step": 1, "batch": 16, "seconds": 30.0}, {"step": 2, "batch": 9, "seconds": 90.0},
            {"step": 2, "heldout_loss": 0.5}]  # fmt: skip
    run.metrics.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    summary = run_summary(run)
    assert (summary["minutes"], summary["steps"], summary["images_seen"]) == (1.5, 2, 25)
