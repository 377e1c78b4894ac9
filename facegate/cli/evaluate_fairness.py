"""`facegate eval fairness`: is it wrong more often for some people than for others?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.evaluate_tables import (
    CacheOption,
    OnePersonOption,
    groups_table,
    warn,
    watch_encoding,
)
from facegate.cli.output import (
    JsonOption,
    ModelOption,
    console,
    plain,
    print_json,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.ports.store import FaceCache
    from facegate.services.measure_fairness import FairnessReport


def fairness(
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="CSV with a column `file` and columns of groups; each picture another person.",
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder that the paths of --labels start from.")
    ] = None,
    only: Annotated[
        Path | None,
        typer.Option(
            "--list", help="Use only these pictures (people seen once), a path from --root a line."
        ),
    ] = None,
    one_person: OnePersonOption = None,
    people: Annotated[
        Path | None,
        typer.Option(
            "--people",
            help="Instead of --labels: a folder per person, for FNMR. The first picture of each is "
            "the reference, the others are compared with it.",
        ),
    ] = None,
    conditions: Annotated[
        Path | None,
        typer.Option(
            "--conditions",
            help="CSV with a column `file` (path from --people) and columns of conditions.",
        ),
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            help="Column to divide by; may be repeated. Columns joined by a comma "
            "(race,gender) divide by both at once.",
        ),
    ] = None,
    max_fmr: Annotated[
        float,
        typer.Option("--fmr", help="FMR over all pairs that chooses a second threshold."),
    ] = 1e-4,
    least: Annotated[
        int,
        typer.Option(
            "--min-count",
            min=2,
            help="Groups with fewer faces (or mated comparisons) are not compared.",
        ),
    ] = 100,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write bar charts as PNG.")] = None,
    model: ModelOption = "",
    cache: CacheOption = None,
    as_json: JsonOption = False,
) -> None:
    """Error rates by group: FMR within groups (--labels), or FNMR by condition (--people)."""
    from facegate.bootstrap import start
    from facegate.errors import InputError
    from facegate.evaluation.group_plot import groups_png
    from facegate.services.thresholds import must_be_set

    if not 0 < max_fmr < 1:
        raise InputError("--fmr must be a fraction between 0 and 1.")
    divisions = [[name.strip() for name in group.split(",")] for group in groups or []]
    gate = start(model)
    must_be_set(gate.baseline())
    kept = None if cache is None else gate.face_cache(cache)
    if labels is not None and root is not None and people is None and conditions is None:
        if not divisions:
            raise InputError("Name a column to divide by with --group.")
        report = _non_mated(gate, labels, root, only, one_person, divisions, max_fmr, least, kept)
        title = f"{labels.name}: {report.faces:,} people, pairs within groups"
    elif people is not None and not any((labels, root, only, one_person)):
        if bool(divisions) != (conditions is not None):
            raise InputError("--conditions and --group belong together.")
        report = _mated(gate, people, conditions, divisions, least, kept)
        title = f"{people.name}: {report.faces:,} mated comparisons"
    else:
        raise InputError(
            "Give --labels with --root, or --people.",
            hint="--list and --one-person go with --labels, --conditions with --people.",
        )
    if plot is not None:
        write_atomically(plot, groups_png(report.comparisons, title))
    if as_json:
        print_json(report.as_dict())
        return
    for one in report.comparisons:
        groups_table(one)
    console().print(f"{plain(report.overall)}; {report.failed} pictures without a face. ", end="")
    console().print(report.model_id)
    warn(report.warnings)


def _non_mated(
    gate: FaceGate,
    labels: Path,
    root: Path,
    only: Path | None,
    one_person: Path | None,
    divisions: list[list[str]],
    max_fmr: float,
    least: int,
    kept: FaceCache | None,
) -> FairnessReport:
    from facegate.errors import InputError
    from facegate.evaluation.lists import read_labels, read_list, read_one_person
    from facegate.services.measure import encode_pictures
    from facegate.services.measure_fairness import measure_non_mated_fairness

    table = read_labels(labels, root, divisions)
    if only is not None:
        wanted = read_list(only, root)
        table = table.only(set(wanted))
        if len(table.paths) < len(wanted):
            raise InputError(
                f"{len(wanted) - len(table.paths)} pictures of {only} have no row in {labels}.",
                hint="Both must write their paths from --root.",
            )
    pairs = [] if one_person is None else read_one_person(one_person, root, table.paths)
    encoded = encode_pictures(gate.reader, table.paths, kept, watch_encoding("people"))
    return measure_non_mated_fairness(
        encoded,
        table,
        tau=gate.threshold_policy().for_gallery(1).tau,
        max_fmr=max_fmr,
        model_id=gate.embedder_card.model_id,
        one_person=pairs,
        min_faces=least,
    )


def _mated(
    gate: FaceGate,
    people: Path,
    conditions: Path | None,
    divisions: list[list[str]],
    least: int,
    kept: FaceCache | None,
) -> FairnessReport:
    from facegate.evaluation.lists import read_labels
    from facegate.evaluation.pairs import people_in
    from facegate.services.measure import encode_pictures
    from facegate.services.measure_fairness import measure_mated_fairness

    folders = people_in(people)
    table = None if conditions is None else read_labels(conditions, people, divisions)
    files = [path for paths in folders.values() for path in paths]
    encoded = encode_pictures(gate.reader, files, kept, watch_encoding("people"))
    return measure_mated_fairness(
        encoded,
        folders,
        table,
        tau=gate.threshold_policy().for_gallery(1).tau,
        model_id=gate.embedder_card.model_id,
        min_comparisons=least,
    )
