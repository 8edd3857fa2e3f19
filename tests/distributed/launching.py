"""torchrun and accelerate launch, as a user starts them, with one thread a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 240  # seconds
PROGRAM = ["-m", "tests.distributed.program"]
FUSED = "tests/faults/fused.py"


def torchrun(
    count: int, values: dict[str, Any], cache: Path, program: str = ""
) -> subprocess.CompletedProcess[str]:
    """`values` for `program` (a file; without one `tests.distributed.program`) in `count` processes."""
    started = [program] if program else PROGRAM
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    return _launched([*launcher, *started], values, cache)


def accelerate_launch(
    count: int, values: dict[str, Any], cache: Path
) -> subprocess.CompletedProcess[str]:
    """The same by accelerate, which looks for graphics cards where it is not told that there are some."""
    launcher = ["accelerate.commands.launch", "--multi_gpu", f"--num_processes={count}"]
    usual = ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
    return _launched([*launcher, *usual, "--main_process_port=0", *PROGRAM], values, cache)


def _launched(
    words: list[str], values: dict[str, Any], cache: Path
) -> subprocess.CompletedProcess[str]:
    """`python -m WORDS VALUES`, from the repository, none of the user's settings about."""
    environment = {key: v for key, v in os.environ.items() if not key.startswith("DDPM_")}
    environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "DDPM_CACHE_DIR": str(cache)}
    return subprocess.run(
        [sys.executable, "-m", *words, json.dumps(values)],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
