"""CARD.md of a bundle: a template by hand, and what can be measured or counted.

usage: python -m touchstone_training.write_card TEMPLATE BUNDLE_DIR [--checkpoint FILE] [--report JSON ...] [--time]

Templates hold the lines `{{identity}}`, `{{training}}` and `{{figures}}`; reports are written by
`npm run evaluate -- ... --json FILE`. `--time` states the time of a picture: on a machine that does nothing else.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version

import numpy as np
import onnx
import torch

from .card_tables import figures, table
from .golden import golden_pixels
from .graph import HALF_ABOVE, open_graph, run_graph

TIMED_RUNS = 60
SLOTS = {"face-forgery": "sbi", "whole-image": "distildire"}


def identity(bundle: str, manifest: dict, is_timed: bool) -> str:
    path = os.path.join(bundle, manifest["graphs"][0]["file"])
    model = onnx.load(path)
    count = sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer)
    size = manifest["tensor"]["width"]
    half = any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in model.graph.initializer)
    file, sha256 = f"`{os.path.basename(path)}`, {os.path.getsize(path):,} bytes", manifest["graphs"][0]["sha256"]
    kept = f"tensors with more than {HALF_ABOVE:,} values as float16, cast to float32 in the graph"
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime", "pillow"))
    rows = {
        "slot": f"`{SLOTS[manifest['scope']]}`, scope `{manifest['scope']}`",
        "parameters": f"{count:,}, one output",
        "file": f"{file}, ONNX opset {_opset(model)}, sha256 `{sha256}`",
        "weights": kept if half else "float32",
        "input": f"`image`: uint8 [N, {size}, {size}, 3], RGB rows; (v - 127) / 128 happens inside the graph",
        "output": "`probability`: float32 [N], P(fake) under the training mix of one fake to one real",
        "preparation": "; ".join(_in_words(step) for step in manifest["preparation"]),
        "made with": f"Python {platform.python_version()}, {versions}",
    }
    if is_timed:
        rows["speed"] = _speed(path, size)
    return table(["", ""], [[name, value] for name, value in rows.items()])


def _opset(model: onnx.ModelProto) -> int:
    return next(entry.version for entry in model.opset_import if entry.domain == "")


def _speed(path: str, size: int) -> str:
    session, pixels, times = open_graph(path), golden_pixels("mixed", size), []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        run_graph(session, pixels)
        times.append((time.perf_counter() - started) * 1000)
    median, slow = np.percentile(times, [50, 90])
    return f"{median:.1f} ms median, {slow:.1f} ms p90 (one picture, one CPU thread, {TIMED_RUNS} runs)"


def _in_words(step: dict) -> str:
    match step["op"]:
        case "crop-face":
            faces = f"the {step['max_faces']} largest faces by {step['face_detector']}"
            sure = f"of at least {step['threshold']} and {step['min_side_px']} px"
            square = f"the square of {step['scale']} x the box's longer side"
            return f"{faces} {sure}; of each {square}, moved up by {step['shift_up']} of its own side"
        case "resize":
            return f"`{step['algorithm']}` to {step['width']} x {step['height']}"
        case "centre-crop":
            small = f"smaller pictures are enlarged first (`{step['enlarge']}`)"
            return f"centre crop of {step['size']} px at native resolution; {small}"
    return f"`{step['op']}` of {step['size']} px"


def training(path: str) -> str:
    """What the checkpoint says about how it was trained."""
    stored = torch.load(path, map_location="cpu")
    config = stored["config"]
    rows = {
        **(_fitted(stored, config) if config.get("network") == "tapped" else _descended(stored, config)),
        "seed": str(config["seed"]),
    }
    return table(["", ""], [[name, value] for name, value in rows.items()])


def _descended(stored: dict, config: dict) -> dict[str, str]:
    pairs = stored["step"] * config["batch_pairs"]
    start = "ImageNet weights" if config["start"] == "imagenet" else f"`{_short(config['start'])}`"
    frozen = f", stem and first {config['frozen_blocks']} blocks frozen" if config["frozen_blocks"] else ""
    share = config.get("start_share", 0)
    exported = {"exported weights": f"{1 - share:g} of what was trained, {share:g} of the start"} if share else {}
    return {
        "start": start + frozen,
        "pairs seen": f"{pairs:,} (real and fake each) of {config['pairs']:,} planned, {config['size']} px",
        "mix of pairs": ", ".join(f"{kind} {weight:g}" for kind, weight in config["mix"].items()),
        "optimiser": f"AdamW, learning rate {config['learning_rate']:g}, weight decay {config['weight_decay']:g}, "
        f"{config['batch_pairs']} pairs a step, average of the weights ({config['average_decay']:g})",
        **exported,
    }


def _fitted(stored: dict, config: dict) -> dict[str, str]:
    portraits = ", ".join(f"{name} {share:g}" for name, share in config["portraits"].items())
    return {
        "body": "ImageNet weights, frozen",
        "fitted on": f"{stored['pictures']:,} pictures, {config['views']} views each, {config['size']} px",
        "weights of rows": "both labels alike; a family by its size to the power of "
        f"{config['balance']:g}; portraits: {portraits}",
        "regression": f"logistic on standardised features, ridge {config['penalty']:g}",
    }


def _short(path: str) -> str:
    """The last two names of a path: no folder of the machine that trained."""
    return "/".join(path.split("/")[-2:])


def render(template: str, bundle: str, checkpoint: str | None, reports: list[dict], is_timed: bool = False) -> str:
    with open(os.path.join(bundle, "manifest.json")) as file:
        manifest = json.load(file)
    parts = {
        "id": manifest["id"],
        "version": manifest["version"],
        "identity": identity(bundle, manifest, is_timed),
        "training": training(checkpoint) if checkpoint else "",
        "figures": figures(reports, SLOTS[manifest["scope"]]) if reports else "Not measured yet.",
    }
    for name, text in parts.items():
        template = template.replace("{{" + name + "}}", text)
    if "{{" in template:
        raise ValueError(f"the template asks for {template.split('{{')[1].split('}}')[0]}, which nothing here gives")
    return template


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("template")
    parser.add_argument("bundle")
    parser.add_argument("--checkpoint")
    parser.add_argument("--report", nargs="*", default=[])
    parser.add_argument("--time", action="store_true")
    options = parser.parse_args()
    reports = []
    for path in options.report:
        with open(path) as file:
            reports.append(json.load(file))
    with open(options.template) as file:
        card = render(file.read(), options.bundle, options.checkpoint, reports, options.time)
    with open(os.path.join(options.bundle, "CARD.md"), "w") as file:
        file.write(card)


if __name__ == "__main__":
    main()
