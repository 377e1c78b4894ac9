from __future__ import annotations

import inspect
import re

from facegate import errors


def error_classes() -> dict[str, type[errors.FacegateError]]:
    return {
        name: one
        for name, one in vars(errors).items()
        if inspect.isclass(one) and issubclass(one, errors.FacegateError)
    }


def test_exit_codes_never_change_their_meaning() -> None:
    codes = {name: one.exit_code for name, one in error_classes().items()}
    assert codes == {
        "FacegateError": 1,
        "ConfigError": 3,
        "InputError": 4,
        "ShapeError": 4,
        "UnreadableImage": 4,
        "UnknownSubject": 5,
        "CaptureError": 12,
        "CameraUnavailable": 12,
        "DoorError": 13,
        "PolicyError": 14,
        "ReceiptError": 15,
        "ModelError": 6,
        "WeightsMismatch": 6,
        "EmbeddingSpaceMismatch": 6,
        "StoreError": 7,
        "MigrationNeeded": 7,
        "DatabaseTooNew": 7,
        "AlreadyEnrolled": 7,
        "GalleryError": 8,
        "GalleryStale": 8,
        "EvaluationError": 9,
        "TooFewComparisons": 9,
    }


def test_the_drawn_tree_is_the_real_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^ {4}([ │├└]*)(\w+)( \(\d+\))?$", line)
        if not match:
            continue
        depth = len(match[1])
        while path and path[-1][0] >= depth:
            path.pop()
        drawn[match[2]] = path[-1][1] if path else "Exception"
        path.append((depth, match[2]))
    real = {name: one.__mro__[1].__name__ for name, one in error_classes().items()}
    assert drawn == real
