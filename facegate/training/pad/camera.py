"""What a camera does to a scene, the same for faces and for attacks.

Were only the attacks blurred and compressed, a network would learn to tell JPEG from no JPEG.
"""

from __future__ import annotations

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray


def photographed(
    scene: FloatArray, random: np.random.Generator, pattern: FloatArray | None = None
) -> ImageArray:
    """Take a picture: light, color, defocus or motion, noise, 8 bits and JPEG, each at random.

    Args:
        scene: (h, w, 3) float32 BGR, 0 to 255 and somewhat beyond.
        random: decides.
        pattern: (h, w, 3) float32 factors that arise on the sensor, behind the lens and its blur:
            the moiré of a screen's pixels.

    Returns:
        (h, w, 3) uint8.
    """
    image = scene * np.float32(np.exp(random.normal(0, 0.18)))
    if random.random() < 0.5:  # white balance
        image = image * np.exp(random.normal(0, 0.05, 3)).astype(np.float32)
    if random.random() < 0.3:  # contrast and black level
        image = (image - 128) * np.float32(random.uniform(0.7, 1.2)) + np.float32(
            128 + random.normal(0, 12)
        )
    kind = random.random()
    if kind < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.3, 1.6)))
    elif kind < 0.38:
        image = cv2.filter2D(image, -1, _motion(random))
    elif kind < 0.55:  # a far face, or one that another program has made smaller
        image = _coarser(image, float(random.uniform(0.35, 0.9)))
    elif kind < 0.65:  # sharpening, as in most cameras
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        image = image + (image - soft) * np.float32(random.uniform(0.3, 1.2))
    if pattern is not None:
        image = image * pattern
    if random.random() < 0.5:
        noise = random.standard_normal((*image.shape[:2], 3), np.float32)
        if random.random() < 0.5:  # of the light alone, as in strongly filtered pictures
            noise = noise[..., :1]
        image = image + noise * np.float32(random.uniform(0.5, 7))
    picture = np.clip(image, 0, 255).astype(np.uint8)
    if random.random() < 0.6:
        quality = int(random.uniform(35, 97))
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return picture


def _motion(random: np.random.Generator) -> FloatArray:
    length = int(random.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5,) * 2, float(random.uniform(0, 180)), 1)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
    return kernel / max(float(kernel.sum()), 1e-3)


def _coarser(image: FloatArray, factor: float) -> FloatArray:
    height, width = image.shape[:2]
    small = cv2.resize(
        image,
        (max(8, int(width * factor)), max(8, int(height * factor))),
        interpolation=cv2.INTER_AREA,
    )
    return np.asarray(cv2.resize(small, (width, height)), np.float32)
