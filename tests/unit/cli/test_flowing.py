from __future__ import annotations

import typer
from typer.testing import CliRunner

from facegate.cli.flowing import joined, let_help_flow


def test_paragraphs_stay_and_their_lines_are_joined():
    text = """First line
        and its rest.

        Second,
        too.
    """
    assert joined(text) == "First line and its rest.\n\nSecond, too."


def test_help_of_all_depths_flows():
    app, inner = typer.Typer(rich_markup_mode="rich"), typer.Typer(rich_markup_mode="rich")

    @inner.callback()
    def about() -> None:
        """Inner things.

        These have
        more to say.
        """

    @inner.command()
    def work() -> None:
        """Work.

        It takes
        a while.
        """

    @inner.command(help="Rest.\n\nNot for\nlong.")
    def rest() -> None: ...

    app.add_typer(inner, name="inner")
    let_help_flow(app)
    run = CliRunner()
    assert "These have more to say." in run.invoke(app, ["inner", "--help"]).output
    assert "It takes a while." in run.invoke(app, ["inner", "work", "--help"]).output
    assert "Not for long." in run.invoke(app, ["inner", "rest", "--help"]).output
