"""A trained network on the straight line to the weights it started from: often better than either end (WiSE-FT).

usage: python -m touchstone_training.mix_weights CHECKPOINT START_GRAPH START_SHARE OUT_CHECKPOINT

Published as arXiv 2109.01903. Most of what a training has learnt anew is kept, most of what it forgot comes back.
"""

import sys

import torch

from .networks import Lite, load_graph_weights


@torch.no_grad()
def mix_weights(net: Lite, start: Lite, start_share: float) -> Lite:
    """Moves `net`: `start_share` 0 leaves it as it is, 1 gives `start`."""
    for trained, started in zip(net.parameters(), start.parameters(), strict=True):
        trained.lerp_(started, start_share)
    return net


def main(checkpoint: str, start_graph: str, start_share: str, out: str) -> None:
    share = float(start_share)
    stored = torch.load(checkpoint, map_location="cpu")
    net = Lite(pretrained=False)
    net.load_state_dict(stored["average"])
    mix_weights(net, load_graph_weights(Lite(pretrained=False), start_graph), share)
    config = {**stored["config"], "start_share": share}
    torch.save({**stored, "average": net.state_dict(), "config": config}, out)


if __name__ == "__main__":
    main(*sys.argv[1:5])
