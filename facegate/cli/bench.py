"""`facegate bench`: how fast is it here, and beside others?"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli import bench_live
from facegate.cli.bench_detector import detector, peer_run
from facegate.cli.machine import processor_name
from facegate.cli.output import JsonOption, ModelOption, console, plain, print_json, remark, table

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate

SEARCH_SIZES = (1_000, 10_000)
DETECTION_SIZES_WH = ((250, 250), (640, 480), (1280, 720))


app = typer.Typer(
    help="How fast is it here? Every stage, the steps of finding faces (`detector`), or a whole "
    "gate (`live`)."
)
app.command("live")(bench_live.live)
app.command("detector")(detector)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    rounds: Annotated[int, typer.Option("--rounds", min=3, help="Measurements of each.")] = 60,
    peer_detectors: Annotated[
        list[Path] | None,
        typer.Option(
            "--peer-detector", help="ONNX face detector (n, 3, h, w) to time beside ours."
        ),
    ] = None,
    peer_embedders: Annotated[
        list[Path] | None,
        typer.Option("--peer-embedder", help="ONNX face network (n, 3, 112, 112) beside ours."),
    ] = None,
    model: ModelOption = "",
    as_json: JsonOption = False,
) -> None:
    """Time every stage on this machine, in turns: median, quartiles, ratio to peers."""
    if context.invoked_subcommand is not None:
        return
    from facegate.bootstrap import start
    from facegate.evaluation.timing import time_in_turns

    gate = start(model)
    threads = gate.settings.thread_count
    remark(f"Timing {rounds} rounds with {threads} thread(s) …")
    with tempfile.TemporaryDirectory(prefix="facegate-bench-") as folder:
        groups = _cases(gate, peer_detectors or [], peer_embedders or [], Path(folder))
        results = {title: time_in_turns(cases, rounds) for title, cases in groups.items()}
    machine = {
        "processor": processor_name(),
        "threads": threads,
        "python": platform.python_version(),
    }
    if as_json:
        rows: dict[str, Any] = {
            title: {name: timing.as_dict() for name, timing in timings.items()}
            for title, timings in results.items()
        }
        print_json({"machine": machine, "stages": rows})
        return
    shown = table(
        "stage",
        "what",
        "median",
        "quartiles",
        "ours to it",
        right=["median", "quartiles", "ours to it"],
    )
    for title, timings in results.items():
        ours = next(iter(timings.values()))
        for number, (name, timing) in enumerate(timings.items()):
            ratio = f"{ours.median_ms / timing.median_ms:.2f}" if name.startswith("peer") else ""
            shown.add_row(
                title if number == 0 else "",
                plain(name),
                f"{timing.median_ms:.2f} ms",
                f"{timing.low_ms:.2f} … {timing.high_ms:.2f}",
                ratio,
            )
    console().print(shown)
    console().print(f"[dim]{plain(machine['processor'])}, {threads} thread(s)[/dim]")


def _cases(
    gate: FaceGate, peer_detectors: list[Path], peer_embedders: list[Path], folder: Path
) -> dict[str, dict[str, Callable[[], object]]]:
    import cv2
    import numpy as np

    from facegate.services.demo import COLLINS
    from facegate.services.reading import main_face
    from facegate.vision.align import align_face
    from facegate.vision.images import load_image

    threads = gate.settings.thread_count
    portrait = load_image(COLLINS.path()).frame_bgr
    faces = gate.detector.detect(portrait)
    face = main_face(faces, (portrait.shape[1], portrait.shape[0]))
    groups: dict[str, dict[str, Callable[[], object]]] = {}
    for size_wh in DETECTION_SIZES_WH:
        frame = cv2.resize(portrait, size_wh)
        cases: dict[str, Callable[[], object]] = {
            "ours, whole": partial(gate.detector.detect, frame)
        }
        for peer in peer_detectors:
            # A peer's network alone, on the same pixels rounded up to its grid of 32.
            height, width = -(-size_wh[1] // 32) * 32, -(-size_wh[0] // 32) * 32
            run = peer_run(peer, (1, 3, height, width), threads)
            if run is not None:
                cases[f"peer {peer.stem}, network alone"] = run
        groups[f"detect {size_wh[0]}x{size_wh[1]}"] = cases
    groups["align"] = {"ours": lambda: align_face(portrait, face.landmarks_xy)}
    geometry = gate.embedder.geometry
    wanted = align_face(portrait, face.landmarks_xy, geometry.size_px, geometry.template_xy)
    cases = {"ours": lambda: gate.embedder.embed(wanted[np.newaxis])}
    for peer in peer_embedders:
        run = peer_run(peer, (1, 3, 112, 112), threads)
        if run is not None:
            cases[f"peer {peer.stem}"] = run
    groups["embed a face"] = cases
    groups["search"] = {f"{n:,} templates": _search(gate, n, folder) for n in SEARCH_SIZES}
    return groups


def _search(gate: FaceGate, count: int, folder: Path) -> Callable[[], object]:
    """Search a gallery of random templates, asking the store for news first as at the door."""
    import numpy as np

    from facegate.domain.people import Template
    from facegate.gallery.faiss_gallery import FaissGallery
    from facegate.store.unit_of_work import SqlStore

    random = np.random.default_rng(0)
    vectors = random.normal(size=(count + 1, gate.embedder.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    model_id = gate.embedder.model_id
    store = SqlStore(f"sqlite:///{folder / f'{count}.db'}")
    with store.transaction() as work:
        for number, vector in enumerate(vectors[:count]):
            subject = work.subjects.add(f"person {number}", gate.clock())
            template = Template(0, 0, vector, model_id, 1.0, "", f"{number:064x}", gate.clock())
            work.templates.add(subject.subject_id, template)
        work.commit()
    gallery = FaissGallery(store, model_id, None)

    def run() -> object:
        gallery.refresh()
        return gallery.search(vectors[count:], model_id)

    return run
