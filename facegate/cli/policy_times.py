"""`facegate policy schedule|holiday`: when rules are in force."""

from __future__ import annotations

from typing import Annotated

import typer

from facegate.cli.output import JsonOption, console, plain, print_json, table
from facegate.cli.policy_options import complete_schedule, editing

schedules = typer.Typer(help="See and change schedules.", no_args_is_help=True)
holidays = typer.Typer(help="See and change holidays.", no_args_is_help=True)

NewName = Annotated[str, typer.Argument(help="Name of the new one.", show_default=False)]


@schedules.command("add")
def add_schedule(
    name: NewName,
    windows: Annotated[
        list[str] | None,
        typer.Argument(
            help="Weekly windows, such as 'mon-fri 08:00-18:00' or 'sat 22:00-06:00'.",
            show_default=False,
        ),
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="Time zone; else each door's own.")] = "",
    on_holidays: Annotated[
        str,
        typer.Option(
            "--on-holidays", help="closed, as_usual, or hours such as 10:00-14:00,16:00-18:00."
        ),
    ] = "closed",
) -> None:
    """Add a schedule."""
    from facegate.domain.schedules import Hours, OnHolidays, Schedule, Window

    own = on_holidays not in {"closed", "as_usual"}
    schedule = Schedule(
        name,
        tuple(Window.parse(text) for text in windows or ()),
        zone,
        OnHolidays.OWN_HOURS if own else OnHolidays(on_holidays),
        tuple(Hours.parse(text) for text in on_holidays.split(",")) if own else (),
    )
    with editing() as editor:
        editor.add_schedule(schedule)
    console().print(f"The schedule {plain(name)} is added.")


@schedules.command("list")
def list_schedules(as_json: JsonOption = False) -> None:
    """Show all schedules; `always` is built in."""
    from facegate.bootstrap import start
    from facegate.domain.schedules import ALWAYS
    from facegate.services.policy_file import policy_dict

    with start().store.snapshot() as work:
        policy = work.policy.load()
    if as_json:
        print_json(policy_dict(policy)["schedules"])
        return
    shown = table("schedule", "windows", "on holidays", "time zone")
    for one in (ALWAYS, *policy.schedules):
        special = ", ".join(str(hours) for hours in one.holiday_hours) or one.on_holidays.value
        windows = "\n".join(str(window) for window in one.windows)
        shown.add_row(plain(one.name), windows, special, plain(one.zone or "the door's"))
    console().print(shown)


@schedules.command("remove")
def remove_schedule(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a schedule.", show_default=False, autocompletion=complete_schedule
        ),
    ],
) -> None:
    """Delete a schedule that no rule names."""
    with editing() as editor:
        editor.remove_schedule(name)
    console().print(f"The schedule {plain(name)} is deleted.")


@holidays.command("add")
def add_holiday(
    name: NewName,
    first: Annotated[str, typer.Argument(help="First day, such as 2026-12-24.")],
    last: Annotated[str, typer.Argument(help="Last day; else only one day.")] = "",
    yearly: Annotated[bool, typer.Option("--yearly", help="Every year from then on.")] = False,
) -> None:
    """Add a holiday."""
    from facegate.domain.local_time import parse_local
    from facegate.domain.schedules import Holiday

    begin = parse_local(first).date()
    end = parse_local(last).date() if last else begin
    with editing() as editor:
        editor.add_holiday(Holiday(name, begin, end, yearly))
    console().print(f"The holiday {plain(name)} is added.")


@holidays.command("list")
def list_holidays(as_json: JsonOption = False) -> None:
    """Show all holidays."""
    from facegate.bootstrap import start
    from facegate.services.policy_file import policy_dict

    with start().store.snapshot() as work:
        policy = work.policy.load()
    if as_json:
        print_json(policy_dict(policy)["holidays"])
        return
    shown = table("holiday", "first day", "last day", "yearly")
    for one in policy.holidays:
        yearly = "yes" if one.yearly else ""
        shown.add_row(plain(one.name), one.first.isoformat(), one.last.isoformat(), yearly)
    console().print(shown)


@holidays.command("remove")
def remove_holiday(
    name: Annotated[str, typer.Argument(help="Name of a holiday.", show_default=False)],
) -> None:
    """Delete a holiday."""
    with editing() as editor:
        editor.remove_holiday(name)
    console().print(f"The holiday {plain(name)} is deleted.")
