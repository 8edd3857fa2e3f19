"""Session: run folder, inputs, model, files and starting point of one training run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from ddpm.commands.train.announcement import announcement
from ddpm.commands.train.environment import (
    compile_facts,
    environment_record,
    with_change_history,
)
from ddpm.commands.train.inputs import open_inputs
from ddpm.commands.train.memorization_check import MemorizationCheck
from ddpm.commands.train.recorder import Recorder
from ddpm.commands.train.resume import (
    check_same_model,
    initial_weights,
    new_config,
    resumed_config,
)
from ddpm.config import Config, load_config
from ddpm.data.pixels import to_model
from ddpm.device import keep_freed_memory, pick_device
from ddpm.distributed import check_same_on_all_ranks, is_main, raise_on_all_ranks, run_on_main
from ddpm.files import check_writable, remove_temporary_files, write_json
from ddpm.loading.checkpoints import load_into, newest_checkpoint, restore_last_good
from ddpm.loading.models import attach_guides, check_guide_exists
from ddpm.locking import exclusive_lock
from ddpm.models.autoguidance import guide_step
from ddpm.models.base import Metrics
from ddpm.models.memory_limits import check_batch_memory
from ddpm.models.registry import gather_model
from ddpm.optim.parallel import check_multi_process, check_sharding
from ddpm.runs import RunFolder
from ddpm.sampling.run_pictures import write_final_pictures, write_preview
from ddpm.terminal import print_line
from ddpm.training import checkpoint
from ddpm.training.budget import mean_step_ratio, seconds_per_step, with_total_steps
from ddpm.training.checkpoint import Checkpoint
from ddpm.training.faults import StepError
from ddpm.training.log import Row
from ddpm.training.loop import Batch
from ddpm.training.recovery import StartPoint
from ddpm.training.snapshots import Snapshots
from ddpm.training.tensorboard import writer_class


@contextmanager
def open_session(
    config: Config, run: RunFolder, init: str | None, device: str, shard: bool
) -> Iterator[Session]:
    """Lock the run folder and open its session, for a new run or to resume one.

    RequestError if the arguments do not fit the run, or if another process trains in this folder.
    """
    config = resumed_config(run, config) if run.exists() else new_config(run, config)
    init = initial_weights(run, config, init)
    check_writable(run.config)
    check_multi_process(config)
    if shard:
        check_sharding(config)
    if config.training.tensorboard:
        writer_class()  # raises before anything is written
    with ExitStack() as stack:
        run_on_main(lambda: stack.enter_context(exclusive_lock(run.lock, f"The run {run.root}")))
        yield Session(run, config, init, pick_device(device), shard)


class Session:
    """State of one training run. It implements `loop.TrainingSession`, which the training loop calls."""

    recorder: Recorder  # of the current attempt
    snapshots: Snapshots  # of the current attempt

    def __init__(
        self, run: RunFolder, config: Config, init: str | None, device: torch.device, shard: bool
    ) -> None:
        keep_freed_memory()
        self.run = run
        self.newest: Checkpoint | None = newest_checkpoint(run)
        saved = None if self.newest is None else self.newest.spec
        inputs = open_inputs(run, config, init, device, shard).with_normalization(saved)
        self.inputs, self.config = inputs, inputs.config
        self.start = StartPoint.at(self.newest)
        self.model = inputs.make_model() if self.newest else inputs.make_initial_model()
        if not shard:
            check_batch_memory(self.model)
        self.batches, self.heldout = inputs.batches(self.config), inputs.heldout_batch()
        self.memorization = MemorizationCheck(self.model, inputs.dataset, self.heldout)

    @property
    def steps(self) -> int:
        """Total number of steps of the run."""
        return self.config.training.steps

    def compute_total(self) -> None:
        """Compute the total number of steps from epochs, or from minutes by timing the first steps."""
        self.config = with_total_steps(
            self.config,
            fixed=self.run.exists() and load_config(self.run.config).training.minutes > 0,
            images=len(self.inputs.dataset.train),
            measure_step=lambda seconds: seconds_per_step(
                self.inputs.make_model(), self.batches, seconds
            ),
        )
        self.model.set_total_steps(self.start.adjustments.applied(self.config))

    def restore(self) -> None:
        """Load the newest checkpoint, if there is one, and delete what a killed process left behind.

        RequestError if the configuration no longer fits the checkpoint.
        """
        run, found, self.newest = self.run, self.newest, None  # frees its tensors after this call
        if found is not None:
            check_same_model(run, found.spec.config, self.config)
            load_into(self.model, found.state, run.root)
        check_guide_exists(self.model, run, self.config.sampling)
        # at this point all processes have read the run and none has written to it
        check_same_on_all_ranks(f"{self.start} {self.config}", f"The files in {run.root}")
        if is_main():
            for folder in (run.root, run.checkpoints, run.previews, run.snapshots):
                remove_temporary_files(folder)

    def write_settings(self) -> None:
        """Write configuration, environment, teacher and pseudo-labels, and print the announcement."""
        run, inputs = self.run, self.inputs
        compile_facts(self.model)  # by all processes, before the main one records the result
        if is_main():
            record = environment_record(inputs.device, self.model, inputs.dataset, inputs.init)
            record |= inputs.teacher_entry()
            history = with_change_history(run.load_environment(), record, self.start.step)
            # before the configuration, with which the run exists: the initial weights must be known by then
            write_json(run.environment, history)
            write_json(run.config, self.config.to_dict())
            inputs.save(run, self.config)
        for line in announcement(run, inputs.dataset, self.model, self.start.step):
            print_line(line)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Open the files that training writes from the starting point on."""
        run, start = self.run, self.start
        if is_main():
            saved = {step: run.checkpoint(step) for step in run.checkpoint_steps()}
            checkpoint.delete_after(saved, start.step)
        self.snapshots = Snapshots(run, self.model, start.step)
        training = self.model.spec.config.training
        ratio = 1.0 if start.step else mean_step_ratio(self.model)
        images = len(self.inputs.dataset.train)
        with Recorder(run, training, start, images, ratio=ratio) as self.recorder:
            for row in start.rows():
                self.log(row)
            self.recorder.flush()
            yield

    def recover(self, fault: StepError) -> None:
        """Go back to the last good state, with settings adjusted for `fault`.

        WorkError if nothing is left to adjust.
        """
        adjustments = self.start.adjustments.after(fault, self.config)
        start = restore_last_good(
            self.run, self.model, self.config, self.inputs.make_initial_model, adjustments
        )
        self.start = start.with_warning(fault, self.config)

    def batch(self, step: int) -> Batch:
        """Return images [N, C, H, W] in [-1, 1] and labels [N]."""
        images, labels = self.batches.batch(step - 1)
        return to_model(images), labels

    def log(self, row: Row) -> None:
        """Append a row to the log."""
        self.recorder.write(row)

    def report(self, step: int, losses: Metrics) -> None:
        """Show that `step` is done."""
        self.recorder.report(step, losses)

    def check_memorization(self) -> Row:
        """Measure the held-out gap and the share of copies."""
        return self.memorization()

    def save_snapshot(self, step: int) -> None:
        """Save the averages for `ddpm ema` if they are due."""
        self.snapshots.save_if_due(step)

    def save(self, step: int, seconds: float) -> None:
        """Write the checkpoint of `step` and delete those that are no longer needed."""
        self.recorder.sync()
        run, state, spec = self.run, self.model.state(), self.model.spec
        progress = {"step": step, "seconds": seconds, **self.start.adjustments.row()}
        with raise_on_all_ranks():
            if is_main():
                checkpoint.save(run.checkpoint(step), state, spec, progress)
                saved = {step: run.checkpoint(step) for step in run.checkpoint_steps()}
                # the held-out loss compares a student with its teacher, from which drifting leads away
                drifts = self.config.student.drift > 0
                best = None if drifts else self.recorder.best.best_step(saved)
                guide = guide_step(spec.config.sampling)
                checkpoint.prune(saved, best, guide)
            else:
                checkpoint.check_finite(state, step)

    def preview(self, step: int) -> None:
        """Sample a grid of images into the run folder."""
        write_preview(self.run, gather_model(self.model), step)

    def draw_pictures(self) -> None:
        """Write the pictures of the finished run."""
        model = gather_model(self.model)
        attach_guides(model, self.run)
        write_final_pictures(self.run, model)

    def draw_missing_pictures(self) -> None:
        """Write the pictures again if one is missing or older than the last checkpoint."""
        checkpoint_time = self.run.checkpoint(self.start.step).stat().st_mtime
        pictures = self.run.pictures(self.config.has_reverse_process)

        def is_current(path: Path) -> bool:
            return path.is_file() and path.stat().st_mtime >= checkpoint_time

        if not run_on_main(lambda: all(map(is_current, pictures))):
            self.draw_pictures()
