"""`facegate models`: the networks that ship."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from facegate.cli.output import EXIT_NO, JsonOption, console, plain, print_json, table

app = typer.Typer(help="See and check the networks that ship.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """Show all networks with size and license."""
    from facegate.bootstrap import start

    cards = start().cards
    if as_json:
        print_json([{"model": card.model_id, **card.content} for card in cards])
        return
    shown = table("model", "task", "license", "size", right=["size"])
    for card in cards:
        size = f"{card.path.stat().st_size / 1e6:.2f} MB" if card.path.is_file() else "missing"
        task = card.task.value.replace("_", " ")
        shown.add_row(card.model_id, task, plain(card.content.get("license", "")), size)
    console().print(shown)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of a network.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show a network's card: contract, training data, measured figures, limits."""
    from facegate.bootstrap import start
    from facegate.errors import ModelError

    for card in start().cards:
        if name in {card.name, card.model_id}:
            break
    else:
        raise ModelError(f"No network is called {name!r}.", hint="See `facegate models list`.")
    if as_json:
        print_json({"model": card.model_id, **card.content})
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

    rows: list[dict[str, Any]] = []
    for card in start().cards:
        try:
            card.read_weights()
            rows.append({"model": card.model_id, "sha256": card.sha256, "ok": True, "error": None})
        except ModelError as error:
            row = {"model": card.model_id, "sha256": card.sha256, "ok": False, "error": str(error)}
            rows.append(row)
    if as_json:
        print_json(rows)
    else:
        shown = table("model", "SHA-256", "state")
        for row in rows:
            state = "[green]ok[/green]" if row["ok"] else f"[red]{plain(row['error'])}[/red]"
            shown.add_row(str(row["model"]), str(row["sha256"]), state)
        console().print(shown)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(EXIT_NO)


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
