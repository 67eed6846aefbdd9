"""Logistic regression with a ridge: convex, so the answer depends on the data alone."""

from dataclasses import dataclass

import numpy as np
import torch

ITERATIONS = 100


@dataclass(frozen=True)
class Linear:
    """Logit = features . weights + bias, on features as they come."""

    weights: np.ndarray
    bias: float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return features @ self.weights + self.bias


def fit_logistic(features: np.ndarray, labels: np.ndarray, shares: np.ndarray, penalty: float) -> Linear:
    """`features` float32 N x D, standardised inside; `shares` weigh the rows and are made to sum to 1."""
    mean, deviation = features.mean(0), features.std(0) + 1e-4
    x = torch.from_numpy((features - mean) / deviation)
    y, share = torch.from_numpy(labels.astype(np.float32)), torch.from_numpy((shares / shares.sum()).astype(np.float32))
    beta = torch.zeros(x.shape[1] + 1, requires_grad=True)
    optimiser = torch.optim.LBFGS([beta], max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        rows = torch.nn.functional.binary_cross_entropy_with_logits(x @ beta[1:] + beta[0], y, reduction="none")
        value = (share * rows).sum() + penalty * beta[1:].square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    found = beta.detach().numpy().astype(np.float64)
    weights = found[1:] / deviation
    return Linear(weights.astype(np.float32), float(found[0] - (weights * mean).sum()))
