import unittest

from .figures import auc, auc_interval


class Auc(unittest.TestCase):
    def test_is_one_when_every_fake_scores_above_every_real(self):
        self.assertEqual(auc([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.9]), 1)

    def test_counts_a_tie_as_half(self):
        self.assertEqual(auc([0, 1], [0.5, 0.5]), 0.5)
        self.assertEqual(auc([0, 1, 1], [0.5, 0.5, 0.9]), 0.75)

    def test_is_the_share_of_pairs_ranked_rightly(self):
        self.assertAlmostEqual(auc([1, 0, 1, 0, 0], [0.8, 0.7, 0.4, 0.3, 0.5]), 4 / 6)


class Interval(unittest.TestCase):
    def test_holds_the_area_and_is_wider_when_whole_groups_are_drawn(self):
        labels = [i % 2 for i in range(200)]
        scores = [(i * 7 % 100) / 100 + 0.2 * (i % 2) for i in range(200)]
        area = auc(labels, scores)
        low, high = auc_interval(labels, scores)
        wide_low, wide_high = auc_interval(labels, scores, groups=[i // 20 for i in range(200)])
        self.assertTrue(low < area < high)
        self.assertTrue(wide_low < area < wide_high)
        self.assertEqual(auc_interval(labels, scores), (low, high))


if __name__ == "__main__":
    unittest.main()
