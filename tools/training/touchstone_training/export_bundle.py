"""Checkpoint -> bundle: graph, golden vectors, sha256, manifest, and PyTorch's answers for the parity test.

usage: python -m touchstone_training.export_bundle CONFIG CHECKPOINT BUNDLE_DIR [--section faces] [--half]
"""

import argparse
import os

import torch
from torch import nn

from .config import read_config
from .data import default_data_folder
from .golden import GOLDEN_INPUTS, golden_pixels
from .graph import sha256_of, write_graph, write_half_graph
from .networks import Lite
from .parity import answer, write_json, write_parity
from .serving import ParityCase, describe, parity_cases
from .tapped import Tapped

TOLERANCE, HALF_TOLERANCE = 0.002, 0.02
"""Of golden vectors. The second is for another kind of arithmetic on another kind of device."""


def export_bundle(net: nn.Module, size: int, described: dict, out: str, cases: list[ParityCase]) -> dict:
    """Writes `model.onnx`, `manifest.json` and `parity.json`; gives the manifest.

    `net` takes float32 N x 3 x size x size, (v - 127) / 128, and gives N logits. `described` holds the fields of the
    manifest that say what the detector is and how its pictures are prepared.
    """
    os.makedirs(out, exist_ok=True)
    write_graph(net, os.path.join(out, "model.onnx"), size)
    manifest = _write_manifest(net, size, described, out, "model.onnx", TOLERANCE)
    write_parity(net, out, manifest, cases)
    return manifest


def export_half_bundle(net: nn.Module, size: int, described: dict, out: str) -> dict:
    """A bundle of its own for GPUs: other weights need another digest, other tolerances and another calibration."""
    os.makedirs(out, exist_ok=True)
    write_half_graph(net, os.path.join(out, "model.fp16.onnx"), size)
    return _write_manifest(net, size, described, out, "model.fp16.onnx", HALF_TOLERANCE)


def _write_manifest(net: nn.Module, size: int, described: dict, out: str, graph: str, tolerance: float) -> dict:
    manifest = {
        "format": 1,
        **described,
        "tensor": {"type": "uint8", "layout": "NHWC", "width": size, "height": size},
        "graphs": [
            {
                "file": graph,
                "sha256": sha256_of(os.path.join(out, graph)),
                "inputs": {"image": "image"},
                "outputs": {"probability": "probability"},
            }
        ],
        "output": {"value": "probability", "decode": "probability"},
        "aggregate": "max",
        "runtime": {"batch_buckets": [1, 2, 4, 8, 16]},
        "golden": [
            {"input": name, "probability": answer(net, golden_pixels(name, size)[0]), "tolerance": tolerance}
            for name in GOLDEN_INPUTS
        ],
    }
    write_json(os.path.join(out, "manifest.json"), manifest)
    return manifest


def read_checkpoint(path: str) -> tuple[nn.Module, dict]:
    """The network to serve, and the configuration of the training."""
    stored = torch.load(path, map_location="cpu")
    network = Tapped if stored["config"].get("network") == "tapped" else Lite
    net = network(pretrained=False)
    net.load_state_dict(stored["average"])
    return net.eval(), stored["config"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("checkpoint")
    parser.add_argument("bundle")
    parser.add_argument("--section", default="faces")
    parser.add_argument("--half", action="store_true", help="also BUNDLE_DIR/fp16, a bundle in float16 for GPUs")
    options = parser.parse_args()
    net, trained = read_checkpoint(options.checkpoint)
    config = {**read_config(options.config, options.section), "size": trained["size"]}
    cases = parity_cases(config, default_data_folder(), f"{options.checkpoint}.faces.npz")
    manifest = export_bundle(net, config["size"], describe(config), options.bundle, cases)
    print(f"{options.bundle}: {manifest['id']} {manifest['version']}, {len(cases)} parity cases", flush=True)
    if options.half:
        export_half_bundle(net, config["size"], describe(config), os.path.join(options.bundle, "fp16"))


if __name__ == "__main__":
    main()
