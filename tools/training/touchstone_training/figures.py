"""Area under the ROC curve and its interval."""

import numpy as np


def auc(labels, scores) -> float:
    """By ranks; ties get the mean rank."""
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    order = np.argsort(scores, kind="mergesort")
    ordered = scores[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    last = np.r_[first[1:], len(ordered)]
    ranks = np.empty(len(ordered))
    ranks[order] = np.repeat((first + last + 1) / 2, last - first)
    fakes = labels == 1
    n1, n0 = fakes.sum(), (~fakes).sum()
    return float((ranks[fakes].sum() - n1 * (n1 + 1) / 2) / max(n1 * n0, 1))


def auc_interval(labels, scores, groups=None, rounds: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval; whole groups are drawn (an original with both its crops), never single files."""
    generator = np.random.default_rng(seed)
    labels, scores = np.asarray(labels), np.asarray(scores)
    ids = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    members = [np.flatnonzero(ids == g) for g in range(ids.max() + 1)]
    drawn = []
    for _ in range(rounds):
        picked = np.concatenate([members[g] for g in generator.integers(0, len(members), len(members))])
        if 0 < labels[picked].sum() < len(picked):
            drawn.append(auc(labels[picked], scores[picked]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)
