"""A model as a folder of diffusers: a stock pipeline where that is exact, else one with a pipeline.py."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ddpm.commands.export import pipeline_template
from ddpm.commands.export.export_request import ExportRequest
from ddpm.commands.export.hub_upload import check_repository, upload_folder
from ddpm.commands.export.model_card import card_text
from ddpm.commands.export.model_facts import default_images, model_facts
from ddpm.commands.export.onnx_file import exportable
from ddpm.commands.export.sampling_description import (
    leave_out_guide,
    sampling_defaults,
    student_table,
    table_values,
)
from ddpm.commands.export.unet2d import (
    fits_unet2d,
    group_counts,
    head_sizes,
    unet2d_settings,
    unet2d_weights,
)
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.errors import RequestError
from ddpm.files import atomic_folder, write_json, write_text
from ddpm.loading.models import OpenedModel
from ddpm.models.base import DiffusionModel
from ddpm.models.onnx_model import feeds_back
from ddpm.networks.attention import head_count
from ddpm.networks.diffusers_unet import DiffusersUNet
from ddpm.networks.embeddings import FULL_SCALE
from ddpm.networks.self_conditioning import SelfConditioned
from ddpm.networks.unet import GroupNorm, UNet
from ddpm.terminal import print_line
from ddpm.visuals.grids import grid

VERSION = "0.38.0"  # of diffusers, the oldest that is supported
PREDICTIONS = {"noise": "epsilon", "v": "v_prediction", "x0": "sample"}
PIPELINE = "pipeline"  # .py


def write_diffusers(opened: OpenedModel, request: ExportRequest, path: Path) -> list[Path]:
    """Write the folder `path`, and push it to the Hub if asked. RequestError: the folder holds files."""
    if request.push is not None:
        check_repository(request.push)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RequestError(f"{path} exists already; choose a new folder with --out.")
    model = exportable(opened, "diffusers")
    network = inner_network(model)
    if not isinstance(network, UNet | DiffusersUNet):
        raise RequestError(
            f"{opened.name} has a network of the kind {model.spec.config.network.kind}, which diffusers "
            "does not have. Use --to onnx."
        )
    if isinstance(network, UNet) and not fits_unet2d(network):
        raise RequestError(
            f"{opened.name} was trained with network.norm=layer or network.skips=add, which the U-Net of "
            "diffusers does not have. Use --to onnx, or train with --set network.skips=concat."
        )
    leave_out_guide(model, "folder")
    reasons = reasons_for_code(model)
    if reasons:
        print_line(f"{path} needs trust_remote_code=True for its pipeline.py: {'; '.join(reasons)}")
    else:
        print_line(f"{path} opens as a stock pipeline of diffusers, without code")
    with atomic_folder(path) as folder:
        _write_parts(folder, opened, model, network, not reasons, request)
    if request.push is not None:
        print_line(f"pushed to {upload_folder(path, request.push)}")
    return [path]


def inner_network(model: DiffusionModel) -> nn.Module:
    """Return the network, without the wrapper that adds its previous prediction to the input."""
    network = model.averaged.network
    return network.network if isinstance(network, SelfConditioned) else network


def reasons_for_code(model: DiffusionModel) -> list[str]:
    """Return why a stock pipeline of diffusers cannot sample the model's images; [] if it can."""
    network, spec, schedule = inner_network(model), model.spec, model.schedule
    config = spec.config
    reasons = []
    if config.family.is_distilled:
        reasons.append("a few-step student samples by its own steps")
    if config.network.self_conditioning:
        reasons.append("the network sees its previous prediction")
    if config.diffusion.objective == "edm":
        reasons.append("the objective edm scales images by the data's mean and deviation")
    elif config.diffusion.objective not in PREDICTIONS:
        reasons.append(f"diffusers has no prediction type for {config.diffusion.objective}")
    if schedule.name in ("flow", "edm"):
        reasons.append(f"the schedule {schedule.name} has no betas")
    if config.sampling.clip == "dynamic":
        reasons.append("clipping is dynamic")
    if config.diffusion.learned_variance:
        reasons.append("the variance is learned")
    if spec.num_classes:
        reasons.append("it has classes and guidance")
    if not isinstance(network, UNet):
        return reasons
    if network.patch > 1:
        reasons.append(f"blocks of {network.patch}x{network.patch} pixels are folded into channels")
    if any(side % network.multiple for side in spec.image_shape[1:]):
        reasons.append("images are padded inside")
    if len(group_counts(network)) > 1:
        reasons.append("GroupNorm has several numbers of groups (train with network.groups=8)")
    if len(head_sizes(network)) > 1:
        reasons.append("attention heads have several widths")
    reasons += _time_reasons(network, len(schedule), config.network.time_embedding)
    return reasons


def _time_reasons(network: UNet, num_steps: int, formula: str) -> list[str]:
    width, own = network.head.out_channels, 2 * len(network.time.frequency)
    if own != width:
        return [
            f"the sinusoid of t has {own} dimensions, not {width} (train with network.sinusoids={width})"
        ]
    if num_steps != FULL_SCALE or formula != "standard":
        return ["times are embedded by another formula"]
    return []


def _write_parts(
    folder: Path,
    opened: OpenedModel,
    model: DiffusionModel,
    network: UNet | DiffusersUNet,
    stock: bool,
    request: ExportRequest,
) -> None:
    """Write model_index.json, unet/, scheduler/, the card and, unless `stock`, pipeline.py."""
    plain = stock or isinstance(network, DiffusersUNet)
    settings, weights = _unet(model, network, plain)
    if request.half:
        weights = {name: w.half() if w.is_floating_point() else w for name, w in weights.items()}
    name, scheduler = _scheduler(model, stock)
    for part in ("unet", "scheduler"):
        (folder / part).mkdir()
    write_json(folder / "unet" / ("config" + ".json"), {"_diffusers_version": VERSION, **settings})
    save_file(weights, folder / "unet" / "diffusion_pytorch_model.safetensors", {"format": "pt"})
    write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    index: dict[str, Any] = {
        "_class_name": name if stock else [PIPELINE, "DdpmStudioPipeline"],
        "_diffusers_version": VERSION,
        "scheduler": ["diffusers", scheduler["_class_name"]],
        "unet": ["diffusers", "UNet2DModel"],
    }
    if not stock:
        index["settings"] = pipeline_settings(model, network)
        shutil.copyfile(pipeline_template.__file__, folder / f"{PIPELINE}.py")
    write_json(folder / "model_index.json", index)
    pictures = grid(default_images(opened.model), 5, 5)
    pictures.save(folder / "grid.png", "PNG")
    is_student = model.spec.config.family.is_distilled
    card = card_text(model_facts(opened), name if stock else "", is_student)
    write_text(folder / "README.md", card)


def _unet(
    model: DiffusionModel, network: UNet | DiffusersUNet, stock: bool
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return config.json and the weights of the UNet2DModel."""
    if isinstance(network, DiffusersUNet):
        config = {key: value for key, value in network.unet.config.items() if key[0] != "_"}
        weights = {name: w.clone().contiguous() for name, w in network.unet.state_dict().items()}
        return {"_class_name": "UNet2DModel", **config}, weights
    steps = len(model.schedule)
    channels, height, width = model.spec.image_shape
    padded = (channels, height + -height % network.multiple, width + -width % network.multiple)
    weights = unet2d_weights(network, channels, steps, stock)
    return unet2d_settings(network, padded, steps, stock), weights


def _scheduler(model: DiffusionModel, stock: bool) -> tuple[str, dict[str, Any]]:
    """Return the class of the stock pipeline, and scheduler_config.json."""
    config, schedule = model.spec.config, model.schedule
    adds_noise = stock and not SAMPLERS[config.sampling.sampler].is_deterministic
    name = "DDPM" if adds_noise else "DDIM"
    values: dict[str, Any] = {
        "_class_name": f"{name}Scheduler",
        "_diffusers_version": VERSION,
        "num_train_timesteps": len(schedule),
        "trained_betas": normalized_betas(schedule.signal, schedule.sigma).tolist(),
        "timestep_spacing": "trailing",
        "prediction_type": PREDICTIONS[config.diffusion.objective] if stock else "sample",
        "clip_sample": stock and config.sampling.clip == "static",
        "clip_sample_range": 1.0,
    }
    if adds_noise:
        values["variance_type"] = f"fixed_{config.sampling.variance}"
    else:
        values["set_alpha_to_one"] = True
    return f"{name}Pipeline", values


def normalized_betas(signal: Tensor, sigma: Tensor) -> Tensor:
    """Return the betas [T] of a path divided by √(signal² + sigma²), which makes it variance-preserving.

    diffusers multiplies 1 - beta in float32. Each beta is chosen so that the product stays at its target: the
    rounding of one step is not carried to the next.
    """
    targets = (signal.square() / (signal.square() + sigma.square())).tolist()
    betas, product = [], 1.0
    for target in targets:
        beta = torch.tensor(1 - target / product, dtype=torch.float32)
        betas.append(beta)
        product *= float(1 - beta)
    return torch.stack(betas).to(torch.float64)


def pipeline_settings(model: DiffusionModel, network: UNet | DiffusersUNet) -> dict[str, Any]:
    """Return the settings of `DdpmStudioPipeline`."""
    spec, sampling = model.spec, sampling_defaults(model.spec)
    is_student = spec.config.family.is_distilled
    own = network if isinstance(network, UNet) else None
    norms = [] if own is None else [m for m in own.modules() if isinstance(m, GroupNorm)]
    widths = {norm.num_channels for norm in norms}
    return {
        "image_shape": list(spec.image_shape),
        "patch": own.patch if own else 1,
        "multiple": network.multiple,
        "objective": spec.config.diffusion.objective,
        "signal": model.schedule.signal.tolist(),
        "sigma": model.schedule.sigma.tolist(),
        "data_mean": list(spec.data_mean),
        "data_std": spec.data_std,
        "num_classes": spec.num_classes,
        "classes_and_times": own is not None,
        "classes": list(spec.class_names) if spec.num_classes else [],
        "guidance": sampling["guidance"],
        "guidance_interval": list(sampling["guidance_interval"]),
        "clip": sampling["clip"],
        "self_conditioning": spec.config.network.self_conditioning,
        "feeds_back": feeds_back(spec),
        "table": table_values(student_table(model)) if is_student else None,
        "groups": {str(norm.num_channels): norm.num_groups for norm in norms},
        "heads": {str(width): head_count(width) for width in widths},
    }
