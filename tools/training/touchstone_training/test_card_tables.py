import unittest

from .card_tables import figures, share, table


def own(auc: float, n_real: int = 3, n_fake: int = 4) -> dict:
    return {
        "n": n_real + n_fake,
        "n_real": n_real,
        "n_fake": n_fake,
        "not_applicable": 2,
        "auc": auc,
        "auc_interval": [auc - 0.1, 1],
        "fpr_at_half": 0,
        "fnr_at_half": 0.25,
        "ece": None,
        "operating_points": {"fpr_1pct": {"fpr": 0, "fnr": 0.5, "found": 0.5, "inconclusive": 0.125}},
    }


REPORT = {
    "dataset": {"name": "dfdc/manifest.csv", "split": "val"},
    "detectors": {"sbi": own(0.9, 60, 60)},
    "by_source": {"one": {"sbi": {**own(0.8), "auc_against": "all"}}},
    "robustness": {"jpeg_q50": {"sbi": {**own(0.85), "auc_drop": 0.05}}},
    "group_false_alarms": {"9": {"fpr_1pct": 0.02}},
}


class Cells(unittest.TestCase):
    def test_a_share_has_no_leading_zero_and_absence_shows(self):
        self.assertEqual([share(0.5), share(1), share(-0.02), share(None)], [".500", "1.000", "-.020", "–"])

    def test_columns_are_aligned(self):
        self.assertEqual(
            table(["a", "long name"], [["1234", "x"]]),
            "| a    | long name |\n| ---- | --------- |\n| 1234 | x         |",
        )


class Figures(unittest.TestCase):
    def test_every_table_is_filled_from_the_report(self):
        text = figures([REPORT], "sbi")
        self.assertIn("| dfdc, val | 60 / 60     | 2          | .900 (.800 to 1.000) | .000", text)
        self.assertIn("| dfdc, val | fpr_1pct        | .000             | .500             | .500", text)
        self.assertIn("| dfdc, val | one    | 3 / 4       | .800 (.700 to 1.000) | all of the set", text)
        self.assertIn("| dfdc, val | jpeg q50  | 7   | .850 (.750 to 1.000) | .050 |", text)
        self.assertIn("| dfdc, val | 9                         | fpr_1pct        | .020", text)

    def test_what_was_not_measured_has_no_table(self):
        text = figures([{**REPORT, "robustness": {}, "group_false_alarms": None}], "sbi")
        self.assertNotIn("condition", text)
        self.assertNotIn("several real people", text)

    def test_sources_and_groups_of_too_few_faces_are_left_out(self):
        empty = {"sbi": {**own(0.8, 0, 0), "auc_against": "all"}}
        text = figures([{**REPORT, "detectors": {"sbi": own(0.9)}, "by_source": {"empty": empty}}], "sbi")
        self.assertNotIn("| empty", text)
        self.assertNotIn("several real people", text)


if __name__ == "__main__":
    unittest.main()
