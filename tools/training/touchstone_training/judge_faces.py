"""How well a face detector does on validation pictures that no training saw.

usage: python -m touchstone_training.judge_faces CONFIG CHECKPOINT_OR_BUNDLE [--section faces] [--json FILE]
"""

import argparse
import json
import os
from typing import Callable

import numpy as np
import torch
from torch import nn

from .config import read_config
from .data import Item, Pictures, default_data_folder
from .degradations import CONDITIONS, condition
from .export_bundle import read_checkpoint
from .face_pairs import held_out_faces
from .figures import auc, auc_interval
from .framing import Faces, find_all, is_scored, serving_crop
from .graph import open_graph, run_graph
from .networks import planes
from .parity import write_json

Score = Callable[[np.ndarray], np.ndarray]
"""uint8 N x S x S x 3 -> P(fake) of each."""

BATCH = 32


def net_scorer(net: nn.Module) -> Score:
    device = next(net.parameters()).device

    @torch.no_grad()
    def score(pixels: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(pixels).split(BATCH)
        return torch.cat([net(planes(part.to(device))).sigmoid().cpu() for part in parts]).numpy()

    return score


def open_scorer(path: str) -> tuple[Score, int]:
    """Of a checkpoint or of a bundle's folder; and the side of its pictures."""
    if not os.path.isdir(path):
        net, config = read_checkpoint(path)
        return net_scorer(net), config["size"]
    with open(os.path.join(path, "manifest.json")) as file:
        manifest = json.load(file)
    session = open_graph(os.path.join(path, manifest["graphs"][0]["file"]))

    def score(pixels: np.ndarray) -> np.ndarray:
        return np.concatenate([run_graph(session, pixels[i : i + BATCH]) for i in range(0, len(pixels), BATCH)])

    return score, manifest["tensor"]["width"]


class Judge:
    """The validation faces, framed as the worker frames them."""

    def __init__(self, pictures: Pictures, items: list[Item], faces: Faces, geometry: dict, size: int):
        self._pictures, self.items, self._faces = pictures, items, faces
        self._geometry, self._size = geometry, size
        self._kept: dict[str, np.ndarray] = {}

    def crops(self, name: str) -> np.ndarray:
        """uint8 N x S x S x 3 under a condition of the robustness figures; those as stored are kept."""
        if name in self._kept:
            return self._kept[name]
        files = [item.file for item in self.items]
        changed = [condition(self._pictures(file), name) for file in files]
        pairs = zip(changed, files)
        crops = np.stack([serving_crop(picture, self._faces[f], self._geometry, self._size) for picture, f in pairs])
        if name == "stored":
            self._kept[name] = crops
        return crops

    def glance(self, score: Score) -> dict[str, float]:
        """AUC by collection as stored: what a training prints while it runs."""
        scores = score(self.crops("stored"))
        return {name: round(auc(labels, scores[rows]), 4) for name, rows, labels, _ in self._collections()}

    def measure(self, score: Score) -> dict:
        """By collection and condition: AUC, its interval (whole originals are drawn), share of pairs ranked rightly."""
        figures: dict = {}
        for name in CONDITIONS:
            scores = score(self.crops(name))
            for collection, rows, labels, groups in self._collections():
                own = scores[rows]
                figures.setdefault(collection, {})[name] = {
                    "auc": auc(labels, own),
                    "auc_interval": auc_interval(labels, own, groups),
                    "ranked": _share_ranked(labels, own, groups),
                    "n": len(own),
                }
        for collection in figures.values():
            for name in CONDITIONS[1:]:
                collection[name]["auc_drop"] = collection["stored"]["auc"] - collection[name]["auc"]
        return figures

    def unscored(self) -> dict[str, int]:
        """Pictures in which the worker finds no face to score; they are judged by the box it was least unsure of."""
        return {
            name: sum(not is_scored(self._faces[self.items[row].file], self._geometry) for row in rows)
            for name, rows, _, _ in self._collections()
        }

    def _collections(self):
        folders = np.array([item.file.split("/")[1] for item in self.items])
        for name in sorted(set(folders.tolist())):
            rows = np.flatnonzero(folders == name)
            labels = np.array([self.items[row].label for row in rows])
            if 0 < labels.sum() < len(labels):
                yield name, rows, labels, [self.items[row].group for row in rows]


def _share_ranked(labels: np.ndarray, scores: np.ndarray, groups: list[str]) -> float | None:
    """Share of originals whose fake scores above the real one; None where groups are no pairs."""
    by_group: dict[str, dict[int, float]] = {}
    for label, score, group in zip(labels, scores, groups):
        by_group.setdefault(group, {})[int(label)] = float(score)
    pairs = [pair for pair in by_group.values() if len(pair) == 2]
    return sum(pair[1] > pair[0] for pair in pairs) / len(pairs) if pairs else None


def format_figures(figures: dict) -> str:
    lines = []
    for collection, conditions in figures.items():
        for name, row in conditions.items():
            low, high = row["auc_interval"]
            drop = f"  drop {row['auc_drop']:+.3f}" if "auc_drop" in row else ""
            ranked = "" if row["ranked"] is None else f"  fake above its real {row['ranked']:.3f}"
            area = f"AUC {row['auc']:.3f} ({low:.3f} to {high:.3f})"
            lines.append(f"{collection:9} {name:7} n {row['n']:5}  {area}{drop}{ranked}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("judged", help="a checkpoint, or the folder of a bundle")
    parser.add_argument("--section", default="faces")
    parser.add_argument("--faces", default="held-out-faces.npz", help="where faces that were found are kept")
    parser.add_argument("--json")
    options = parser.parse_args()
    config, data = read_config(options.config, options.section), default_data_folder()
    pictures, items = Pictures(data), held_out_faces(data, config.get("groups"))
    score, size = open_scorer(options.judged)
    faces = find_all(pictures, [item.file for item in items], options.faces, config["geometry"]["threshold"])
    judge = Judge(pictures, items, faces, config["geometry"], size)
    figures = judge.measure(score)
    print(format_figures(figures))
    for collection, count in judge.unscored().items():
        print(f"{collection}: {count} pictures show no face that the worker would score")
    if options.json:
        write_json(options.json, figures)


if __name__ == "__main__":
    main()
