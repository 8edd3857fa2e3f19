"""The denoiser of a model as an ONNX file, with a JSON file of everything else that sampling needs."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddpm.commands.export.denoiser_graph import GUIDANCE, DenoiserGraph
from ddpm.commands.export.export_request import ExportRequest
from ddpm.commands.export.sampling_description import leave_out_guide, sampling_description
from ddpm.errors import RequestError, WorkError
from ddpm.files import atomic_file, write_json
from ddpm.loading.models import OpenedModel
from ddpm.loading.onnx_files import ONNX_EXTRA, SPEC_PROPERTY, import_onnxruntime, make_session
from ddpm.models.autoguidance import exported_config, guide_is_bundled
from ddpm.models.base import DiffusionModel, DistilledModel, as_diffusion
from ddpm.models.onnx_model import ESTIMATE, onnx_inputs
from ddpm.models.spec import ModelSpec

OPSET = 20
_TOLERANCE = 1e-3  # largest difference of onnxruntime from torch, in units of [-1, 1]
_HALF_TOLERANCE = 2e-2  # with weights stored in half precision
_MIN_HALF = 256  # numbers; smaller constants stay in float32


def write_onnx(opened: OpenedModel, request: ExportRequest, path: Path) -> list[Path]:
    """Write PATH.onnx and PATH.json; return both paths. RequestError: not a diffusion model."""
    model = exportable(opened, "onnx")
    if not guide_is_bundled(model.spec.config.sampling):
        leave_out_guide(model, "file")
    file_bytes = onnx_bytes(model, guidance=request.guidance == "in", half=request.half)
    with atomic_file(path) as temporary:
        temporary.write_bytes(file_bytes)
    description = {
        "model": opened.name,
        "onnx": path.name,
        "sha256": hashlib.sha256(file_bytes).hexdigest(),
        **sampling_description(model),
        "inputs": input_names(model, request.guidance == "in"),
        "output": "x0",
    }
    beside = path.with_suffix(".json")
    write_json(beside, description)
    return [path, beside]


def exportable(opened: OpenedModel, to: str) -> DiffusionModel:
    """Return the model of `opened`, for a few-step student the one that jumps. RequestError: a DCGAN."""
    jumps = opened.model.ddpm if isinstance(opened.model, DistilledModel) else opened.model
    model, family = as_diffusion(jumps), opened.model.spec.config.family
    if model is None:
        raise RequestError(
            f"{opened.name} is {family.noun}, so --to {to} cannot write it; pass {family.required_model}, "
            "or use --to safetensors."
        )
    return model


def input_names(model: DiffusionModel, guidance: bool) -> list[str]:
    """Return the inputs of the graph. RequestError: guidance for a model that samples without it."""
    spec = model.spec
    if guidance and (not spec.num_classes or spec.config.family.is_distilled):
        reason = "samples with its teacher's" if spec.num_classes else "learned no labels"
        raise RequestError(
            f"This model {reason}, so there is no guidance to put into the graph. Leave out --guidance in."
        )
    return [*onnx_inputs(spec), *([GUIDANCE] if guidance else [])]


def onnx_bytes(model: DiffusionModel, *, guidance: bool = False, half: bool = False) -> bytes:
    """Return the denoiser as an ONNX file; onnxruntime must agree with torch.

    `guidance`: with classifier-free guidance inside. `half`: weights stored in float16 and computed in
    float32. RequestError if the extra `onnx` is missing, WorkError if the two differ.
    """
    onnx, runtime = _import_onnx(), import_onnxruntime()
    names = input_names(model, guidance)
    graph = DenoiserGraph(model, names).eval()
    file_bytes = _traced(graph, names, _example(model.spec, names, 2))
    proto = onnx.load_model_from_string(file_bytes)
    if half:
        store_in_half(onnx, proto)
    spec = model.spec
    sizes = proto.graph.output[0].type.tensor_type.shape.dim
    for axis, side in enumerate(spec.image_shape, 1):  # tracing names some of them
        sizes[axis].dim_value = side
    onnx.helper.set_model_props(
        proto, {SPEC_PROPERTY: spec.with_config(exported_config(spec.config)).to_json()}
    )
    result: bytes = proto.SerializeToString()
    session = make_session(runtime, result, Path("the exported file"))
    for count in (1, 3):
        _check_parity(session, graph, names, _example(spec, names, count), half)
    return result


def _import_onnx() -> ModuleType:
    try:
        import onnx
        import onnx.helper
    except ImportError as error:
        raise RequestError(f"ddpm export --to onnx needs onnx: {ONNX_EXTRA}.") from error
    module: ModuleType = onnx
    return module


def _traced(graph: DenoiserGraph, names: list[str], example: tuple[Tensor, ...]) -> bytes:
    """Return the graph traced by torch's TorchScript exporter.

    It takes 1 s where the torch.export one takes 17 s, and its files are a tenth smaller.
    """
    buffer = io.BytesIO()
    batched = [name for name in (*names, "x0") if name != GUIDANCE]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # deprecation, and shapes that are the same for every batch
        torch.onnx.export(
            graph,
            example,
            buffer,  # type: ignore[arg-type]  # a file object is accepted
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=["x0"],
            dynamic_axes={name: {0: "N"} for name in batched},
        )
    return buffer.getvalue()


def _example(spec: ModelSpec, names: list[str], count: int) -> tuple[Tensor, ...]:
    """Return inputs for `count` images, int32 times over the whole schedule."""
    generator = torch.Generator().manual_seed(count)
    steps = spec.config.diffusion.num_steps
    values = {
        "x": torch.randn(count, *spec.image_shape, generator=generator),
        "t": torch.linspace(0, steps - 1, count).to(torch.int32),
        "labels": torch.arange(count, dtype=torch.int32) % max(spec.num_classes, 1),
        GUIDANCE: torch.tensor(1.5),
        ESTIMATE: torch.randn(count, *spec.image_shape, generator=generator).clamp(-1, 1),
    }
    return tuple(values[name] for name in names)


def store_in_half(onnx: ModuleType, proto: Any) -> None:
    """Store the large float32 constants of a graph in float16, each followed by a Cast to float32."""
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    casts = []
    for index, tensor in enumerate(proto.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if tensor.data_type != single or values.size < _MIN_HALF:
            continue
        if not np.abs(values).max() < np.finfo(np.float16).max:
            continue
        name = tensor.name
        stored = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
        assert stored.data_type == half
        proto.graph.initializer[index].CopyFrom(stored)
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=single))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _check_parity(
    session: Any, graph: DenoiserGraph, names: list[str], example: tuple[Tensor, ...], half: bool
) -> None:
    """Raise WorkError unless onnxruntime computes what torch computes."""
    with torch.no_grad():
        expected = graph(*example).numpy()
    inputs = {name: value.numpy() for name, value in zip(names, example, strict=True)}
    found = session.run(None, inputs)[0]
    scale = max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(found - expected).max()) / scale
    if not difference < (_HALF_TOLERANCE if half else _TOLERANCE):
        raise WorkError(
            f"onnxruntime and torch differ by {difference:.1g} on this network, so nothing was written; try "
            "another version of torch or onnxruntime."
        )
