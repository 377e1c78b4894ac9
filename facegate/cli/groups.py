"""`facegate groups`: who belongs together."""

from __future__ import annotations

from typing import Annotated

import typer

from facegate.cli.output import JsonOption, console, plain, print_json, table
from facegate.cli.policy_options import Force, GroupName, complete_person, editing

app = typer.Typer(help="See and change groups of people.", no_args_is_help=True)

People = Annotated[
    list[str],
    typer.Argument(
        help="Names of enrolled people.", show_default=False, autocompletion=complete_person
    ),
]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name of the new group.", show_default=False)],
) -> None:
    """Make an empty group."""
    with editing() as editor:
        editor.add_group(name)
    console().print(f"The group {plain(name)} is made.")


@app.command("list")
def list_groups(as_json: JsonOption = False) -> None:
    """Show all groups with their members."""
    from facegate.bootstrap import start
    from facegate.domain.policy import EVERYONE

    with start().store.snapshot() as work:
        policy = work.policy.load()
    names = [EVERYONE, *(group.name for group in policy.groups)]
    if as_json:
        print_json([{"name": name, "members": sorted(policy.members(name))} for name in names])
        return
    shown = table("group", "people", "members", "rules", right=["people", "rules"])
    for name in names:
        members = sorted(policy.members(name))
        listed = "all who are enrolled" if name == EVERYONE else ", ".join(members)
        rules = sum(rule.group == name for rule in policy.rules)
        shown.add_row(plain(name), str(len(members)), plain(listed), str(rules))
    console().print(shown)


@app.command("remove")
def remove(name: GroupName, yes: Force = False) -> None:
    """Delete a group with its rules; its members stay enrolled."""
    from facegate.bootstrap import start
    from facegate.domain.policy import EVERYONE, named

    if not yes:
        with start().store.snapshot() as work:
            groups = {one.name: one for one in work.policy.load().groups}
        if name != EVERYONE:  # what is built in is refused in its own words
            named(groups, name, "group")
        typer.confirm(f"Delete the group {name} and its rules?", abort=True)
    with editing() as editor:
        editor.remove_group(name)
    console().print(f"The group {plain(name)} is deleted.")


@app.command("join")
def join(group: GroupName, people: People) -> None:
    """Put people into a group."""
    with editing() as editor:
        joined = editor.join(group, people)
    console().print(f"{plain(', '.join(joined) or 'Nobody new')} joined {plain(group)}.")


@app.command("leave")
def leave(group: GroupName, people: People) -> None:
    """Take people out of a group."""
    with editing() as editor:
        left = editor.leave(group, people)
    console().print(f"{plain(', '.join(left) or 'Nobody')} left {plain(group)}.")
