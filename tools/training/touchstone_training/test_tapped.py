import unittest

import torch

from .tapped import Tapped


class TappedNetwork(unittest.TestCase):
    def test_the_logit_is_linear_in_the_features(self):
        torch.manual_seed(1)
        net = Tapped(pretrained=False).eval()
        pixels = torch.randn(2, 3, 64, 64)
        features = net.features(pixels)
        self.assertEqual(features.shape, (2, net.width))
        torch.testing.assert_close(net(pixels), (features @ net.fc.weight.T + net.fc.bias).squeeze(1))

    def test_nothing_of_it_learns_by_descent(self):
        self.assertFalse(any(p.requires_grad for p in Tapped(pretrained=False).parameters()))


if __name__ == "__main__":
    unittest.main()
