"""Both pipelines from pictures to bundles in a minute or two, with few pictures: that they run, not that they learn.

usage: python -m touchstone_training.smoke CONFIG OUT_DIR
"""

import os
import sys

from .config import read_config
from .data import default_data_folder
from .export_bundle import export_bundle, export_half_bundle
from .judge_faces import format_figures, net_scorer
from .mix_weights import mix_weights
from .networks import Lite, load_graph_weights
from .serving import describe, parity_cases
from .judge_images import portraits_called_fake
from .train_faces import say, train_faces
from .train_images import train_images


def smoke(config_path: str, out: str) -> None:
    """Writes `OUT/faces.pt`, `OUT/images.pt` and a bundle of each; both trainings are stopped half way and go on."""
    data = default_data_folder()
    faces, images = read_config(config_path, "faces-smoke"), read_config(config_path, "images-smoke")
    train_faces(faces, data, out, stop_at=faces["pairs"] // faces["batch_pairs"] // 2)
    net, judge = train_faces(faces, data, out)
    mix_weights(net, load_graph_weights(Lite(pretrained=False), faces["start"]), 0.4)
    say(format_figures(judge.measure(net_scorer(net))))
    _export(net, faces, data, out)
    train_images(images, data, out, stop_at=20)
    net, learnt = train_images(images, data, out)
    say(f"portraits called fake: {portraits_called_fake(net, learnt)}")
    _export(net, images, data, out)


def _export(net, config: dict, data: str, out: str) -> None:
    described, size = describe(config), config["size"]
    bundle = os.path.join(out, described["id"])
    cases = parity_cases(config, data, f"{out}/faces.npz")
    export_bundle(net, size, described, bundle, cases)
    export_half_bundle(net, size, described, os.path.join(bundle, "fp16"))
    say(f"wrote {described['id']} with {len(cases)} parity cases")


if __name__ == "__main__":
    smoke(*sys.argv[1:3])
