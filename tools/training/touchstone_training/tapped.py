"""A frozen network, read at every stage: what it was taught about objects gets a linear layer and nothing else."""

import torch
from torch import nn

from .networks import Lite


class Tapped(nn.Module):
    """N x 3 x H x W, (v - 127) / 128 -> N logits: one linear layer over means and deviations of all stages.

    The body never learns: few sources against millions of weights end in knowledge of the sources. Deviations over the
    picture say how a texture varies, means which textures there are; neither says where.
    """

    def __init__(self, pretrained: bool = True):
        super().__init__()
        body = Lite(pretrained)
        self.stem, self.blocks, self.head, self._skips = body.stem, body.blocks, body.head, body.skips
        channels = [self.stem[0].out_channels]
        for block, skips in zip(self.blocks, self._skips):
            channels = channels if skips else [*channels, block[-1][0].out_channels]
        self.width = 2 * sum(channels) + Lite.FEATURES
        self.fc = nn.Linear(self.width, 1)
        self.requires_grad_(False)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """N x `width`: mean and deviation of each stage's last answer, then the mean of the head's."""
        x = self.stem(x)
        taps = []
        for block, skips in zip(self.blocks, self._skips):
            if not skips:
                taps.append(_mean_and_deviation(x))
            x = x + block(x) if skips else block(x)
        taps += [_mean_and_deviation(x), self.head(x).mean((2, 3))]
        return torch.cat(taps, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.features(x)).squeeze(1)


def _mean_and_deviation(x: torch.Tensor) -> torch.Tensor:
    mean = x.mean((2, 3), keepdim=True)
    variance = (x - mean).square().mean((2, 3))
    return torch.cat([mean.flatten(1), (variance + 1e-6).sqrt()], 1)
