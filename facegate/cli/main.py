"""The `facegate` command: puts the commands together and turns errors into exit codes.

Nothing heavy is imported here: `facegate --help` must answer at once, so every command loads what
it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from facegate import __version__
from facegate.cli import (
    audit,
    bench,
    cameras,
    db,
    demo,
    doctor,
    door_outputs,
    doors,
    enroll,
    evaluate,
    groups,
    identify,
    kiosk,
    models,
    pad,
    people,
    policy,
    quality,
    report,
    threshold,
    train,
    tune,
    verify,
    watch,
)
from facegate.cli.flowing import let_help_flow
from facegate.cli.output import fail
from facegate.errors import FacegateError

EXIT_INTERRUPTED = 130
EXIT_BUG = 70
"""EX_SOFTWARE of sysexits.h: a defect in FaceGate itself."""

app = typer.Typer(
    name="facegate",
    help="Face-recognition access control: enroll people, identify them, measure the errors.",
    epilog="Start with `facegate demo`. Exit codes are listed in the README.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_EVERY_DAY = "Every day"
_DOOR = "At a door"
_TRUST = "Measure and tune"
_CARE = "Look after it"

app.command("demo", rich_help_panel=_EVERY_DAY)(demo.demo)
app.command("enroll", rich_help_panel=_EVERY_DAY)(enroll.enroll)
app.command("identify", rich_help_panel=_EVERY_DAY)(identify.identify)
app.command("verify", rich_help_panel=_EVERY_DAY)(verify.verify)
app.command("quality", rich_help_panel=_EVERY_DAY)(quality.quality)
app.add_typer(people.app, name="people", rich_help_panel=_EVERY_DAY)
app.command("watch", rich_help_panel=_DOOR)(watch.watch)
app.command("kiosk", rich_help_panel=_DOOR)(kiosk.kiosk)
app.add_typer(doors.app, name="doors", rich_help_panel=_DOOR)
app.add_typer(groups.app, name="groups", rich_help_panel=_DOOR)
app.add_typer(policy.app, name="policy", rich_help_panel=_DOOR)
app.add_typer(audit.app, name="audit", rich_help_panel=_DOOR)
app.add_typer(cameras.app, name="cameras", rich_help_panel=_DOOR)
app.add_typer(door_outputs.app, name="outputs", rich_help_panel=_DOOR)
app.add_typer(pad.app, name="pad", rich_help_panel=_DOOR)
app.command("tune", rich_help_panel=_TRUST)(tune.tune)
app.add_typer(threshold.app, name="threshold", rich_help_panel=_TRUST)
app.add_typer(evaluate.app, name="eval", rich_help_panel=_TRUST)
app.command("report", rich_help_panel=_TRUST)(report.report)
app.add_typer(train.app, name="train", rich_help_panel=_TRUST)
app.add_typer(bench.app, name="bench", rich_help_panel=_TRUST)
app.add_typer(models.app, name="models", rich_help_panel=_CARE)
app.add_typer(db.app, name="db", rich_help_panel=_CARE)
app.command("doctor", rich_help_panel=_CARE)(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facegate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


let_help_flow(app)


def main() -> None:
    """Run the command line and exit with a documented code."""
    try:
        app()
    except FacegateError as error:
        sys.exit(fail(str(error), error.hint, error.exit_code))
    except KeyboardInterrupt:
        sys.exit(fail("Interrupted; what was finished is stored.", "", EXIT_INTERRUPTED))
    except BrokenPipeError:  # `facegate … | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:  # a full disk, a vanished folder: the user's to mend, not a defect
        sys.exit(fail(f"{error}.", "Check the disk and the permissions.", 1))
    except Exception as error:
        if os.environ.get("FACEGATE_DEBUG"):
            raise
        message = f"FaceGate has a defect: {type(error).__name__}: {error}"
        sys.exit(fail(message, "FACEGATE_DEBUG=1 shows where. Please report it.", EXIT_BUG))
