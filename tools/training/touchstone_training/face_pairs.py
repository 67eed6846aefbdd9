"""The pairs that `sbi-lite` learns from: a real face and a fake one under one draw of crop and degradation."""

from random import Random

import numpy as np
from PIL import Image

from .data import Item, Pictures, difference_hash, near_copies, read_items
from .degradations import degrade, draw_degradation
from .framing import NO_FACE, Faces, cut_square, draw_square, points_of
from .self_blend import cross_blend, self_blend, similarity

CANDIDATES = 12
"""Other people looked at for a blend between two; the one whose points fit best is taken."""

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

    def all(self) -> list[str]:
        return [file for pair in self.swaps for file in pair] + self.portraits + self.generated + self.others

    def drop_near_copies(self, pictures: Pictures, held_out: list[str]) -> int:
        """Leaves out what is a near copy of a `held_out` picture, of a swap both members; how many files."""
        before = len(self.all())
        held = np.stack([difference_hash(pictures(file)) for file in held_out])

        def is_new(files: list[str]) -> list[bool]:
            hashes = [difference_hash(pictures(file)) for file in files]
            return (~near_copies(np.array(hashes, np.uint8).reshape(-1, held.shape[1]), held)).tolist()

        self.swaps = [pair for pair, new in zip(self.swaps, is_new([real for real, _ in self.swaps])) if new]
        for name in ("portraits", "generated", "others"):
            files = getattr(self, name)
            setattr(self, name, [file for file, new in zip(files, is_new(files)) if new])
        return before - len(self.all())


def held_out_faces(data: str, groups: int | None = None) -> list[Item]:
    """What a training is judged by: swaps with their originals, generated portraits with real ones."""
    return read_items(data, "faces/dfdc", "val", groups) + read_items(data, "faces/stylegan", "val", groups)


class FacePairs:
    """Pair i is a function of the seed and i. Its kind is drawn by the weights of `config["mix"]`."""

    def __init__(self, pictures: Pictures, files: FaceFiles, faces: Faces, config: dict):
        self._pictures, self._files, self._faces, self._config = pictures, files, faces, config
        originals = [real for real, _ in files.swaps]
        self._pools = {
            "blend-video": originals,
            "cross-video": originals,
            "blend-portrait": files.portraits,
            "blend-other": files.others,
        }

    def __call__(self, i: int) -> Pair:
        config = self._config
        random = Random(f"{config['seed']}/{i}")
        kind = random.choices(list(config["mix"]), list(config["mix"].values()))[0]
        real, fake, real_face, fake_face = self._draw(kind, random)
        drawn = draw_degradation(Random(f"{config['seed']}/{i}/degradation"), config["degradation"])
        state = random.getstate()
        crops = []
        for picture, face in ((real, real_face), (fake, fake_face)):
            random.setstate(state)
            square = draw_square(face, picture.size, config["geometry"], random)
            crop = degrade(cut_square(picture, *square), drawn, keep_size=False)
            crops.append(crop.resize((config["size"], config["size"]), Image.BILINEAR))
        return crops[0], crops[1], kind != "generated"

    def _draw(self, kind: str, random: Random):
        """Two pictures and the face that each is cut by: both members of a swap or blend share the real one's."""
        if kind == "swap":
            real, fake = random.choice(self._files.swaps)
            return self._pictures(real), self._pictures(fake), self._face(real), self._face(real)
        if kind == "generated":
            real, fake = random.choice(self._files.portraits), random.choice(self._files.generated)
            return self._pictures(real), self._pictures(fake), self._face(real), self._face(fake)
        file = random.choice(self._pools[kind])
        return *self._blend(kind, file, random), self._face(file), self._face(file)

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
