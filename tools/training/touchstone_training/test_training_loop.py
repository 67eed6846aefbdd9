import os
import tempfile
import unittest

import numpy as np
import torch
from torch import nn

from .training_loop import fit, rate_share

CONFIG = {
    "seed": 3,
    "device": "cpu",
    "threads": 1,
    "workers": 0,
    "weight_decay": 0.02,
    "label_smoothing": 0.02,
    "average_decay": 0.9,
    "warm_up_steps": 2,
    "decay_share": 0.35,
    "log_steps": 5,
    "evaluate_steps": 100,
    "checkpoint_seconds": 1000,
    "pairs": 40,
    "batch_pairs": 4,
    "learning_rate": 0.01,
    "rank_weight": 0.5,
}


def make_net() -> nn.Module:
    torch.manual_seed(0)
    head = nn.Dropout(0.2), nn.Linear(144, 1), nn.Flatten(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6(), nn.Flatten(), *head)


def make_pair(i: int):
    real, fake = np.random.default_rng(i).integers(0, 255, (2, 8, 8, 3), np.uint8)
    fake[..., 0] = fake[..., 0] // 2 + 128
    return real, fake, i % 2 == 0


class Fit(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = lambda name: os.path.join(folder.name, name)
        self.lines: list[str] = []

    def fit(self, name: str, **others) -> dict[str, torch.Tensor]:
        return fit(make_net(), make_pair, CONFIG, self.path(name), log=self.lines.append, **others).state_dict()

    def test_a_training_that_was_stopped_ends_as_one_that_was_not(self):
        whole = self.fit("whole.pt")
        self.fit("stopped.pt", stop_at=4)
        resumed = self.fit("stopped.pt")
        self.assertIn("continues at step 4 of 10", self.lines)
        for name, values in whole.items():
            self.assertTrue(torch.equal(values, resumed[name]), name)

    def test_a_training_that_is_done_is_not_trained_further(self):
        first = self.fit("done.pt")
        again = self.fit("done.pt")
        for name, values in first.items():
            self.assertTrue(torch.equal(values, again[name]), name)

    def test_fakes_come_to_score_above_reals(self):
        net = fit(make_net(), make_pair, {**CONFIG, "pairs": 400}, self.path("long.pt"), log=self.lines.append)
        pixels = torch.from_numpy(np.stack([np.stack(make_pair(i)[:2]) for i in range(1000, 1050)]))
        logits = net((pixels.flatten(0, 1).permute(0, 3, 1, 2).float() - 127) / 128).view(-1, 2)
        self.assertGreater((logits[:, 1] > logits[:, 0]).float().mean().item(), 0.9)


class Rate(unittest.TestCase):
    def test_warms_up_holds_and_goes_down(self):
        shares = [rate_share(step, 100, CONFIG) for step in (0, 1, 50, 82, 99)]
        self.assertEqual(shares[:3], [0.5, 1.0, 1.0])
        self.assertTrue(1 > shares[3] > shares[4] > 0)


if __name__ == "__main__":
    unittest.main()
