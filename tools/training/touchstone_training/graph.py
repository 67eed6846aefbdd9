"""A trained network as an ONNX graph: uint8 N x S x S x 3 in, probability out."""

import copy
import hashlib

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

HALF_ABOVE = 20_000
"""Values of a tensor: smaller ones stay float32. All of them as float16 moved a probability by up to .0073."""

OPSET = 17


class Served(nn.Module):
    """What the graph computes: uint8 N x S x S x 3 -> float32 N; in between the network's own type."""

    def __init__(self, net: nn.Module, dtype: torch.dtype = torch.float32):
        super().__init__()
        self._net = copy.deepcopy(net).cpu().eval().to(dtype)
        self._dtype = dtype

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        planes = (image.permute(0, 3, 1, 2).to(self._dtype) - 127) * (1 / 128)
        return self._net(planes).float().sigmoid()


def write_graph(net: nn.Module, path: str, size: int) -> None:
    """Large weights are float16 and computed with in float32: a CPU loses nothing and the file is half as large."""
    model = _trace(Served(net), path, size)
    _halve_large_weights(model.graph)
    _save(model, path)


def write_half_graph(net: nn.Module, path: str, size: int) -> None:
    """Everything between the picture and the last sigmoid in float16, for a GPU."""
    _save(_trace(Served(net, torch.float16), path, size), path)


def _trace(served: Served, path: str, size: int) -> onnx.ModelProto:
    """By tracing: the newer exporter needs one more package and writes weights beside the graph."""
    torch.onnx.export(
        served,
        (torch.zeros(1, size, size, 3, dtype=torch.uint8),),
        path,
        dynamo=False,
        opset_version=OPSET,
        input_names=["image"],
        output_names=["probability"],
        dynamic_axes={"image": {0: "N"}, "probability": {0: "N"}},
    )
    model = onnx.load(path)
    # The exporter notes where in which source file a node was made.
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    return model


def _halve_large_weights(graph: onnx.GraphProto) -> None:
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= HALF_ABOVE:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _save(model: onnx.ModelProto, path: str) -> None:
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def open_graph(path: str) -> ort.InferenceSession:
    """On one CPU thread, as the figures of the cards say."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run_graph(session: ort.InferenceSession, pixels: np.ndarray) -> np.ndarray:
    return session.run(["probability"], {"image": pixels})[0]


def sha256_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
