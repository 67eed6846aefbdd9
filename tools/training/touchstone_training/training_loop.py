"""The loop all trainings share: AdamW, weight average, checkpoints that can be resumed.

Item i is a function of the seed and i, and what a step draws is a function of the seed and the step: on one machine a
resumed training ends with the same weights as one that was never stopped.
"""

import copy
import ctypes
import os
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from .networks import planes


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of `mallopt`, in malloc.h."""


class Numbered(Dataset):
    """Pairs `start` to `stop`: uint8 2 x S x S x 3, real first, and whether both show the same content."""

    def __init__(self, make, start: int, stop: int):
        self._make, self._start, self._stop = make, start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, i: int) -> tuple[torch.Tensor, float]:
        real, fake, shares_content = self._make(self._start + i)
        pixels = np.stack([np.asarray(real, np.uint8), np.asarray(fake, np.uint8)])
        return torch.from_numpy(pixels), float(shares_content)


def rate_share(step: int, steps: int, config: dict) -> float:
    """Share of the learning rate: a warm-up, then constant, then straight down. Resuming may make a run longer."""
    decay = max(1, round(steps * config["decay_share"]))
    return min(1.0, (step + 1) / config["warm_up_steps"], max(0.01, (steps - step) / decay))


class Average:
    """Moving average of the weights: it is what gets judged and exported."""

    def __init__(self, net: nn.Module, decay: float):
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        decay = min(self._decay, (1 + step) / (10 + step))
        for mean, value in zip(self.net.parameters(), net.parameters()):
            mean.lerp_(value, 1 - decay)


class Training:
    """A network, the average of its weights, its optimiser and the number of steps done: what a checkpoint holds."""

    def __init__(self, net: nn.Module, config: dict):
        self.config, self.done = config, 0
        self.steps = config["pairs"] // config["batch_pairs"]
        wants_gpu = config["device"] != "cpu" and torch.cuda.is_available()
        self._device = "cuda" if wants_gpu else "cpu"
        self._net = net.to(self._device, memory_format=torch.channels_last).train()
        self._learning = [p for p in net.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in self._learning if p.ndim > 1], "weight_decay": config["weight_decay"]},
            {"params": [p for p in self._learning if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=config["learning_rate"])
        self.average = Average(self._net, config["average_decay"])

    def save(self, path: str) -> None:
        stored = {
            "net": self._net.state_dict(),
            "average": self.average.net.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self.done,
            "config": self.config,
        }
        torch.save(stored, path + ".partial")
        os.replace(path + ".partial", path)

    def load(self, path: str) -> None:
        stored = torch.load(path, map_location=self._device)
        self._net.load_state_dict(stored["net"])
        self.average.net.load_state_dict(stored["average"])
        self._optimiser.load_state_dict(stored["optimiser"])
        self.done = stored["step"]

    def batches(self, make_pair, stop: int) -> DataLoader:
        batch = self.config["batch_pairs"]
        items = Numbered(make_pair, self.done * batch, stop * batch)
        return DataLoader(items, batch, num_workers=self.config["workers"])

    def step(self, pixels: torch.Tensor, shares: torch.Tensor) -> np.ndarray:
        """One step on B pairs (uint8 B x 2 x S x S x 3); gives loss, share of right answers, share ranked rightly."""
        torch.manual_seed(self.config["seed"] * 1_000_003 + self.done)
        rate = self.config["learning_rate"] * rate_share(self.done, self.steps, self.config)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        logits = self._net(planes(pixels.flatten(0, 1).to(self._device))).view(-1, 2)
        loss = self._loss(logits, shares.to(self._device, torch.float32))
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._learning, 2.0)
        self._optimiser.step()
        self.done += 1
        self.average.update(self._net, self.done)
        real, fake = logits.detach().unbind(1)
        right = ((real <= 0).float().mean() + (fake > 0).float().mean()) / 2
        return np.array([loss.item(), right.item(), (fake > real).float().mean().item()])

    def _loss(self, logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        """Real and fake by themselves, and in the right order where a pair shares its content."""
        smooth = self.config["label_smoothing"]
        labels = torch.tensor([0.0, 1.0], device=logits.device).expand_as(logits)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels * (1 - 2 * smooth) + smooth)
        margin = nn.functional.softplus(1 - (logits[:, 1] - logits[:, 0]))
        return loss + self.config["rank_weight"] * (margin * shares).sum() / shares.sum().clamp(min=1)


def keep_freed_memory() -> None:
    """glibc gives what is freed back to the system, and then pays for every page again: a fifth of a step's time."""
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    set_option(M_MMAP_MAX, 0)
    set_option(M_TRIM_THRESHOLD, 2**31 - 1)


class Recent:
    """Means over the last fifty steps or so, and the speed since the start."""

    def __init__(self):
        self._mean, self._count, self._started = np.zeros(3), 0, time.monotonic()

    def add(self, values: np.ndarray) -> None:
        self._count += 1
        self._mean += 0.02 * (values - self._mean)

    def line(self, pictures_per_step: int) -> str:
        loss, right, ranked = self._mean / (1 - 0.98**self._count)
        speed = self._count * pictures_per_step / (time.monotonic() - self._started)
        return f"loss {loss:.4f} accuracy {right:.3f} ranked {ranked:.3f} {speed:.1f} pictures/s"


def fit(
    net: nn.Module, make_pair, config: dict, checkpoint: str, evaluate=None, log=print, stop_at: int | None = None
) -> nn.Module:
    """Trains `net` on `config["pairs"]` numbered pairs, or up to step `stop_at`; gives the average of its weights.

    Continues from `checkpoint` where there is one. `make_pair(i)` gives a real picture, its fake, and whether both
    show the same content: such a pair must also be ranked rightly, which a threshold alone does not ask for.
    """
    torch.set_num_threads(config["threads"])
    keep_freed_memory()
    training = Training(net, config)
    if os.path.exists(checkpoint):
        training.load(checkpoint)
        log(f"continues at step {training.done} of {training.steps}")
    stop = training.steps if stop_at is None else min(stop_at, training.steps)
    recent, saved = Recent(), time.monotonic()
    if training.done < stop:
        for pixels, shares in training.batches(make_pair, stop):
            recent.add(training.step(pixels, shares))
            if training.done % config["log_steps"] == 0:
                log(f"step {training.done}/{training.steps} {recent.line(2 * config['batch_pairs'])}")
            if time.monotonic() - saved > config["checkpoint_seconds"]:
                training.save(checkpoint)
                saved = time.monotonic()
            if evaluate and training.done % config["evaluate_steps"] == 0:
                log(f"step {training.done}: {evaluate(training.average.net)}")
    training.save(checkpoint)
    return training.average.net.cpu()
