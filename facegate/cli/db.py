"""`facegate db`: the database's schema."""

from __future__ import annotations

import typer

from facegate.cli.output import JsonOption, console, plain, print_json

app = typer.Typer(help="See and upgrade the database.", no_args_is_help=True)


@app.command("status")
def status(as_json: JsonOption = False) -> None:
    """Show where the database is and whether its schema is current."""
    from facegate.config import load_settings
    from facegate.store.engine import without_password
    from facegate.store.migrate import status as schema_status

    url = load_settings().url
    state = schema_status(url)
    if as_json:
        print_json(
            {
                "url": without_password(url),
                "current": state.current,
                "head": state.head,
                "pending": state.pending,
                "too_new": state.too_new,
            }
        )
        return
    words = "current"
    if state.too_new:
        words = "[red]newer than this program[/red]"
    elif state.pending:
        words = f"[yellow]{len(state.pending)} upgrade(s) pending[/yellow]"
    console().print(f"{plain(without_password(url))}\nschema {state.current or 'none'}: {words}")


@app.command("upgrade")
def upgrade() -> None:
    """Bring the schema to the newest version. Other commands do so by themselves on first use."""
    from facegate.config import load_settings
    from facegate.store.migrate import status as schema_status
    from facegate.store.migrate import upgrade as upgrade_schema

    url = load_settings().url
    before = schema_status(url).current
    upgrade_schema(url)
    after = schema_status(url).current
    if before == after:
        console().print(f"The schema is current ({after}).")
    else:
        console().print(f"Upgraded from {before or 'nothing'} to {after}.")
