"""Samples as files: grids, GIFs, panels, folders of PNGs and arrays."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from ddpm.commands.sample.chunked_sampling import (
    ChunkFile,
    Labels,
    sample_to_files,
    say_interrupted,
    say_remaining,
)
from ddpm.commands.sample.png_folder import PngFolder, check_png_folder
from ddpm.commands.sample.sample_archive import SampleArchive, partial_path
from ddpm.commands.sample.sample_pictures import SamplePictures, base_path
from ddpm.commands.sample.sample_request import SampleRequest
from ddpm.commands.sample.size_limits import (
    check_array_space,
    check_picture_size,
    check_png_space,
)
from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images
from ddpm.distributed import is_main, process_group, run_on_main
from ddpm.errors import RequestError
from ddpm.loading.models import OpenedModel, open_model
from ddpm.locking import exclusive_lock
from ddpm.messages import sentence
from ddpm.models.base import GenerativeModel, as_diffusion
from ddpm.models.fingerprint import weights_hash
from ddpm.quantities import format_seeds
from ddpm.sampling.labels import choose_labels, parse_label
from ddpm.sampling.samples import Trajectory, sample_with_progress
from ddpm.sampling.sampling_cost import sampling_cost
from ddpm.sampling.settings import animation_settings, resolve_settings
from ddpm.terminal import print_line
from ddpm.visuals.animations import GIF_FRAMES

_MANY = 25  # times the requested images that a chunk may hold without a word

__all__ = ["SampleRequest", "write_samples"]


def write_samples(
    target: str, overrides: Sequence[str], request: SampleRequest, device: str = "auto"
) -> list[Path]:
    """Sample from the model `target`, write the files of `request` and return their paths.

    Under torchrun the processes share the sampling and the main one writes. RequestError if there
    is no such model, or if a file cannot be written.
    """
    with process_group():
        return _write_samples(target, overrides, request, device)


def _write_samples(
    target: str, overrides: Sequence[str], request: SampleRequest, device: str
) -> list[Path]:
    request.check_out()
    if request.png_dir is not None and request.is_count_known:
        check_png_folder(request.png_dir, request.seeds)
    opened = open_model(target, device)
    model, spec = opened.model, opened.model.spec
    if request.wants_frames and not spec.config.family.has_reverse_process:
        raise RequestError(
            f"{opened.name} is {spec.config.family.noun}, which samples in one pass and has no reverse "
            "process to show. Leave out the GIF and the panel."
        )
    if request.precision == "fp32":
        _use_float32(opened)
    settings = resolve_settings(model, overrides)
    request = request.for_labels(spec)
    _check_sizes(request, spec.image_shape)
    request.print_missing_labels(spec)
    if settings.chunk > _MANY * request.count:
        print_line(
            f"sampling.chunk={settings.chunk}: {settings.chunk} images are computed for these "
            f"{request.count}; a smaller chunk is faster"
        )
    with ExitStack() as locks:
        files: list[ChunkFile] = []  # of the main process alone
        run_on_main(lambda: files.extend(_open_files(request, opened, settings, locks)))
        try:
            images, trajectory = _sample(request, opened, settings, overrides, files)
        except KeyboardInterrupt:
            say_interrupted(files)
            raise
        written: list[Path] = []
        run_on_main(lambda: written.extend(file.finish() for file in files))
    if not is_main():
        return []
    base = base_path(request, opened, overrides)
    return written + SamplePictures(request, opened, settings, base).write(images, trajectory)


def _use_float32(opened: OpenedModel) -> None:
    """Let the model compute in float32. RequestError: its family has no choice."""
    model = as_diffusion(opened.model)
    if model is None:
        raise RequestError(
            f"{opened.name} is {opened.model.spec.config.family.noun}, whose precision cannot be set. "
            "Leave out --precision."
        )
    model.precision = "fp32"


def _check_sizes(request: SampleRequest, image_shape: tuple[int, int, int]) -> None:
    """Raise RequestError, before anything is sampled, if the files would be too large."""
    image_bytes = math.prod(image_shape)
    if request.png_dir is not None:
        check_png_space(request.png_dir, request.count, image_bytes)
    if request.out is not None and request.suffix == ".npz":
        check_array_space(request.out, request.count, image_bytes)
    if request.wants_grid:
        check_picture_size(request.shape, image_shape[1:], request.out)


def _open_files(
    request: SampleRequest, opened: OpenedModel, settings: SamplingConfig, locks: ExitStack
) -> Iterator[ChunkFile]:
    """Open the files that take every image, or continue those of an interrupted command."""
    model, request_hash = opened.model, _request_hash(request, opened.model, settings)
    if request.png_dir is not None:
        yield PngFolder(request.png_dir, request.seeds, request_hash)
    if request.out is not None and request.suffix == ".npz":
        partial = partial_path(request.out)
        locks.enter_context(
            exclusive_lock(partial.with_name(partial.name + ".lock"), str(request.out))
        )
        yield SampleArchive(
            request.out,
            request.seeds,
            model.spec.image_shape,
            settings.chunk,
            _labels(request, model),
            {
                "model": opened.name,
                "step": opened.step,
                "weights": weights_hash(model),
                "label": request.label,
                **({"columns": request.columns} if request.label_rows else {}),
                "class_names": list(model.spec.class_names),
                "sampling": asdict(settings),
            },
            request_hash,
        )


def _request_hash(request: SampleRequest, model: GenerativeModel, settings: SamplingConfig) -> str:
    """Return a hash of everything the bits of image i depend on."""
    label: object = request.label
    if request.label is not None and request.label_rows:
        label = [*parse_label(model.spec, request.label), request.columns]
    parts = [weights_hash(model), asdict(settings), request.seed, label]
    parts += [] if request.precision == "auto" else [request.precision]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _labels(request: SampleRequest, model: GenerativeModel) -> Labels:
    """Return the function of the classes of images `start` to `stop`."""
    return lambda start, stop: choose_labels(
        model, request.seeds[start:stop], request.label, start=start, columns=request.columns
    )


def _evaluations_text(
    model: GenerativeModel, settings: SamplingConfig, labels: Sequence[int] | None
) -> str:
    """Return the network evaluations of an image if guidance or a mixture of classes adds some; else ""."""
    diffusion = as_diffusion(model)
    if diffusion is None:
        return ""
    plain = replace(settings, guidance=1.0, classifier_guidance=0.0)
    count = sampling_cost(diffusion, settings, labels).evaluations
    is_more = count > sampling_cost(diffusion, plain).evaluations
    return f", {count:,} network evaluations an image" if is_more else ""


def _sample(
    request: SampleRequest,
    opened: OpenedModel,
    settings: SamplingConfig,
    overrides: Sequence[str],
    files: Sequence[ChunkFile],
) -> tuple[Images | None, Trajectory | None]:
    """Sample into `files`; return the images of the grid, and the trajectories for a GIF or a panel.

    One pass serves all if it has enough steps for a GIF. Images that no file takes are not drawn.
    """
    model, gif_settings = opened.model, settings
    trajectory = Trajectory(len(request.gif_seeds), GIF_FRAMES) if request.wants_frames else None
    if not any("sampling.steps" in override for override in overrides):
        gif_settings = animation_settings(model, settings)
    images, shared = None, trajectory if gif_settings == settings else None
    labels = _labels(request, model)
    if request.wants_images:
        say_remaining(files)
        kept = math.prod(request.shape) if request.wants_grid else 0
        seeds = request.seeds if request.wants_all else request.seeds[:kept]
        how = sentence(model.describe_sampling(settings))
        how += _evaluations_text(model, settings, labels(0, len(seeds)))
        print_line(f"sampling {len(seeds)} images ({how}) from {opened.origin}")
        images = sample_to_files(
            model, seeds, labels, settings, files, kept=min(kept, len(seeds)), trajectory=shared
        )
    if trajectory is not None and not trajectory.states:
        print_line(
            f"sampling the reverse process of {format_seeds(request.gif_seeds)} "
            f"({sentence(model.describe_sampling(gif_settings))}) from {opened.origin}"
        )
        filmed = labels(0, len(request.gif_seeds))
        sample_with_progress(model, request.gif_seeds, filmed, gif_settings, trajectory)
    return images, trajectory
