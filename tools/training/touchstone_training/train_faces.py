"""sbi-lite: real faces against swaps, generated faces and blends of real faces.

usage: python -m touchstone_training.train_faces CONFIG OUT_DIR [SECTION]
"""

import os
import sys

import torch

from .config import read_config
from .data import Pictures, default_data_folder
from .face_pairs import FaceFiles, FacePairs, held_out_faces, validation_files
from .framing import find_all
from .judge_faces import Judge, net_scorer
from .networks import Lite, load_graph_weights
from .training_loop import fit


def say(line) -> None:
    print(line, flush=True)


def train_faces(config: dict, data: str, out: str, log=say, stop_at: int | None = None):
    """Trains, or goes on, with `OUT/faces.pt`; gives the network and the judge of it."""
    os.makedirs(out, exist_ok=True)
    pictures, groups = Pictures(data), config.get("groups")
    files, held_out = FaceFiles(data, groups), held_out_faces(data, groups)
    pictures.load(files.all())
    log(f"{files.drop_near_copies(pictures, validation_files(data, groups))} files dropped as near copies of val")
    geometry = config["geometry"]
    looked_at = files.all() + [item.file for item in held_out]
    faces = find_all(pictures, looked_at, f"{out}/faces.npz", geometry["threshold"], log)
    log(f"{files.drop_without_face(faces, geometry)} whole pictures without a face are not used")
    judge = Judge(pictures, held_out, faces, geometry, config["size"])
    torch.manual_seed(config["seed"])
    net = Lite()
    if config["start"] != "imagenet":
        load_graph_weights(net, config["start"])
    net.freeze(config["frozen_blocks"])
    pairs = FacePairs(pictures, files, faces, config)
    net = fit(net, pairs, config, f"{out}/faces.pt", lambda net: judge.glance(net_scorer(net)), log, stop_at)
    log(judge.glance(net_scorer(net)))
    return net, judge


def main(config_path: str, out: str, section: str = "faces") -> None:
    train_faces(read_config(config_path, section), default_data_folder(), out)


if __name__ == "__main__":
    main(*sys.argv[1:4])
