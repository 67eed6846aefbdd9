"""What the frozen network says about every view of every picture, computed once and kept."""

import os

import numpy as np
import torch
from torch import nn

from .data import Item, Pictures
from .image_views import show
from .networks import planes

BATCH_PICTURES = 16
SAVED_EVERY = 256


def features_of(
    net: nn.Module,
    pictures: Pictures,
    items: list[Item],
    config: dict,
    cache: str,
    log=print,
    stop_at: int | None = None,
) -> np.ndarray:
    """float32 N x views x D, in the order of `items`; at most `stop_at` pictures more than `cache` holds."""
    known = _read(cache, config)
    missing = [item for item in items if item.file not in known][:stop_at]
    for start in range(0, len(missing), BATCH_PICTURES):
        part = missing[start : start + BATCH_PICTURES]
        for item, values in zip(part, _compute(net, pictures, part, config)):
            known[item.file] = values
        done = start + len(part)
        if done % SAVED_EVERY == 0 or done == len(missing):
            _write(cache, config, known)
            log(f"features: {done} of {len(missing)} pictures")
    have = [known[item.file] for item in items if item.file in known]
    return np.stack(have).astype(np.float32) if len(have) == len(items) else np.empty(0, np.float32)


@torch.no_grad()
def _compute(net: nn.Module, pictures: Pictures, items: list[Item], config: dict) -> np.ndarray:
    device = next(net.parameters()).device
    views = range(config["views"])
    shown = [np.asarray(show(pictures(item.file), item.file, view, config)) for item in items for view in views]
    pixels = torch.from_numpy(np.stack(shown)).to(device)
    values = net.features(planes(pixels).contiguous(memory_format=torch.channels_last))
    return values.cpu().numpy().astype(np.float16).reshape(len(items), config["views"], -1)


def _signature(config: dict) -> str:
    """What the features depend on, besides the pictures."""
    return str([config[key] for key in ("network", "size", "views", "degradation", "seed")])


def _read(path: str, config: dict) -> dict[str, np.ndarray]:
    if not os.path.exists(path):
        return {}
    with np.load(path) as stored:
        if str(stored["signature"]) != _signature(config):
            return {}
        return dict(zip(stored["files"].tolist(), stored["features"]))


def _write(path: str, config: dict, known: dict[str, np.ndarray]) -> None:
    partial, features = path + ".partial.npz", np.stack(list(known.values()))
    np.savez(partial, signature=_signature(config), files=np.array(list(known)), features=features)
    os.replace(partial, path)
