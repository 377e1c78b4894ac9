"""`facegate models`: the networks that ship and those that were added."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli import models_add
from facegate.cli.output import (
    EXIT_NO,
    JsonOption,
    console,
    plain,
    print_json,
    remark,
    table,
)

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.models.registry import ModelCard

app = typer.Typer(help="See, check, add and choose networks.", no_args_is_help=True)
app.command("add")(models_add.add)

Name = Annotated[
    str, typer.Argument(help="Name, alias or model id of a network.", show_default=False)
]


class Role(str, Enum):
    """What an embedding network is chosen for."""

    DOOR = "door"
    FOLDERS = "folders"


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """Show all networks, which are in use, with size and license."""
    from facegate.bootstrap import start

    gate = start()
    uses = {card.model_id: _uses(gate, card) for card in gate.cards}
    broken = gate.library.cards()[1]
    if as_json:
        rows: list[dict[str, Any]] = [
            {
                **card.content,
                "model": card.model_id,
                "added": card.added,
                "in_use": uses[card.model_id],
                "error": None,
            }
            for card in gate.cards
        ]
        rows += [{"name": one.path.stem, "added": True, "error": one.reason} for one in broken]
        print_json(rows)
        return
    shown = table("model", "digest", "task", "in use", "size", right=["size"])
    for column in shown.columns:
        column.no_wrap = column.header != "task"  # which gives way on a narrow screen
    for card in gate.cards:
        size = f"{card.path.stat().st_size / 1e6:.2f} MB" if card.path.is_file() else "missing"
        shown.add_row(
            plain(card.name) + (" [dim](added)[/dim]" if card.added else ""),
            plain(card.model_id.partition("@")[2]),
            plain(card.alias or card.task.value.removeprefix("face_").replace("_", " ")),
            ", ".join("yes" if use == card.task.value else use for use in uses[card.model_id]),
            size,
        )
    console().print(shown)
    for one in broken:
        remark(one.reason)


@app.command("show")
def show(name: Name, as_json: JsonOption = False) -> None:
    """Show a network's card: contract, training data, measured figures, limits."""
    from facegate.bootstrap import start

    card = _find(start(), name)
    if as_json:
        print_json({**card.content, "model": card.model_id})
        return
    shown = table("key", "value")
    for key, value in _flat(card.content):
        shown.add_row(key, plain(" ".join(str(value).split())))
    console().print(shown)


@app.command("verify")
def verify(as_json: JsonOption = False) -> None:
    """Check every weights file against the digest in its card. Exit code 11: one is wrong."""
    from facegate.bootstrap import start
    from facegate.errors import ModelError

    gate = start()
    rows: list[dict[str, Any]] = []
    for card in gate.cards:
        try:
            card.read_weights()
            rows.append({"model": card.model_id, "sha256": card.sha256, "ok": True, "error": None})
        except ModelError as error:
            row = {"model": card.model_id, "sha256": card.sha256, "ok": False, "error": str(error)}
            rows.append(row)
    rows += [
        {"model": one.path.stem, "sha256": None, "ok": False, "error": one.reason}
        for one in gate.library.cards()[1]
    ]
    if as_json:
        print_json(rows)
    else:
        shown = table("model", "SHA-256", "state")
        for row in rows:
            state = "[green]ok[/green]" if row["ok"] else f"[red]{plain(row['error'])}[/red]"
            shown.add_row(plain(row["model"]), str(row["sha256"] or ""), state)
        console().print(shown)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(EXIT_NO)


@app.command("use")
def use(
    name: Name,
    role: Annotated[
        Role,
        typer.Option(
            "--for",
            help="[bold]door[/bold]: everything but folders. [bold]folders[/bold]: `identify` on "
            "folders, once everybody is enrolled with it and it has a threshold.",
        ),
    ] = Role.DOOR,
) -> None:
    """Choose the embedding network; `default` goes back to FaceGate's own.

    Templates of one network are never compared with another's: `facegate people reenroll` makes
    new ones from kept pictures. A setting (embedder_model, batch_embedder_model) goes before this.
    """
    from facegate.bootstrap import start
    from facegate.errors import ConfigError, ModelError
    from facegate.models.registry import Task

    gate = start()
    setting = "embedder_model" if role is Role.DOOR else "batch_embedder_model"
    if getattr(gate.settings, setting):
        raise ConfigError(
            f"The setting {setting} says {getattr(gate.settings, setting)!r} and goes before this.",
            hint=f"Change it there (facegate.toml or FACEGATE_{setting.upper()}).",
        )
    if name == "default":
        gate.library.choose(role.value, "")
        console().print(f"FaceGate's own network is in use for the {role.value} again.")
        again = start()
        card = again.embedder_card if role is Role.DOOR else again.batch_card
        _remark_on_use(again.with_model(card.model_id), role)
        return
    card = _find(gate, name)
    if card.task is not Task.EMBEDDING:
        raise ModelError(f"{card.name} is no embedding network.")
    card.read_weights()
    # One that ships is chosen by name, so that an update of FaceGate keeps the choice; an added
    # one with its digest, so that nothing else can take its place.
    gate.library.choose(role.value, card.model_id if card.added else card.name)
    console().print(f"{plain(card.model_id)} is in use for the {role.value} from now on.")
    _remark_on_use(gate.with_model(card.model_id), role)


@app.command("remove")
def remove(
    name: Name,
    force: Annotated[
        bool,
        typer.Option("--force", help="Even when it is in use, or templates of it are stored."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete an added network. Refused while it is in use or people have templates of it."""
    from facegate.bootstrap import start
    from facegate.errors import ModelError

    gate = start()
    broken = [one for one in gate.library.cards()[1] if one.path.stem == name]
    if broken:
        gate.library.remove_broken(broken[0])
        _removed(name, 0, as_json=as_json)
        return
    card = _find(gate, name)
    if not card.added:
        raise ModelError(f"{card.name} came with FaceGate and cannot be removed.")
    with gate.store.snapshot() as work:
        templates = work.templates.counts_by_model().get(card.model_id, 0)
    if not force:
        uses = _uses(gate, card)
        if uses:
            raise ModelError(
                f"{card.name} is in use for {' and '.join(uses)}.",
                hint="Choose another with `facegate models use`, or add --force.",
            )
        if templates:
            raise ModelError(
                f"{templates} stored template(s) need {card.name}.",
                hint="`facegate people reenroll --model OTHER --drop-old` replaces them; --force "
                "removes the network all the same.",
            )
    gate.library.remove(card)
    gate.forget_indexes()
    _removed(card.model_id, templates, as_json=as_json)


def _removed(name: str, templates: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"removed": name, "templates_left": templates})
        return
    console().print(f"{plain(name)} is removed.")
    if templates:
        remark(f"{templates} templates of it stay in the database; nothing can search them.")


def _find(gate: FaceGate, name: str) -> ModelCard:
    from facegate.errors import ModelError

    found = [card for card in gate.cards if card.is_called(name)]
    if len(found) != 1:
        problem = "No network is" if not found else "Several networks are"
        raise ModelError(f"{problem} called {name!r}.", hint="See `facegate models list`.")
    return found[0]


def _uses(gate: FaceGate, card: ModelCard) -> list[str]:
    """The roles of a network; a role whose network is missing has none."""
    from facegate.errors import ModelError
    from facegate.models.registry import Task

    roles: dict[str, Any] = {
        Role.DOOR.value: lambda: gate.embedder_card,
        Role.FOLDERS.value: lambda: gate.batch_card,
    }
    if card.task is not Task.EMBEDDING:
        roles = {card.task.value: lambda: gate.detector_card}
        if card.task in {Task.LANDMARKS, Task.PAD}:
            return [card.task.value]
    found = []
    for role, chosen in roles.items():
        try:
            if chosen().model_id == card.model_id:
                found.append(role)
        except ModelError:
            continue
    return found


def _remark_on_use(gate: FaceGate, role: Role) -> None:
    """Say what is still missing before the chosen network can do its work."""
    if not gate.baseline().is_set:
        remark("It has no threshold yet, so nobody matches. Run `facegate tune` for it.")
    with gate.store.snapshot() as work:
        people = sum(subject.enabled for subject in work.subjects.list())
        ready = len(set(work.templates.searchable_ids(gate.embedder_card.model_id).values()))
    if ready < people:
        consequence = (
            "they are unknown at the door" if role is Role.DOOR else "so folders use the door's"
        )
        remark(
            f"{people - ready} of {people} people have no template of it: {consequence}. "
            f"See `facegate people reenroll --model {gate.embedder_card.name}`."
        )


def _flat(content: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in content.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, one in enumerate(value, 1):
                rows += _flat(one, f"{prefix}{key}.{number}.")
        elif isinstance(value, list) and value and isinstance(value[0], list):
            rows.append((prefix + key, f"{len(value)} rows, see --json"))
        elif isinstance(value, list):
            separator = " \u00d7 " if key == "shape" else "; "
            rows.append((prefix + key, separator.join(map(str, value))))
        else:
            rows.append((prefix + key, value))
    return rows
