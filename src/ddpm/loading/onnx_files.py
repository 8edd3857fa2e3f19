"""ONNX files written by `ddpm export --to onnx`, opened for sampling by onnxruntime (extra `onnx`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.onnx_model import onnx_inputs
from ddpm.models.registry import make_onnx_model
from ddpm.models.sizes import memory_size
from ddpm.models.spec import ModelSpec

SPEC_PROPERTY = "ddpm"  # metadata of the file that holds the specification of the model
ONNX_EXTRA = "pip install 'ddpm-studio[onnx]'"


def import_onnxruntime() -> ModuleType:
    """Return the module onnxruntime. RequestError if it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise RequestError(
            f"ONNX files need onnxruntime, which is not installed: {ONNX_EXTRA}."
        ) from error
    module: ModuleType = onnxruntime
    return module


def open_onnx(path: Path) -> GenerativeModel:
    """Return the model of an ONNX file. RequestError if `ddpm export` did not write it."""
    runtime = import_onnxruntime()
    if path.stat().st_size > memory_size():
        raise RequestError(f"{path} does not fit into memory.")
    file_bytes = path.read_bytes()
    if _names_other_files(file_bytes):
        raise RequestError(
            f"{path} takes weights from other files, which ddpm export never writes and which are not read."
        )
    session = make_session(runtime, file_bytes, path)
    text = session.get_modelmeta().custom_metadata_map.get(SPEC_PROPERTY)
    if text is None:
        raise RequestError(
            f"{path} was not written by ddpm export, so its inputs are unknown. Pass a file of "
            "ddpm export RUN --to onnx."
        )
    spec = ModelSpec.from_json(text)
    if "guidance" in {entry.name for entry in session.get_inputs()}:
        raise RequestError(
            f"{path} holds the guidance inside the graph, for other programs. Export the run again "
            "without --guidance in."
        )
    check_interface(session, spec, path)

    def evaluate(inputs: Mapping[str, Any]) -> Any:
        return session.run(None, dict(inputs))[0]

    return make_onnx_model(spec, evaluate, file_bytes)


def _names_other_files(file_bytes: bytes) -> bool:
    """Return whether a tensor of an ONNX file is stored in another file, anywhere on this machine.

    Without the package onnx this is left to onnxruntime, which refuses paths outside the current folder.
    """
    try:
        import onnx

        parts = _messages(onnx.load_model_from_string(file_bytes))
        external = onnx.TensorProto.EXTERNAL
        return any(getattr(part, "data_location", None) == external for part in parts)
    except Exception:  # not installed, or damaged: onnxruntime says so next
        return False


def _elements(value: Any) -> Sequence[Any]:
    """Return the elements of a repeated field that can hold messages; () of any other."""
    return () if isinstance(value, str | bytes | int | float) or not len(value) else value


def _messages(message: Any) -> Iterator[Any]:
    """Yield a protobuf message and all messages inside it."""
    yield message
    for _, value in message.ListFields():
        for part in [value] if hasattr(value, "ListFields") else _elements(value):
            if hasattr(part, "ListFields"):
                yield from _messages(part)


def make_session(runtime: ModuleType, file_bytes: bytes, path: Path) -> Any:
    """Return an onnxruntime session on the CPU, with torch's number of threads.

    RequestError: the file is damaged.
    """
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # errors are raised; no lines of its own
    try:
        return runtime.InferenceSession(file_bytes, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, which have no common base
        reason = str(error).splitlines()[0][:200]
        raise RequestError(f"{path} is not a readable ONNX file ({reason}).") from error


def check_interface(session: Any, spec: ModelSpec, path: Path) -> None:
    """Raise RequestError unless the inputs and the output fit the specification in the file."""
    expected = onnx_inputs(spec)
    inputs = {entry.name: list(entry.shape[1:]) for entry in session.get_inputs()}
    outputs = [list(entry.shape[1:]) for entry in session.get_outputs()]
    if inputs != expected or outputs != [expected["x"]]:
        raise RequestError(
            f"{path} is damaged: its inputs do not fit its description. Export it again."
        )
