"""Doors, groups, schedules, holidays, rules, terms of people, and what doors remember."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = (
    "doors",
    "door_states",
    "person_groups",
    "memberships",
    "schedules",
    "holidays",
    "access_rules",
    "person_terms",
    "person_attempts",
    "passages",
    "policy_state",
)


def _column(name, kind, *, empty=False):
    return sa.Column(name, kind, nullable=empty)


def _number():
    return _column("id", sa.Integer())


def _key(table, *columns):
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _named(table):
    return (
        sa.UniqueConstraint("name", name=f"uq_{table}_name"),
        sa.CheckConstraint("length(name) > 0", name=f"ck_{table}_name_given"),
    )


def _refers(table, column, target, ondelete="CASCADE"):
    name = f"fk_{table}_{column}_{target}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)


def _attempts(table):
    return (
        _column("failures", sa.Integer()),
        _column("failed_at", MOMENT, empty=True),
        _column("blocked_until", MOMENT, empty=True),
        _column("locked", sa.Boolean()),
        sa.CheckConstraint("failures >= 0", name=f"ck_{table}_failures_are_counted"),
    )


def upgrade():
    """Make the tables, with the built-in group and schedule; there is no door yet."""
    texts = {"source": 500, "output": 500, "zone": 60, "pad": 30, "tailgating": 30, "area": 60}
    texts |= {"direction": 10, "anti_passback": 10, "pin": 30}
    seconds = ("unlock_s", "held_open_s", "two_person_s")
    op.create_table(
        "doors",
        _number(),
        _column("name", sa.String(60)),
        _column("enabled", sa.Boolean()),
        *(_column(name, sa.String(length)) for name, length in texts.items()),
        *(_column(name, sa.Float()) for name in seconds),
        *_named("doors"),
        sa.CheckConstraint("unlock_s > 0", name="ck_doors_pulse_is_positive"),
        _key("doors", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "door_states",
        _column("door_id", sa.Integer()),
        _column("last_at", MOMENT, empty=True),
        *_attempts("door_states"),
        _column("first_id", sa.Integer(), empty=True),
        _column("first_at", MOMENT, empty=True),
        _refers("door_states", "door_id", "doors"),
        _refers("door_states", "first_id", "subjects", "SET NULL"),
        _key("door_states", "door_id"),
    )
    groups = op.create_table(
        "person_groups",
        _number(),
        _column("name", sa.String(60)),
        *_named("person_groups"),
        _key("person_groups", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "memberships",
        _column("group_id", sa.Integer()),
        _column("subject_id", sa.Integer()),
        _refers("memberships", "group_id", "person_groups"),
        _refers("memberships", "subject_id", "subjects"),
        _key("memberships", "group_id", "subject_id"),
    )
    op.create_index("ix_memberships_subject_id", "memberships", ["subject_id"])
    schedules = op.create_table(
        "schedules",
        _number(),
        _column("name", sa.String(60)),
        _column("zone", sa.String(60)),
        _column("windows", sa.Text()),
        _column("on_holidays", sa.String(30)),
        _column("holiday_hours", sa.Text()),
        *_named("schedules"),
        _key("schedules", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "holidays",
        _number(),
        _column("name", sa.String(60)),
        _column("first", sa.Date()),
        _column("last", sa.Date()),
        _column("yearly", sa.Boolean()),
        sa.UniqueConstraint("name", name="uq_holidays_name"),
        sa.CheckConstraint("first <= last", name="ck_holidays_ends_after_begin"),
        _key("holidays", "id"),
        sqlite_autoincrement=True,
    )
    _create_rules_and_people()
    state = op.create_table(
        "policy_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        _column("revision", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        sa.CheckConstraint("id = 1", name="ck_policy_state_single_row"),
        _key("policy_state", "id"),
    )
    op.bulk_insert(state, [{"id": 1, "revision": 0}])
    op.bulk_insert(groups, [{"name": "everyone"}])  # without a number: the database counts on
    always = {"name": "always", "zone": "", "on_holidays": "as_usual", "holiday_hours": "[]"}
    op.bulk_insert(schedules, [{**always, "windows": '["daily 00:00-24:00"]'}])


def _create_rules_and_people():
    op.create_table(
        "access_rules",
        _number(),
        _column("group_id", sa.Integer()),
        _column("door_id", sa.Integer()),
        _column("schedule_id", sa.Integer()),
        _refers("access_rules", "group_id", "person_groups"),
        _refers("access_rules", "door_id", "doors"),
        _refers("access_rules", "schedule_id", "schedules", "RESTRICT"),
        sa.UniqueConstraint(
            "group_id",
            "door_id",
            "schedule_id",
            name="uq_access_rules_group_id_door_id_schedule_id",
        ),
        _key("access_rules", "id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_access_rules_door_id", "access_rules", ["door_id"])
    op.create_table(
        "person_terms",
        _column("subject_id", sa.Integer()),
        _column("valid_from", sa.String(19)),
        _column("valid_until", sa.String(19)),
        _column("always_pin", sa.Boolean()),
        _column("pin_hash", sa.String(200)),
        _refers("person_terms", "subject_id", "subjects"),
        _key("person_terms", "subject_id"),
    )
    op.create_table(
        "person_attempts",
        _column("subject_id", sa.Integer()),
        _column("kind", sa.String(10)),
        *_attempts("person_attempts"),
        _refers("person_attempts", "subject_id", "subjects"),
        _key("person_attempts", "subject_id", "kind"),
    )
    op.create_table(
        "passages",
        _number(),
        _column("subject_id", sa.Integer()),
        _column("area", sa.String(60)),
        _column("inside", sa.Boolean()),
        _column("at", MOMENT),
        _refers("passages", "subject_id", "subjects"),
        _key("passages", "id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_passages_subject_id_area", "passages", ["subject_id", "area"])


def downgrade():
    """Drop all of it: no door opens any more. People and templates stay."""
    for table in reversed(TABLES):
        op.drop_table(table)
