"""What PyTorch answers for real pictures, so that the code that serves can be held to it: `parity.json` of a bundle.

usage: python -m touchstone_training.parity CONFIG BUNDLE_DIR [--section faces]
for a bundle whose graph this project exported from one `Lite`; exports write the file themselves.
"""

import argparse
import json
import os
import re

import numpy as np
import torch
from torch import nn

from .config import read_config
from .data import default_data_folder
from .graph import Served, open_graph, run_graph
from .networks import Lite, load_graph_weights
from .serving import ParityCase, describe, parity_cases

MAX_DIFFERENCE = 1e-3


@torch.no_grad()
def answer(net: nn.Module, pixels: np.ndarray) -> float:
    """P(fake) of one picture, uint8 S x S x 3, as PyTorch computes it."""
    return float(Served(net)(torch.tensor(pixels[None]))[0])


def write_parity(net: nn.Module, bundle: str, manifest: dict, cases: list[ParityCase]) -> None:
    """Fails where already onnxruntime in Python differs."""
    graph = manifest["graphs"][0]
    session = open_graph(os.path.join(bundle, graph["file"]))
    answers = []
    for file, pixels in cases:
        probability = answer(net, pixels)
        difference = abs(float(run_graph(session, pixels[None])[0]) - probability)
        if difference > MAX_DIFFERENCE:
            raise ArithmeticError(f"{file}: the graph differs from PyTorch by {difference:.5f}")
        answers.append({"file": file, "probability": probability})
    parity = {"format": 1, "weights_sha256": graph["sha256"], "cases": answers}
    write_json(os.path.join(bundle, "parity.json"), parity)


def write_json(path: str, value) -> None:
    """In the form that the project's formatter leaves alone."""

    def on_one_line(match: re.Match) -> str:
        return "[" + " ".join(match[1].split()) + "]"

    text = re.sub(r"\[([^\[\]{}]+)\]", on_one_line, json.dumps(value, indent=2))
    with open(path, "w") as file:
        file.write(f"{text}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("bundle")
    parser.add_argument("--section", default="faces")
    options = parser.parse_args()
    with open(os.path.join(options.bundle, "manifest.json")) as file:
        manifest = json.load(file)
    size = manifest["tensor"]["width"]
    config = {**read_config(options.config, options.section), "size": size}
    if describe(config)["preparation"] != manifest["preparation"]:
        raise ValueError(f"{options.bundle} prepares pictures otherwise than the section {options.section}")
    net = load_graph_weights(Lite(pretrained=False), os.path.join(options.bundle, manifest["graphs"][0]["file"]))
    cases = parity_cases(config, default_data_folder(), "parity-faces.npz")
    write_parity(net, options.bundle, manifest, cases)
    print(f"{options.bundle}: {len(cases)} cases", flush=True)


if __name__ == "__main__":
    main()
