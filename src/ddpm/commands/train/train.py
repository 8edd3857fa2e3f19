"""`ddpm train`: a configuration and images become a run folder; the same command again goes on."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from ddpm.commands.train.environment import compile_facts, environment_record, with_change_history
from ddpm.commands.train.memorization_check import MemorizationCheck
from ddpm.commands.train.resume import (
    check_same_data,
    check_same_model,
    initial_weights,
    new_config,
    resumed_config,
)
from ddpm.config import Config, load_config
from ddpm.data.augmentation import Augmentation
from ddpm.data.batches import Batches
from ddpm.data.dataset import Dataset
from ddpm.data.inspection import list_broken, list_unopened
from ddpm.data.pixels import to_model
from ddpm.device import deterministic_algorithms, keep_freed_memory, pick_device
from ddpm.distributed import (
    ProcessLostError,
    check_same_on_all_ranks,
    is_main,
    process_group,
    raise_on_all_ranks,
    run_on_main,
)
from ddpm.errors import WorkError
from ddpm.files import check_writable, remove_temporary, write_json
from ddpm.loading.checkpoints import load_into, newest_checkpoint, restore_last_good
from ddpm.loading.datasets import model_spec, open_dataset
from ddpm.loading.models import attach_guides, check_guide_exists
from ddpm.loading.pseudo_labels import save_pseudo_labels, with_pseudo_labels
from ddpm.loading.teachers import (
    find_teacher,
    model_factory,
    save_teacher,
    starting_weights,
    student_spec,
    teacher_facts,
)
from ddpm.locking import exclusive_lock
from ddpm.models.autoguidance import guiding_step
from ddpm.models.base import GenerativeModel, Losses
from ddpm.models.registry import gather_model, make_sharded
from ddpm.optim.parallel import check_multi_process, check_sharding
from ddpm.runs import RunFolder
from ddpm.sampling.run_pictures import write_final_pictures, write_preview
from ddpm.terminal import Progress, format_losses, say
from ddpm.training import checkpoint, loop
from ddpm.training.best_checkpoint import BestCheckpoint
from ddpm.training.budget import seconds_per_step, with_total_steps
from ddpm.training.collapse import CollapseWatch
from ddpm.training.disk_room import room_words
from ddpm.training.forecast import Forecast
from ddpm.training.interrupt import Interrupt
from ddpm.training.log import Row, TrainingLog
from ddpm.training.memorization import MemorizationWatch
from ddpm.training.recovery import (
    StartPoint,
    disk_error_message,
    safe_checkpoint_note,
    train_with_recovery,
)
from ddpm.training.snapshots import Snapshots
from ddpm.training.tensorboard import TensorBoard, writer_class

HELDOUT_IMAGES = 500  # of the held-out images, how many serve the held-out loss


@dataclass(frozen=True)
class Outcome:
    """How a training ended: its folder, the last step, and the exit status (0, or 130/143)."""

    run: RunFolder
    step: int
    steps: int
    exit_status: int


def train(
    config: Config,
    out: Path,
    *,
    init: str | None = None,
    device: str = "auto",
    shard: bool = False,
) -> Outcome:
    """Train `config` into the run folder `out`, or go on with the run that is there.

    Of several processes that were started together each learns from its slice of every batch; with
    `shard` each holds a part of the training's state as well, for networks that do not fit.
    RequestError where another process is training there.
    """
    run = RunFolder(out)
    with process_group(), ExitStack() as held:
        config = resumed_config(run, config) if run.exists() else new_config(run, config)
        init = initial_weights(run, config, init)
        check_writable(run.config)
        check_multi_process(config)
        if shard:
            check_sharding(config)
        run_on_main(lambda: held.enter_context(exclusive_lock(run.lock, f"The run {run.root}")))
        return _train(run, config, init, pick_device(device), shard)


def _train(
    run: RunFolder, config: Config, init: str | None, where: torch.device, shard: bool
) -> Outcome:
    """`train` in a folder that is held and a configuration that fits it."""
    keep_freed_memory()
    if config.training.tensorboard:
        writer_class()  # it may be missing: better said before anything is written
    dataset = open_dataset(config)
    check_same_data(run, dataset)
    dataset = with_pseudo_labels(dataset, config.data, run.classes)
    teacher = find_teacher(run, config, init, str(where))
    spec, make = student_spec(teacher, model_spec(config, dataset)), model_factory(teacher)
    if shard:
        make = make_sharded

    def untrained() -> GenerativeModel:
        new = make(spec, where)
        if init is not None:
            load_into(new, starting_weights(teacher, init), init)
        return new

    found = newest_checkpoint(run)
    model = untrained() if found is None else make(spec, where)
    batches = Batches(
        dataset.images,
        dataset.train,
        dataset.labels if config.data.labels else None,
        batch_size=config.training.batch_size,
        seed=config.training.seed,
        augment=Augmentation(config.data.flip, config.data.shift, config.data.crop),
    )
    if kept := batches.send_to(where):
        say(f"the images are kept on {where} ({kept / 1e6:,.0f} MB)")
    config = with_total_steps(
        config,
        fixed=run.exists() and load_config(run.config).training.minutes > 0,
        images=len(dataset.train),
        measure_step=lambda seconds: seconds_per_step(make(spec, where), batches, seconds),
    )
    start = StartPoint.at(found)
    model.set_total(start.mends.applied(config))
    if found is not None:
        check_same_model(run, found.spec.config, config)
        load_into(model, found.state, run.root)
        check_guide_exists(model, run, config.sampling)
    check_same_on_all_ranks(
        f"{start} {config}", f"The files in {run.root}"
    )  # read by all before one writes
    if is_main():
        for folder in (run.root, run.checkpoints, run.previews, run.snapshots):
            remove_temporary(folder)
    if start.step >= config.training.steps:
        return _finished(run, model, start.step)
    compile_facts(model)  # tried by all, before the main process writes them down
    if is_main():
        write_json(run.config, config.to_dict())
        save_teacher(run, teacher)
        facts = {**environment_record(where, model, dataset, init), **teacher_facts(teacher, init)}
        write_json(run.environment, with_change_history(run.load_environment(), facts, start.step))
        save_pseudo_labels(dataset, config.data, run.classes)
    _announce(run, dataset, model, start.step)
    back = partial(restore_last_good, run, model, config, untrained)
    with deterministic_algorithms(), Interrupt() as interrupt:
        attempt = partial(_attempt, run, model, batches, dataset, interrupt)
        try:
            last = train_with_recovery(attempt, start, config, back)
        except ProcessLostError:
            raise
        except WorkError as error:
            raise WorkError(f"{error} {_advice(run)}") from error
        except OSError as error:
            raise WorkError(disk_error_message(run, error)) from error
    if interrupt.signal is not None and last < config.training.steps:
        say(
            f"Saved at step {last} of {config.training.steps}. Run the same command again to go on."
        )
        return Outcome(run, last, config.training.steps, interrupt.exit_status)
    _finish(run, model)
    return Outcome(run, last, config.training.steps, 0)


def _attempt(
    run: RunFolder,
    model: GenerativeModel,
    batches: Batches,
    dataset: Dataset,
    interrupt: Interrupt,
    start: StartPoint,
) -> int:
    """The loop with its files around it, from `start` to its last step."""
    training, step = model.spec.config.training, start.step
    if is_main():
        checkpoint.delete_later({s: run.checkpoint(s) for s in run.checkpoint_steps()}, step)
    cadence = loop.Cadence(
        training.steps,
        training.checkpoint_every,
        training.preview_every,
        training.heldout_every,
        training.memorization_every,
    )
    board = TensorBoard(run.tensorboard, step) if training.tensorboard and is_main() else None

    def hear(row: Row) -> None:
        if board:
            board.write(row)
        if "warning" in row:
            say(f"warning at step {row['step']}: {row['warning']}")

    best = BestCheckpoint()
    watches = CollapseWatch(), MemorizationWatch(), best

    def watch(row: Row) -> list[Row]:
        return [warning for watch in watches for warning in watch(row)]

    kept = run.metrics if is_main() else None
    log = TrainingLog(kept, step=step, epoch_size=len(dataset.train), watch=watch, listener=hear)
    bar = Progress("training", training.steps, scale=training.batch_size, start=step)
    forecast = Forecast(training.steps, training.batch_size, start=step)

    def batch(step: int) -> loop.Batch:
        images, labels = batches.batch(step - 1)
        return to_model(images), labels

    def save(step: int, seconds: float) -> None:
        log.sync()
        progress = {"step": step, "seconds": seconds, **start.mends.row()}
        state = model.state()
        with raise_on_all_ranks():
            if is_main():
                checkpoint.save(run.checkpoint(step), state, model.spec, progress)
                saved = {step: run.checkpoint(step) for step in run.checkpoint_steps()}
                checkpoint.prune(saved, best.of(saved), guiding_step(model.spec.config.sampling))
            else:
                checkpoint.check_finite(state, step)

    def report(step: int, losses: Losses) -> None:
        bar.reach(step, format_losses(losses) if step % 10 == 0 else "")
        forecast.hear(step, next(iter(losses.values())))

    heldout = _heldout(dataset)
    around = loop.Surroundings(
        batch,
        heldout,
        log,
        save,
        lambda step: write_preview(run, gather_model(model), step),
        report,
        MemorizationCheck(model, dataset, heldout),
        Snapshots(run, model, step),
    )
    with bar:
        try:
            for row in start.rows():
                log.write(row)
            log.flush()
            return loop.train(model, cadence, around, interrupt, start=step, seconds=start.seconds)
        finally:
            log.close()
            if board:
                board.close()


def _finished(run: RunFolder, model: GenerativeModel, step: int) -> Outcome:
    """Nothing to do, but for pictures that a kill kept from being drawn."""
    say(f"{run.root} is finished: {step} steps. Ask for a larger total to go on.")
    saved = run.checkpoint(step).stat().st_mtime
    wanted = run.pictures(model.spec.config.has_reverse_process)
    if not run_on_main(
        lambda: all(path.is_file() and path.stat().st_mtime >= saved for path in wanted)
    ):
        _finish(run, model)
    return Outcome(run, step, model.spec.config.training.steps, 0)


def _finish(run: RunFolder, model: GenerativeModel) -> None:
    """Draw the pictures of a finished run."""
    whole = gather_model(model)
    attach_guides(whole, run)
    write_final_pictures(run, whole)


def _heldout(dataset: Dataset) -> loop.Batch | None:
    """The images of the held-out loss, always the same; None where nothing is held out."""
    chosen = dataset.heldout[:HELDOUT_IMAGES]
    if not len(chosen):
        return None
    labels = None if dataset.labels is None else torch.from_numpy(dataset.labels[chosen])
    return to_model(torch.from_numpy(dataset.images[chosen])), labels


def _announce(run: RunFolder, dataset: Dataset, model: GenerativeModel, step: int) -> None:
    """What is about to happen, a line each."""
    config = model.spec.config
    report, training = dataset.report, config.training
    dropped = [f"{report['duplicate']} duplicate"] if report["duplicate"] else []
    dropped += [f"{report['broken']} broken: {list_broken(report)}"] if report["broken"] else []
    dropped += [f"not opened: {list_unopened(report)}"] if report["ignored"] else []
    held = f"{report['held_out']} held out" if report["held_out"] else "none held out"
    say(
        f"{report['used']} images {report['channels']}x{report['size']}, {', '.join([held, *dropped])}"
    )
    for line in (*model.describe(), room_words(model, run.root)):
        say(line)
    epochs = training.steps * training.batch_size / len(dataset.train)
    verb = f"going on at step {step} of" if step else "training"
    say(
        f"{verb} {training.steps} steps of {training.batch_size} images ({epochs:.1f} epochs) in {run.root}"
    )


def _advice(run: RunFolder) -> str:
    return f"{safe_checkpoint_note(run)}Train again with a lower training.learning_rate and another --out."
