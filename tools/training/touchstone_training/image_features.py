"""What the frozen network says about every view of every picture, computed once and kept."""

import numpy as np
import torch
from torch import nn

from .data import Item, Pictures
from .file_arrays import read_arrays, write_arrays
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
) -> np.ndarray | None:
    """float32 N x views x D, in the order of `items`; None when `stop_at` new pictures were not all that were missing."""
    signature = _signature(config)
    known = read_arrays(cache, signature)
    missing = [item for item in items if item.file not in known][:stop_at]
    for start in range(0, len(missing), BATCH_PICTURES):
        part = missing[start : start + BATCH_PICTURES]
        for item, values in zip(part, _compute(net, pictures, part, config)):
            known[item.file] = values
        done = start + len(part)
        if done % SAVED_EVERY == 0 or done == len(missing):
            write_arrays(cache, signature, known)
            log(f"features: {done} of {len(missing)} pictures")
    if any(item.file not in known for item in items):
        return None
    return np.stack([known[item.file] for item in items]).astype(np.float32)


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
