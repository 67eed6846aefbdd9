import unittest

import numpy as np

from .figures import auc
from .logistic import fit_logistic


def sample(count: int = 400):
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, count)
    features = generator.standard_normal((count, 3)).astype(np.float32)
    features[:, 1] += 1.5 * labels
    return features, labels


class Logistic(unittest.TestCase):
    def test_finds_the_feature_that_tells_the_labels_apart(self):
        features, labels = sample()
        layer = fit_logistic(features, labels, np.ones(len(labels)), 1e-3)
        self.assertEqual(np.abs(layer.weights).argmax(), 1)
        self.assertGreater(auc(labels, layer(features)), 0.8)

    def test_the_unit_of_a_feature_does_not_matter(self):
        features, labels = sample()
        plain = fit_logistic(features, labels, np.ones(len(labels)), 1e-2)(features)
        scaled = fit_logistic(features * 100, labels, np.ones(len(labels)), 1e-2)(features * 100)
        self.assertLess(np.abs(plain - scaled).max(), 0.02)

    def test_a_row_without_a_share_changes_nothing(self):
        features, labels = sample()
        shares = np.r_[np.ones(300), np.zeros(100)]
        turned = np.r_[labels[:300], 1 - labels[300:]]
        one, other = (fit_logistic(features, rows, shares, 1e-2) for rows in (labels, turned))
        self.assertLess(np.abs(one.weights - other.weights).max(), 1e-4)

    def test_a_stronger_ridge_gives_smaller_weights(self):
        features, labels = sample()
        weak, strong = (fit_logistic(features, labels, np.ones(len(labels)), penalty) for penalty in (1e-3, 1.0))
        self.assertLess(np.abs(strong.weights).sum(), np.abs(weak.weights).sum())


if __name__ == "__main__":
    unittest.main()
