"""Tables of a model card, in the project's format of Markdown, from what `npm run evaluate --json` wrote."""

Report = dict
NONE = "–"
MIN_REAL_FOR_GROUPS = 50
"""Groups that are drawn from fewer real faces than this say nothing."""


def table(header: list[str], rows: list[list[str]]) -> str:
    """Aligned columns."""
    widths = [max(3, *(len(row[column]) for row in [header, *rows])) for column in range(len(header))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"

    return "\n".join([line(header), line(["-" * width for width in widths]), *(line(row) for row in rows)])


def share(value: float | None, digits: int = 3) -> str:
    """.893, without the zero; 1.000 stays."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def area(figures: dict) -> str:
    """The area under the curve with its interval."""
    if figures["auc"] is None or figures["auc_interval"] is None:
        return NONE
    low, high = figures["auc_interval"]
    return f"{share(figures['auc'])} ({share(low)} to {share(high)})"


def name_of(report: Report) -> str:
    dataset = report["dataset"]
    name = dataset["name"].removesuffix("/manifest.csv")
    return name if dataset["split"] is None else f"{name}, {dataset['split']}"


def summary_table(reports: list[Report], slot: str) -> str:
    rows = []
    for report in reports:
        own = report["detectors"][slot]
        counts = f"{own['n_real']} / {own['n_fake']}"
        errors = [share(own[key]) for key in ("fpr_at_half", "fnr_at_half", "ece")]
        rows.append([name_of(report), counts, str(own["not_applicable"]), area(own), *errors])
    header = ["set", "real / fake", "not scored", "AUC", "real called fake", "fake called real", "calibration error"]
    return table(header, rows)


def point_table(reports: list[Report], slot: str) -> str:
    rows = [
        [name_of(report), point, *(share(figures[key]) for key in ("fpr", "found", "fnr", "inconclusive"))]
        for report in reports
        for point, figures in report["detectors"][slot]["operating_points"].items()
    ]
    header = ["set", "operating point", "real called fake", "fake called fake", "fake called real", "inconclusive"]
    return table(header, rows)


def source_table(reports: list[Report], slot: str) -> str:
    rows = []
    for report in reports:
        for source, voices in report["by_source"].items():
            own = voices[slot]
            if own["n"] == 0:
                continue
            against = "its own" if own["auc_against"] == "own" else "all of the set"
            errors = [share(own["fpr_at_half"]), share(own["fnr_at_half"])]
            rows.append([name_of(report), source, f"{own['n_real']} / {own['n_fake']}", area(own), against, *errors])
    header = ["set", "source", "real / fake", "AUC", "against", "real called fake", "fake called real"]
    return table(header, rows)


def robustness_table(reports: list[Report], slot: str) -> str:
    rows = []
    for report in reports:
        for variant, voices in report["robustness"].items():
            own = voices[slot]
            rows.append([name_of(report), variant.replace("_", " "), str(own["n"]), area(own), share(own["auc_drop"])])
    return table(["set", "condition", "n", "AUC", "drop"], rows)


def group_table(reports: list[Report], slot: str) -> str:
    rows = [
        [name_of(report), faces, point, share(alarms)]
        for report in reports
        if report["detectors"][slot]["n_real"] >= MIN_REAL_FOR_GROUPS
        for faces, points in (report["group_false_alarms"] or {}).items()
        for point, alarms in points.items()
    ]
    return table(["set", "real faces in the picture", "operating point", "called manipulated"], rows)


def figures(reports: list[Report], slot: str) -> str:
    """All tables, each under what it shows; those without rows are left out."""
    parts = [
        (
            "Area under the ROC curve with 95 % bootstrap intervals (whole groups are drawn); errors at P = .5.",
            summary_table(reports, slot),
        ),
        ("At the operating points:", point_table(reports, slot)),
        (
            "By source. A source of one label is set against the other label of its whole set.",
            source_table(reports, slot),
        ),
        ("On their way through the web, the same pictures again:", robustness_table(reports, slot)),
    ]
    if slot == "sbi":
        parts.append(
            ("False alarms at simulated pictures of several real people, through the fusion:", group_table(reports, slot))
        )
    return "\n\n".join(f"{text}\n\n{rows}" for text, rows in parts if rows.count("\n") > 1)
