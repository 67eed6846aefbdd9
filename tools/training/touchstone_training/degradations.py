"""What happens to pictures on their way: one draw for both members of a pair, so it cannot know the label."""

import io
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

KERNELS = (Image.BILINEAR, Image.BICUBIC, Image.LANCZOS)


def jpeg(picture: Image.Image, quality: int, subsampling: int = 2) -> Image.Image:
    """Encodes and decodes; `subsampling` 2 is 4:2:0 and 0 is 4:4:4."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(buffer).convert("RGB")


def webp(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=0)
    return Image.open(buffer).convert("RGB")


def rescale(picture: Image.Image, factor: float, kernel) -> Image.Image:
    width, height = picture.size
    return picture.resize((max(16, round(width * factor)), max(16, round(height * factor))), kernel)


@dataclass(frozen=True)
class Degradation:
    """None and 0 mean that a step is left out. `scale` is factor, kernel and kernel of the way back."""

    flip: bool
    scale: tuple | None
    brightness: float
    contrast: float
    colour: float
    blur: float
    noise: float
    jpegs: tuple
    webp: int
    noise_seed: int


def draw_degradation(random: Random, strength: float) -> Degradation:
    """`strength` multiplies how often each step happens; 0 gives plain pictures (and flips)."""

    def maybe(share, low, high, otherwise):
        happens, value = random.random() < share * strength, random.uniform(low, high)
        return value if happens else otherwise

    flip = random.random() < 0.5
    factor, there, back = maybe(0.4, 0.4, 1.1, 0.0), random.choice(KERNELS), random.choice(KERNELS)
    first = maybe(0.6, 40, 97, 0)
    second = maybe(0.15, 60, 95, 0)
    subsampling = random.choice((0, 2, 2, 2))
    return Degradation(
        flip=flip,
        scale=(factor, there, back) if factor else None,
        brightness=maybe(0.35, 0.75, 1.25, 1.0),
        contrast=maybe(0.3, 0.8, 1.25, 1.0),
        colour=maybe(0.3, 0.5, 1.4, 1.0),
        blur=maybe(0.15, 0.2, 1.2, 0.0),
        noise=maybe(0.15, 1, 5, 0.0),
        jpegs=tuple((int(q), subsampling) for q in (first, second) if q),
        webp=0 if first else int(maybe(0.2, 45, 95, 0)),
        noise_seed=random.getrandbits(32),
    )


def degrade(picture: Image.Image, drawn: Degradation, keep_size: bool = True) -> Image.Image:
    """`keep_size`: a picture that was shrunk is brought back, else it stays small (its caller resizes it anyway)."""
    size = picture.size
    if drawn.flip:
        picture = picture.transpose(Image.FLIP_LEFT_RIGHT)
    if drawn.scale:
        picture = rescale(picture, drawn.scale[0], drawn.scale[1])
    for enhance, factor in (
        (ImageEnhance.Brightness, drawn.brightness),
        (ImageEnhance.Contrast, drawn.contrast),
        (ImageEnhance.Color, drawn.colour),
    ):
        if factor != 1:
            picture = enhance(picture).enhance(factor)
    if drawn.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(drawn.blur))
    if drawn.noise:
        values = np.asarray(picture, np.float32)
        noise = np.random.default_rng(drawn.noise_seed).standard_normal(values.shape, dtype=np.float32)
        picture = Image.fromarray((values + noise * drawn.noise).clip(0, 255).astype(np.uint8))
    for quality, subsampling in drawn.jpegs:
        picture = jpeg(picture, quality, subsampling)
    if drawn.webp:
        picture = webp(picture, drawn.webp)
    return picture.resize(size, drawn.scale[2]) if keep_size and picture.size != size else picture


CONDITIONS = ("stored", "q50", "half")


def condition(picture: Image.Image, name: str) -> Image.Image:
    """The conditions of the robustness figures: as stored, JPEG quality 50 (4:2:0), half size and back (bilinear)."""
    if name == "q50":
        return jpeg(picture, 50)
    if name == "half":
        return rescale(picture, 0.5, Image.BILINEAR).resize(picture.size, Image.BILINEAR)
    return picture
