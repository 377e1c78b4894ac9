"""Pictures and the face boxes that people have drawn, as data sets keep them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.errors import InputError
from facegate.vision.images import find_images


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPicture:
    """A picture file with drawn boxes.

    Attributes:
        path: of the picture.
        bboxes_xyxy: (n, 4) float32 pixels of the file.
        ignored: (n,) bool; boxes of which those who drew them were not sure.
        size_wh: of the picture on which they were drawn; None if the set does not tell.
    """

    path: Path
    bboxes_xyxy: FloatArray
    ignored: npt.NDArray[np.bool_]
    size_wh: tuple[int, int] | None = None


def wider_pictures(images: Path, annotations: Path) -> list[DrawnPicture]:
    """WIDER FACE scenes that are in a folder, with the boxes of its .mat file.

    Source:
        Yang et al., WIDER FACE, 2016. Boxes marked invalid there are ignored.

    Raises:
        InputError: the file is not one of WIDER's.
    """
    from scipy.io import loadmat

    try:
        table = loadmat(str(annotations))
        columns = [
            table[name]
            for name in ("event_list", "file_list", "face_bbx_list", "invalid_label_list")
        ]
    except Exception as error:  # scipy's errors of broken files have no common base
        raise InputError(f"{annotations} does not hold WIDER's boxes.") from error
    pictures = []
    for event, files, boxes, invalid in zip(*columns, strict=True):
        for file, drawn, doubted in zip(files[0], boxes[0], invalid[0], strict=True):
            path = images / str(event[0][0]) / f"{file[0][0]}.jpg"
            if path.is_file():
                xywh = np.asarray(drawn[0], np.float32).reshape(-1, 4)
                xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
                pictures.append(DrawnPicture(path, xyxy, doubted[0].reshape(-1).astype(bool)))
    return pictures


def voc_pictures(folder: Path) -> list[DrawnPicture]:
    """Pictures with Pascal VOC boxes, wherever below the folder; every box is a face.

    Files of sets of faces in masks call them `with_mask`, `without_mask` and so on; to a detector
    they are all faces. MaskON's `augmented_` files are copies and left out.

    Raises:
        InputError: an annotation cannot be read.
    """
    images = {path.stem: path for path in find_images([folder])}
    pictures = []
    for annotation in sorted(folder.rglob("*.xml")):
        path = images.get(annotation.stem)
        if path is None or annotation.name.startswith("augmented_"):
            continue
        try:
            root = ElementTree.parse(annotation).getroot()  # noqa: S314  (our own training data)
            boxes = [
                [float(node.findtext(key, "")) for key in ("xmin", "ymin", "xmax", "ymax")]
                for node in root.iter("bndbox")
            ]
            width, height = (int(root.findtext(f"size/{key}", "0")) for key in ("width", "height"))
        except (ElementTree.ParseError, ValueError) as error:
            raise InputError(f"{annotation} is not a Pascal VOC annotation.") from error
        pictures.append(
            DrawnPicture(
                path,
                np.array(boxes, np.float32).reshape(-1, 4),
                np.zeros(len(boxes), bool),
                (width, height) if width and height else None,
            )
        )
    return pictures
