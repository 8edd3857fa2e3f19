"""ONNX files of others, and damaged ones, are refused in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from ddpm.commands.export.onnx_file import onnx_bytes
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.loading.onnx_files import SPEC_PROPERTY
from ddpm.models.ddpm import Ddpm
from ddpm.models.onnx_model import OnnxModel

MakeDdpm = Callable[..., Ddpm]


def test_a_file_opens_as_a_model(small_ddpm: MakeDdpm, workplace: Path) -> None:
    model = small_ddpm(awake=True)
    (workplace / "m.onnx").write_bytes(onnx_bytes(model))
    opened = open_model("m.onnx", "cpu")
    assert isinstance(opened.model, OnnxModel) and opened.name == "m"
    assert opened.model.spec.image_shape == (1, 8, 8)


def test_other_files_are_refused(small_ddpm: MakeDdpm, workplace: Path) -> None:
    path = workplace / "m.onnx"
    path.write_bytes(b"no protobuf at all")
    with pytest.raises(RequestError, match="not a readable ONNX file"):
        open_model("m.onnx", "cpu")
    proto = onnx.load_model_from_string(onnx_bytes(small_ddpm()))
    other = small_ddpm(channels=3).spec.to_json()
    onnx.helper.set_model_props(proto, {SPEC_PROPERTY: other})
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(RequestError, match="do not fit its description"):
        open_model("m.onnx", "cpu")
    del proto.metadata_props[:]
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(RequestError, match="was not written by ddpm export"):
        open_model("m.onnx", "cpu")
    path.write_bytes(onnx_bytes(small_ddpm(classes=2), guidance=True))
    with pytest.raises(RequestError, match="without --guidance in"):
        open_model("m.onnx", "cpu")


@pytest.mark.parametrize("place", ["secret.bin", "../secret.bin", "/etc/passwd"])
@pytest.mark.parametrize("inside", [False, True])
def test_weights_in_other_files_are_not_read(
    place: str, inside: bool, small_ddpm: MakeDdpm, workplace: Path
) -> None:
    """Also in the tensor of a node, where a checker of initializers does not look."""
    (workplace / "secret.bin").write_bytes(bytes(64))
    proto = onnx.load_model_from_string(onnx_bytes(small_ddpm()))
    node = next(node for node in proto.graph.node if node.op_type == "Constant")
    tensor = node.attribute[0].t if inside else proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place
    (workplace / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(RequestError, match="takes weights from other files") as error:
        open_model("m.onnx", "cpu")
    assert "\n" not in str(error.value)


def test_a_tensor_larger_than_its_file_is_refused(small_ddpm: MakeDdpm, workplace: Path) -> None:
    proto = onnx.load_model_from_string(onnx_bytes(small_ddpm()))
    proto.graph.initializer[0].dims[:] = [2**40]
    (workplace / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(RequestError, match="not a readable ONNX file"):
        open_model("m.onnx", "cpu")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, workplace: Path) -> None:
    (workplace / "m.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RequestError, match=r"pip install 'ddpm-studio\[onnx\]'"):
        open_model("m.onnx", "cpu")
