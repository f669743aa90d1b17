"""torch → ONNX graphs that hold no weights.

Each graph refers to byte ranges of the checkpoint's ``model.safetensors``, which ONNX allows for
external data: one copy of the weights, in half precision, serves torch and ONNX Runtime alike, and
nothing has to be exported on a user's machine. The graphs widen the weights to float32 when they
are loaded; the word table stays in half precision and only the rows looked up are widened.
"""

from __future__ import annotations

import json
import logging
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unisearch.encoders.manifest import IMAGE_GRAPH, TEXT_GRAPH, WEIGHTS
from unisearch.errors import CheckpointError, MissingExtra
from unisearch.model.unimo import UnimoModel

_SMALL = 64
"""Constants of fewer elements stay inside the graph."""

_COMPUTED = 4_096
"""So do those of at most as many that are no weights: boxes of the grid, indices of its pooling."""


class _TextSide(nn.Module):
    def __init__(self, model: UnimoModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model.embed_texts(input_ids, attention_mask)


class _ImageSide(nn.Module):
    def __init__(self, model: UnimoModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        return self.model.embed_images(pixels)


def export_graphs(model: UnimoModel, folder: Path) -> None:
    """Writes ``text.onnx`` and ``image.onnx`` beside a saved ``model.safetensors``.

    Args:
        model: In evaluation mode, holding exactly the values of the saved file.
        folder: The checkpoint folder.

    Raises:
        MissingExtra: Without onnx and onnxscript.
        CheckpointError: If a weight of a graph is not in the saved file.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtra("exporting a checkpoint to ONNX", "train") from error

    batch = torch.export.Dim("batch", min=1, max=65_536)
    length = torch.export.Dim("length", min=2, max=model.config.max_text_tokens)
    ids = torch.full((2, 9), model.config.cls_token_id)
    side = model.config.visual_image_size_px
    pixels = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    exports: tuple[tuple[str, nn.Module, dict[str, Tensor], Any], ...] = (
        (
            TEXT_GRAPH,
            _TextSide(model),
            {"input_ids": ids, "attention_mask": torch.ones_like(ids)},
            ({0: batch, 1: length}, {0: batch, 1: length}),
        ),
        (IMAGE_GRAPH, _ImageSide(model), {"pixels": pixels}, ({0: batch},)),
    )
    stored = _stored_tensors(folder / WEIGHTS)
    for file, side_module, inputs, dynamic_shapes in exports:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            program = torch.onnx.export(
                side_module.eval(),
                tuple(inputs.values()),
                dynamo=True,
                dynamic_shapes=dynamic_shapes,
                input_names=list(inputs),
                output_names=["embeddings"],
                optimize=True,
                verbose=False,
            )
        assert program is not None
        graph = program.model_proto
        _strip_provenance(graph)
        _refer_to_weights(graph, stored, onnx)
        onnx.save(graph, str(folder / file))


@dataclass(frozen=True, slots=True)
class _Stored:
    """Where a tensor lies in the safetensors file, and its values."""

    dtype: str
    offset: int
    values: np.ndarray[Any, Any]


def _stored_tensors(path: Path) -> dict[str, _Stored]:
    """Reads the header of a safetensors file: 8 bytes of length, then JSON, then raw data."""
    raw = path.read_bytes()
    (header_length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + header_length])
    types = {"F16": np.float16, "F32": np.float32, "I64": np.int64}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        offset = 8 + header_length + start
        values = np.frombuffer(
            raw,
            types[entry["dtype"]],
            offset=offset,
            count=-1 if end == start else (end - start) // np.dtype(types[entry["dtype"]]).itemsize,
        )
        tensors[name] = _Stored(entry["dtype"], offset, values.reshape(entry["shape"]))
    return tensors


def _strip_provenance(model: Any) -> None:
    """Drops stack traces and node names of the exporter: they carry paths and cost space."""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    del model.graph.value_info[:]
    del model.functions[:]


def _refer_to_weights(model: Any, stored: dict[str, _Stored], onnx: Any) -> None:
    """Replaces every large constant of a graph by a reference into the safetensors file."""
    by_shape: dict[tuple[int, ...], list[str]] = {}
    for name, entry in stored.items():
        by_shape.setdefault(tuple(sorted(entry.values.shape)), []).append(name)
    onnx_types = {
        "F16": onnx.TensorProto.FLOAT16,
        "F32": onnx.TensorProto.FLOAT,
        "I64": onnx.TensorProto.INT64,
    }
    graph = model.graph
    referred: dict[str, str] = {}  # stored name → name in the graph
    new_nodes = []
    kept = []
    for constant in list(graph.initializer):
        values = onnx.numpy_helper.to_array(constant)
        if values.size < _SMALL:
            kept.append(constant)
            continue
        found = _find(values, stored, by_shape)
        if found is None and values.size <= _COMPUTED and not _is_weight(constant.name, stored):
            kept.append(constant)
            continue
        if found is None:
            raise CheckpointError(
                f"the graph's constant {constant.name} {values.shape} is not in {WEIGHTS}"
            )
        name, transposed = found
        entry = stored[name]
        if name not in referred:
            referred[name] = f"weights/{name}"
            tensor = onnx.TensorProto(name=referred[name], data_type=onnx_types[entry.dtype])
            tensor.dims.extend(entry.values.shape)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (
                ("location", WEIGHTS),
                ("offset", entry.offset),
                ("length", entry.values.nbytes),
            ):
                tensor.external_data.add(key=key, value=str(value))
            kept.append(tensor)
        source = referred[name]
        if transposed:
            new_nodes.append(
                onnx.helper.make_node("Transpose", [source], [f"{constant.name}/T"], perm=[1, 0])
            )
            source = f"{constant.name}/T"
        if entry.dtype != "F16":
            _rename_input(graph, constant.name, source)
        elif not transposed and _widen_after_gather(graph, constant.name, source, onnx):
            pass
        else:
            widened = onnx.helper.make_node(
                "Cast", [source], [constant.name], to=onnx.TensorProto.FLOAT
            )
            new_nodes.append(widened)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = [*new_nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _is_weight(name: str, stored: dict[str, _Stored]) -> bool:
    return name.removeprefix("model.") in stored


def _find(
    values: np.ndarray[Any, Any],
    stored: dict[str, _Stored],
    by_shape: dict[tuple[int, ...], list[str]],
) -> tuple[str, bool] | None:
    """The stored tensor with these values, and whether it is their transpose."""
    for name in by_shape.get(tuple(sorted(values.shape)), []):
        candidate = stored[name].values
        if candidate.shape == values.shape and np.array_equal(candidate, values):
            return name, False
        if (
            candidate.ndim == 2
            and candidate.T.shape == values.shape
            and np.array_equal(candidate.T, values)
        ):
            return name, True
    return None


def _rename_input(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name == old:
                node.input[i] = new


def _widen_after_gather(graph: Any, constant: str, source: str, onnx: Any) -> bool:
    """Widens the rows a Gather takes instead of the table it takes them from."""
    users = [node for node in graph.node if constant in node.input]
    if not users or any(node.op_type != "Gather" or node.input[0] != constant for node in users):
        return False
    for node in users:
        node.input[0] = source
        output = node.output[0]
        node.output[0] = f"{output}/half"
        widened = onnx.helper.make_node(
            "Cast", [f"{output}/half"], [output], to=onnx.TensorProto.FLOAT
        )
        position = list(graph.node).index(node)
        graph.node.insert(position + 1, widened)
    return True
