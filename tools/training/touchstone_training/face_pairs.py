"""The pairs that `sbi-lite` learns from: a real face and a fake one under one draw of crop and degradation."""

from random import Random

import numpy as np
from PIL import Image

from .data import FACES, WHOLE_IMAGES, Item, Pictures, difference_hash, near_copies, read_items
from .degradations import degrade, draw_degradation
from .framing import NO_FACE, Faces, cut_square, draw_part, draw_square, is_scored, points_of
from .mixing import mix
from .self_blend import cross_blend, self_blend, similarity

CANDIDATES = 12
"""Other people looked at for a blend between two; the one whose points fit best is taken."""

SINGLES = ("portraits", "generated", "others", "photos", "syntheses")
"""Attributes of `FaceFiles` that list files without a partner."""

WHOLLY_GENERATED = ("generated", "synthesis")
"""Kinds whose fake is generated in every pixel, so that any part of it is a fake, and shares no content with the real."""

Shown = list[tuple[Image.Image, np.ndarray]]
"""One picture and the face it is cut by, or two that are mixed."""

Pair = tuple[Image.Image, Image.Image, bool]
"""Real, fake, and whether both show the same content."""


class FaceFiles:
    """Training files by what they are used for. `groups`: only so many of each collection, to try things out."""

    def __init__(self, data: str, groups: int | None = None):
        swaps: dict[str, list] = {}
        for item in read_items(data, "faces/dfdc", "train", groups):
            swaps.setdefault(item.group, [None, None])[item.label] = item.file
        portraits = read_items(data, "faces/stylegan", "train", groups)
        self.swaps = [tuple(pair) for pair in sorted(swaps.values()) if None not in pair]
        self.portraits = [item.file for item in portraits if item.label == 0]
        self.generated = [item.file for item in portraits if item.label == 1]
        self.others = [item.file for item in read_items(data, "faces/real-extra", "train", groups)]
        whole = [item for folder in WHOLE_IMAGES for item in read_items(data, folder, "train", groups)]
        self.photos = [item.file for item in whole if item.label == 0]
        self.syntheses = [item.file for item in whole if item.label == 1]

    def all(self) -> list[str]:
        return [file for pair in self.swaps for file in pair] + [
            file for name in SINGLES for file in getattr(self, name)
        ]

    def drop_near_copies(self, pictures: Pictures, held_out: list[str]) -> int:
        """Leaves out what is a near copy of a `held_out` picture, of a swap both members; how many files."""
        before = len(self.all())
        held = np.stack([difference_hash(pictures(file)) for file in held_out])

        def is_new(files: list[str]) -> list[bool]:
            hashes = [difference_hash(pictures(file)) for file in files]
            return (~near_copies(np.array(hashes, np.uint8).reshape(-1, held.shape[1]), held)).tolist()

        self.swaps = [pair for pair, new in zip(self.swaps, is_new([real for real, _ in self.swaps])) if new]
        for name in SINGLES:
            files = getattr(self, name)
            setattr(self, name, [file for file, new in zip(files, is_new(files)) if new])
        return before - len(self.all())

    def drop_without_face(self, faces: Faces, geometry: dict) -> int:
        """Leaves out the pictures of whole-image collections that show no face the worker would score; how many."""
        before = len(self.photos) + len(self.syntheses)
        self.photos = [file for file in self.photos if is_scored(faces[file], geometry)]
        self.syntheses = [file for file in self.syntheses if is_scored(faces[file], geometry)]
        return before - len(self.photos) - len(self.syntheses)


def validation_files(data: str, groups: int | None = None) -> list[str]:
    """Of every collection that the training uses: no training picture may be a near copy of one."""
    return [item.file for folder in (*FACES, *WHOLE_IMAGES) for item in read_items(data, folder, "val", groups)]


def held_out_faces(data: str, groups: int | None = None) -> list[Item]:
    """What a training is judged by: swaps with their originals, generated portraits with real ones."""
    return read_items(data, "faces/dfdc", "val", groups) + read_items(data, "faces/stylegan", "val", groups)


class FacePairs:
    """Pair i is a function of the seed and i. Its kind is drawn by the weights of `config["mix"]`.

    Kinds without files, because a collection is absent or small, are left out.
    """

    def __init__(self, pictures: Pictures, files: FaceFiles, faces: Faces, config: dict):
        self._pictures, self._files, self._faces, self._config = pictures, files, faces, config
        originals = [real for real, _ in files.swaps]
        self._pools = {
            "swap": files.swaps,
            "generated": files.generated,
            "synthesis": files.syntheses,
            "blend-video": originals,
            "cross-video": originals,
            "blend-portrait": files.portraits,
            "blend-other": files.others,
            "blend-photo": files.photos,
        }
        # Of the same collections, so that nothing in how a picture was stored tells its label.
        self._partners = {"generated": files.portraits, "synthesis": files.photos}
        self._mix = {kind: weight for kind, weight in config["mix"].items() if self._has_files(kind)}

    def _has_files(self, kind: str) -> bool:
        return bool(self._pools[kind]) and (kind not in WHOLLY_GENERATED or bool(self._partners[kind]))

    def __call__(self, i: int) -> Pair:
        config = self._config
        random = Random(f"{config['seed']}/{i}")
        kind = random.choices(list(self._mix), list(self._mix.values()))[0]
        real, fake = self._draw(kind, random)
        drawn = draw_degradation(Random(f"{config['seed']}/{i}/degradation"), config["degradation"])
        state = random.getstate()
        crops = []
        for shown in (real, fake):
            random.setstate(state)
            crop = degrade(self._show(kind, shown, random), drawn, keep_size=False)
            crops.append(crop.resize((config["size"], config["size"]), Image.BILINEAR))
        return crops[0], crops[1], kind not in WHOLLY_GENERATED

    def _draw(self, kind: str, random: Random) -> tuple[Shown, Shown]:
        """What the real and the fake member show. Of a swap or blend both are cut by the real one's face."""
        if kind in WHOLLY_GENERATED:
            count = 2 if random.random() < self._config["two_faces"] else 1
            return tuple(
                [(self._pictures(file), self._face(file)) for file in (random.choice(pool) for _ in range(count))]
                for pool in (self._partners[kind], self._pools[kind])
            )
        file = random.choice(self._pools[kind])
        if kind == "swap":
            real, fake = (self._pictures(member) for member in file)
            face = self._face(file[0])
        else:
            real, fake = self._blend(kind, file, random)
            face = self._face(file)
        return [(real, face)], [(fake, face)]

    def _show(self, kind: str, shown: Shown, random: Random) -> Image.Image:
        crops = [self._cut(kind, picture, face, random) for picture, face in shown]
        return crops[0] if len(crops) == 1 else mix(*crops, random)

    def _cut(self, kind: str, picture: Image.Image, face: np.ndarray, random: Random) -> Image.Image:
        square = draw_square(face, picture.size, self._config["geometry"], random)
        if kind in WHOLLY_GENERATED and random.random() < self._config["parts"]["share"]:
            square = draw_part(square, self._config["parts"]["min_scale"], random)
        return cut_square(picture, *square)

    def _blend(self, kind: str, file: str, random: Random) -> tuple[Image.Image, Image.Image]:
        picture = self._pictures(file)
        points = points_of(self._face(file), picture.size)
        if not kind.startswith("cross-"):
            return self_blend(picture, points, random)
        others = [random.choice(self._pools[kind]) for _ in range(CANDIDATES)]
        fits = [similarity(points_of(self._face(other), picture.size), points)[1] for other in others]
        other = others[int(np.argmin(fits))]
        other_picture = self._pictures(other)
        other_points = points_of(self._face(other), other_picture.size)
        return cross_blend(picture, points, other_picture, other_points, random)

    def _face(self, file: str) -> np.ndarray:
        return self._faces.get(file, NO_FACE)
