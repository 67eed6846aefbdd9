"""distildire-lite: photos against pictures that are generated as a whole.

usage: python -m touchstone_training.train_images CONFIG OUT_DIR [SECTION]
"""

import os
import sys
from dataclasses import dataclass

import numpy as np
import torch

from .config import read_config
from .data import Item, Pictures, default_data_folder
from .image_features import features_of
from .image_views import collection_of, image_items
from .logistic import Linear, fit_logistic
from .tapped import Tapped
from .train_faces import say


@dataclass(frozen=True)
class Learnt:
    """Rows of all pictures, validation too: N items, and features float32 N x views x D. View 0 is the served one."""

    items: list[Item]
    features: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        return np.array([item.label for item in self.items])

    @property
    def families(self) -> np.ndarray:
        return np.array([item.family for item in self.items])

    @property
    def is_train(self) -> np.ndarray:
        return np.array([item.split == "train" for item in self.items])


def fit_rows(learnt: Learnt, rows: np.ndarray, config: dict) -> Linear:
    """`rows` is a mask; every view of a picture is a row of the regression."""
    features = learnt.features[rows]
    views = features.shape[1]
    shares = row_shares([item for item, own in zip(learnt.items, rows) if own], config)
    labels = np.repeat(learnt.labels[rows], views)
    return fit_logistic(features.reshape(len(labels), -1), labels, np.repeat(shares, views), config["penalty"])


def row_shares(items: list[Item], config: dict) -> np.ndarray:
    """Both labels weigh the same; within one a family weighs by a power of its size, portraits by a factor besides."""
    shares, families = np.zeros(len(items)), np.array([item.family for item in items])
    labels = np.array([item.label for item in items])
    for family in set(families.tolist()):
        shares[families == family] = (families == family).sum() ** (config["balance"] - 1)
    for label in (0, 1):
        shares[labels == label] /= shares[labels == label].sum()
    return shares * np.array([config["portraits"].get(collection_of(item), 1.0) for item in items])


def with_layer(net: Tapped, layer: Linear) -> Tapped:
    with torch.no_grad():
        net.fc.weight.copy_(torch.from_numpy(layer.weights)[None])
        net.fc.bias.fill_(layer.bias)
    return net.eval()


def train_images(config: dict, data: str, out: str, log=say, stop_at: int | None = None):
    """Reads features, or goes on with `OUT/features.npz`, then fits; gives the network and all rows.

    `stop_at` pictures more, and None is given where that does not suffice.
    """
    os.makedirs(out, exist_ok=True)
    torch.set_num_threads(config["threads"])
    torch.manual_seed(config["seed"])
    pictures, items = Pictures(data), image_items(data, config["most_portraits"], config.get("groups"))
    net = Tapped().eval()
    features = features_of(net, pictures, items, config, f"{out}/features.npz", log, stop_at)
    if features is None:
        return None, None
    learnt = Learnt(items, features)
    with_layer(net, fit_rows(learnt, learnt.is_train, config))
    stored = {"average": net.state_dict(), "config": config, "pictures": int(learnt.is_train.sum())}
    torch.save(stored, f"{out}/images.pt")
    log(f"fitted on {stored['pictures']} pictures")
    return net, learnt


def main(config_path: str, out: str, section: str = "images") -> None:
    train_images(read_config(config_path, section), default_data_folder(), out)


if __name__ == "__main__":
    main(*sys.argv[1:4])
