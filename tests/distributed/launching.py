"""torchrun, as a user starts it, with one thread a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 240  # seconds
FUSED = "tests/faults/fused.py"


def torchrun(
    count: int, values: dict[str, Any], cache: Path, program: str = ""
) -> subprocess.CompletedProcess[str]:
    """`values` for `program` (a file; without one `tests.distributed.program`) in `count` processes."""
    environment = {key: v for key, v in os.environ.items() if not key.startswith("DDPM_")}
    environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "DDPM_CACHE_DIR": str(cache)}
    started = [program] if program else ["-m", "tests.distributed.program"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*launcher, f"--nproc-per-node={count}", *started, json.dumps(values)],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
