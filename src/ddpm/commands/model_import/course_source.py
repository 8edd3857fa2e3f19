"""The state dict of the course's sample notebook, mnist.pt: a U-Net for 28x28 digits that predicts noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from ddpm.commands.model_import.foreign_weights import tensors_of
from ddpm.commands.model_import.imported_model import ImportedModel
from ddpm.errors import RequestError
from ddpm.models.sizes import ShapesOnly
from ddpm.networks.course_unet import SIDE, CourseUNet
from ddpm.networks.layouts import layout_text

_TABLE = "time_embed.weight"
_LAST = "conv_out.weight"


def read_course(values: dict[str, Any], path: Path) -> ImportedModel:
    """Return the model of a state dict with the shapes of the course's network, under any prefix.

    RequestError: other shapes, or other names.
    """
    tensors = tensors_of(values)
    prefix = next((name.removesuffix(_TABLE) for name in tensors if name.endswith(_TABLE)), None)
    if prefix is None:
        raise RequestError(
            f"{path} is no weights file that ddpm import knows: a checkpoint of "
            "denoising-diffusion-pytorch, or the state dict of the course's sample notebook."
        )
    own = tensors_of(tensors, prefix)
    try:
        steps, dim = own[_TABLE].shape
        widths = [int(own[f"b{level}.2.conv2.weight"].shape[0]) for level in (1, 2, 3)]
    except (KeyError, ValueError) as error:
        raise RequestError(f"{path} is not the course's network: {error} is missing.") from error
    layout = layout_text({"widths": widths, "time_dim": int(dim)})
    _check_shapes(own, layout, int(steps), path)
    return ImportedModel(
        kind="course",
        layout=layout,
        image_shape=(1, SIDE, SIDE),
        diffusion={"schedule": "linear", "num_steps": int(steps), "objective": "noise"},
        tensors=own,
        sampling={"variance": "large"},
        source="the course's sample notebook",
    )


def _check_shapes(own: dict[str, Tensor], layout: str, steps: int, path: Path) -> None:
    """Raise RequestError unless the tensors have the names and shapes of the network."""
    with ShapesOnly():
        network = CourseUNet(1, 1, (SIDE, SIDE), num_steps=max(2, steps), layout=layout)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in own.items()}
    wrong = sorted(set(expected.items()) ^ set(found.items()))
    if wrong:
        raise RequestError(f"{path} is not the course's network: {wrong[0][0]} differs.")
