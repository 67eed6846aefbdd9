"""How well a whole-image detector does on pictures, and on sources, that no training saw.

usage: python -m touchstone_training.judge_images CONFIG OUT_DIR [--section images] [--json FILE]
after train_images with the same OUT_DIR: sources are left out by fitting again on the features that are kept there.
"""

import argparse

import numpy as np

from .config import read_config
from .data import Pictures, default_data_folder
from .degradations import CONDITIONS, condition
from .figures import auc, auc_interval
from .image_views import crop
from .judge_faces import net_scorer
from .logistic import Linear
from .parity import write_json
from .tapped import Tapped
from .train_images import Learnt, fit_rows, train_images

STRANGERS: dict[str, tuple[set[str], set[str]]] = {
    "SD 1 / BSDS": ({"stable-diffusion-1"}, {"photo"}),
    "GPT-4o / ImageNet": ({"gpt4o-or-gemini-image"}, {"photo-web"}),
    "SD styles / enlarged": ({"stable-diffusion-styles"}, {"photo-resized-up"}),
    "Midjourney 2022 / cameras": ({"midjourney-dalle2-2022"}, {"photo-camera"}),
    "Flux, SDXL / Unsplash people": ({"flux1-dev", "flux1-pro", "flux1-schnell", "sdxl"}, {"photo-unsplash-people"}),
    "SD 2.1 / Sony": ({"stable-diffusion-2.1"}, {"photo-sony"}),
    "Seedream 5 / Unsplash": ({"seedream-5"}, {"photo-unsplash"}),
    "quiz / quiz": ({"quiz-2025"}, {"quiz-photo"}),
    "SD 512 / phones": ({"stable-diffusion-512"}, {"photo-clothes", "photo-grocery"}),
}
"""Fakes and photos that are left out together, so that both sides are strangers."""

FPR = 0.01


def leave_out(learnt: Learnt, config: dict) -> dict[str, dict]:
    """AUC between fakes and photos of which the training saw neither source."""
    figures = {}
    for name, (fakes, photos) in STRANGERS.items():
        out = np.isin(learnt.families, list(fakes | photos))
        figures[name] = _figure(learnt, out, fit_rows(learnt, ~out, config)(learnt.features[out, 0]))
    return figures


def without_collection(learnt: Learnt, folder: str, config: dict) -> dict:
    """Trained without a whole collection and tested on it; its photos above the threshold of 1 % of the others' val."""
    own = np.array([item.file.startswith(f"{folder}/") for item in learnt.items])
    layer = fit_rows(learnt, ~own & learnt.is_train, config)
    scores = layer(learnt.features[own, 0])
    figure = _figure(learnt, own, scores)
    threshold = _threshold(learnt, ~own, layer)
    figure["share_of_photos_called_fake"] = float((scores[learnt.labels[own] == 0] > threshold).mean())
    return figure


def _val(learnt: Learnt) -> np.ndarray:
    whole = np.array([not item.file.startswith("faces/") for item in learnt.items])
    return ~learnt.is_train & whole


def _threshold(learnt: Learnt, rows: np.ndarray, layer: Linear) -> float:
    """Logit that a share `FPR` of the validation photos among `rows` passes."""
    return float(np.quantile(layer(learnt.features[_val(learnt) & rows & (learnt.labels == 0), 0]), 1 - FPR))


def _figure(learnt: Learnt, rows: np.ndarray, scores: np.ndarray) -> dict:
    labels, groups = learnt.labels[rows], [item.group for item, own in zip(learnt.items, rows) if own]
    return {"n": int(rows.sum()), "auc": auc(labels, scores), "auc_interval": auc_interval(labels, scores, groups)}


def portraits_called_fake(net: Tapped, learnt: Learnt) -> dict[str, float]:
    """Real portraits of validation above the threshold that 1 % of the validation photos pass."""
    layer = Linear(net.fc.weight.detach().numpy()[0], float(net.fc.bias))
    threshold, figures = _threshold(learnt, np.ones(len(learnt.items), bool), layer), {}
    for folder in ("faces/stylegan", "faces/real-extra", "faces/dfdc"):
        own = np.array([item.file.startswith(f"{folder}/") for item in learnt.items])
        rows = own & ~learnt.is_train & (learnt.labels == 0)
        if rows.any():
            figures[folder] = float((layer(learnt.features[rows, 0]) > threshold).mean())
    return figures


def seen_families(net: Tapped, learnt: Learnt, pictures: Pictures, size: int) -> dict[str, dict]:
    """Validation pictures of `images` under the conditions of the robustness figures."""
    rows = np.array([own and item.file.startswith("images/") for item, own in zip(learnt.items, _val(learnt))])
    items, score, figures = [item for item, own in zip(learnt.items, rows) if own], net_scorer(net), {}
    for name in CONDITIONS:
        shown = [np.asarray(crop(condition(pictures(item.file), name), size, None)) for item in items]
        figures[name] = _figure(learnt, rows, score(np.stack(shown)))
    return figures


def judge(net: Tapped, learnt: Learnt, pictures: Pictures, config: dict) -> dict:
    strangers = leave_out(learnt, config)
    return {
        "seen_families": seen_families(net, learnt, pictures, config["size"]),
        "strangers": strangers,
        "strangers_mean": float(np.mean([figure["auc"] for figure in strangers.values()])),
        "strangers_worst": min(figure["auc"] for figure in strangers.values()),
        "without_images_extra": without_collection(learnt, "images-extra", config),
        "real_portraits_called_fake": portraits_called_fake(net, learnt),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("out")
    parser.add_argument("--section", default="images")
    parser.add_argument("--json")
    options = parser.parse_args()
    config, data = read_config(options.config, options.section), default_data_folder()
    net, learnt = train_images(config, data, options.out)
    figures = judge(net, learnt, Pictures(data), config)
    for part, rows in figures.items():
        for name, row in rows.items() if isinstance(rows, dict) and "auc" not in rows else [("", rows)]:
            print(f"{part:26} {name:28} {_line(row)}")
    if options.json:
        write_json(options.json, figures)


def _line(row) -> str:
    if not isinstance(row, dict):
        return f"{row:.3f}"
    low, high = row["auc_interval"]
    share = row.get("share_of_photos_called_fake")
    called = "" if share is None else f"  photos called fake {share:.3f}"
    return f"n {row['n']:5}  AUC {row['auc']:.3f} ({low:.3f} to {high:.3f}){called}"


if __name__ == "__main__":
    main()
