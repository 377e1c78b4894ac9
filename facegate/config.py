"""All settings, typed, with units and bounds.

They come from the environment (`FACEGATE_DATA_DIR`, `FACEGATE_DETECTOR__MIN_FACE_PX`, …) and from
`facegate.toml` in the platform's configuration folder (or the file that `FACEGATE_CONFIG` names);
the environment wins. Unknown keys are errors: a misspelled limit must not silently be none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from facegate.domain.quality import QualityRules
from facegate.domain.targets import ThresholdTarget
from facegate.domain.tiling import TileMode
from facegate.errors import ConfigError

ENV_PREFIX = "FACEGATE_"
_NOT_SETTINGS = ("FACEGATE_CONFIG", "FACEGATE_TEST_")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DetectorConfig(_Section):
    """How faces are looked for."""

    model: str = Field("", description="Name of the detection network; empty: the default one.")
    score_threshold: float = Field(
        0.72, gt=0, lt=1, description="Least detector score of a face, a fraction."
    )
    min_face_px: float = Field(
        16.0, ge=1, description="Faces with a shorter box side than this are left out, pixels."
    )
    max_faces: int = Field(
        200, ge=1, description="At most this many faces of a picture are kept, the surest."
    )
    zoom_crops: int = Field(
        0,
        ge=0,
        le=100,
        description="At most so many small, doubtful faces of a picture are looked at again, "
        "nearer: finds more far faces, and costs a quarter of a look each. 4 is plenty; 0: none, "
        "as a door needs only near faces.",
    )
    tiles: TileMode = Field(
        TileMode.OFF,
        description="Also look at parts of large pictures at full size, for small faces in large "
        "scenes: off, on, or auto (only pictures longer than 1,280 pixels). Takes seconds for the "
        "largest; a door does not need it.",
    )
    brighten_below: float = Field(
        60.0,
        ge=0,
        lt=255,
        description="Pictures of lesser typical luma, 0 to 255, are brightened before faces are "
        "looked for; 0: none. What is recognized stays as the camera gave it.",
    )


class QualityConfig(_Section):
    """Limits that a face must keep."""

    min_face_px: float = Field(ge=1, description="Shorter side of the box, pixels.")
    min_sharpness: float = Field(ge=0, le=1, description="Share of detail a blur takes.")
    min_brightness: float = Field(ge=0, le=1, description="Mean luminance of the face.")
    max_brightness: float = Field(ge=0, le=1, description="Mean luminance of the face.")
    min_contrast: float = Field(ge=0, le=0.5, description="Deviation of the luminance.")
    min_visible: float = Field(ge=0, le=1, description="Share of the face inside the frame.")
    max_yaw_deg: float = Field(ge=0, le=90, description="Turn to the side, degrees.")
    max_pitch_deg: float = Field(ge=0, le=90, description="Nod, degrees.")
    max_roll_deg: float = Field(ge=0, le=180, description="Tilt in the picture, degrees.")
    min_light_uniformity: float = Field(
        0.0, ge=0, le=1, description="How alike the light on both cheeks is; 0: no limit."
    )
    max_over_exposed: float = Field(
        1.0, ge=0, le=1, description="Share of pixels too bright to show anything; 1: no limit."
    )
    max_covered: float = Field(
        1.0, ge=0, le=1, description="How surely nose and mouth are covered; 1: no limit."
    )

    def rules(self) -> QualityRules:
        """The same limits as the domain knows them."""
        return QualityRules(**self.model_dump())


class EnrollmentConfig(QualityConfig):
    """What a picture needs before it may become a template.

    Sharpness: of 118 FairFace faces, blurred in seven steps and with three amounts of noise, the
    limit refuses 70 % of the pictures whose similarity to the original fell below 0.5, and 0.3 % of
    the unblurred. Covered: of bare LFW faces the limit refuses one in 1,200, of masked ones of the
    ILC 2021 pictures it finds three in four (`facegate.vision.covering`). Over-exposure: no face of
    LFW mini has more than a quarter of the limit. The other limits were set by eye.
    """

    min_face_px: float = Field(48.0, ge=1, description="Shorter side of the box, pixels.")
    min_sharpness: float = Field(0.18, ge=0, le=1, description="Share of detail a blur takes.")
    min_brightness: float = Field(0.15, ge=0, le=1, description="Mean luminance of the face.")
    max_brightness: float = Field(0.92, ge=0, le=1, description="Mean luminance of the face.")
    min_contrast: float = Field(0.05, ge=0, le=0.5, description="Deviation of the luminance.")
    min_visible: float = Field(0.8, ge=0, le=1, description="Share of the face inside the frame.")
    max_yaw_deg: float = Field(50.0, ge=0, le=90, description="Turn to the side, degrees.")
    max_pitch_deg: float = Field(40.0, ge=0, le=90, description="Nod, degrees.")
    max_roll_deg: float = Field(45.0, ge=0, le=180, description="Tilt in the picture, degrees.")
    max_over_exposed: float = Field(
        0.25, ge=0, le=1, description="Share of pixels too bright to show anything; 1: no limit."
    )
    max_covered: float = Field(
        0.9, ge=0, le=1, description="How surely nose and mouth are covered; 1: no limit."
    )


class IdentificationConfig(QualityConfig):
    """Below these limits a face is `low_quality` and gets no identity."""

    min_face_px: float = Field(24.0, ge=1, description="Shorter side of the box, pixels.")
    min_sharpness: float = Field(0.1, ge=0, le=1, description="Share of detail a blur takes.")
    min_brightness: float = Field(0.04, ge=0, le=1, description="Mean luminance of the face.")
    max_brightness: float = Field(0.97, ge=0, le=1, description="Mean luminance of the face.")
    min_contrast: float = Field(0.02, ge=0, le=0.5, description="Deviation of the luminance.")
    min_visible: float = Field(0.5, ge=0, le=1, description="Share of the face inside the frame.")
    max_yaw_deg: float = Field(75.0, ge=0, le=90, description="Turn to the side, degrees.")
    max_pitch_deg: float = Field(65.0, ge=0, le=90, description="Nod, degrees.")
    max_roll_deg: float = Field(90.0, ge=0, le=180, description="Tilt in the picture, degrees.")


class GateConfig(QualityConfig):
    """The live gate: what a look at a face needs to count, and how long it waits for looks.

    The limits were set by eye, between those of enrollment and of identification: at a door a
    better look is a moment away, and a visitor is told what to change.
    """

    min_face_px: float = Field(56.0, ge=1, description="Shorter side of the box, pixels.")
    min_sharpness: float = Field(0.12, ge=0, le=1, description="Share of detail a blur takes.")
    min_brightness: float = Field(0.08, ge=0, le=1, description="Mean luminance of the face.")
    max_brightness: float = Field(0.95, ge=0, le=1, description="Mean luminance of the face.")
    min_contrast: float = Field(0.03, ge=0, le=0.5, description="Deviation of the luminance.")
    min_visible: float = Field(0.85, ge=0, le=1, description="Share of the face inside the frame.")
    max_yaw_deg: float = Field(40.0, ge=0, le=90, description="Turn to the side, degrees.")
    max_pitch_deg: float = Field(35.0, ge=0, le=90, description="Nod, degrees.")
    max_roll_deg: float = Field(35.0, ge=0, le=180, description="Tilt in the picture, degrees.")
    samples_needed: int = Field(
        3, ge=2, le=10, description="Good looks at a face before anything is decided."
    )
    patience_s: float = Field(
        1.5, ge=0.2, le=30, description="So long an unknown face is looked at before it is refused."
    )
    store_wait_s: float = Field(
        2.0, gt=0, le=30, description="So long a locked database is waited for."
    )

    def rules(self) -> QualityRules:
        """The limits of quality as the domain knows them."""
        names = QualityConfig.model_fields
        return QualityRules(**{name: getattr(self, name) for name in names})


class DoorsConfig(_Section):
    """What doors need beside their text."""

    secrets: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Keys and passwords of door outputs, by the name their text gives (lower "
        "case): `webhook`, `mqtt`, `osdp` where it gives none.",
    )


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("facegate", appauthor=False),
        description="Folder of the database and the cached search index.",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="SQLAlchemy URL; empty: an SQLite file in the data folder.",
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Threads of the detection and the embedding network; 0: one for each core.",
    )
    models_dir: Path | None = Field(
        None,
        description="Folder of the networks that `facegate models add` keeps; empty: `models` in "
        "the data folder.",
    )
    embedder_model: str = Field(
        "",
        description="Embedding network at the door: name, alias (`accurate`, `fast`) or model id; "
        "empty: the one `facegate models use` chose, else the default.",
    )
    batch_embedder_model: str = Field(
        "",
        description="Embedding network when folders are identified, which is used only once "
        "everybody is enrolled with it and it has a threshold; empty: the one chosen, else `fast` "
        "where it ships, else the door's.",
    )
    keep_crops: bool = Field(
        False,
        description="Keep a picture of each enrolled face (the face and a little around it) in the "
        "database, so that another network can be used later without seeing people again. Such "
        "pictures are personal data that show the person, unlike templates; they are deleted with "
        "the person or the template.",
    )
    keep_pictures: bool = Field(
        False,
        description="Keep the pictures that a decision at a door rests on, whole frames, in the "
        "database. They let an operator see who stood there and replay the decision, but they are "
        "personal data of everybody in view, strangers too: tell people, and ask whether your law "
        "allows it. Off: only a digest of each frame is kept.",
    )
    picture_days: int = Field(
        30,
        ge=0,
        le=36_500,
        description="Days after which kept pictures of decisions are deleted; 0: only when "
        "`facegate audit drop-pictures` is called.",
    )
    anchor_file: Path | None = Field(
        None,
        description="File to which the newest hash of the receipts is written now and then. It "
        "shows when receipts were cut off, so put it where whoever can change the database cannot: "
        "another disk, another user's folder; empty: a file in this user's state folder.",
    )
    anchor_every: int = Field(
        100, ge=1, description="At the latest after so many receipts an anchor is written."
    )
    anchor_minutes: float = Field(
        60.0,
        gt=0,
        description="And with the first receipt that comes so many minutes after the last anchor.",
    )
    threshold_target: str = Field(
        "",
        description="What τ shall keep: f1, fmr:RATE or fpir:RATE; empty: as `facegate threshold "
        "set` left it, else f1.",
    )
    detector: DetectorConfig = DetectorConfig()
    enrollment: EnrollmentConfig = EnrollmentConfig()
    identification: IdentificationConfig = IdentificationConfig()
    gate: GateConfig = GateConfig()
    doors: DoorsConfig = DoorsConfig()

    @field_validator("threshold_target")
    @classmethod
    def _readable_target(cls, text: str) -> str:
        try:
            return str(ThresholdTarget.parse(text)) if text else ""
        except ConfigError as error:
            raise ValueError(f"{error} {error.hint}") from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the configuration file."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, file

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL; may hold a password, so never print it."""
        given = self.database_url.get_secret_value()
        return given or f"sqlite:///{(self.data_dir / 'facegate.db').absolute()}"

    @property
    def anchors(self) -> Path:
        """The anchor file: as set, else one in the state folder for this very database."""
        if self.anchor_file is not None:
            return self.anchor_file
        # Made of where the database is, not of what is in it: a replaced one is then noticed.
        digest = hashlib.sha256(self.url.encode()).hexdigest()[:12]
        folder = platformdirs.user_state_path("facegate", appauthor=False)
        return folder / "anchors" / f"{digest}.jsonl"

    @property
    def models_folder(self) -> Path:
        """Where added networks are."""
        return self.models_dir or self.data_dir / "models"

    @property
    def thread_count(self) -> int:
        """Threads for a network: as set, else the cores this process may use."""
        if self.threads:
            return self.threads
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1


def config_file() -> Path:
    """Path of the configuration file, which need not exist."""
    named = os.environ.get("FACEGATE_CONFIG")
    if named:
        return Path(named)
    return platformdirs.user_config_path("facegate", appauthor=False) / "facegate.toml"


def load_settings(**overrides: Any) -> Settings:
    """Read all settings once.

    Args:
        overrides: values that win over the environment and the file.

    Raises:
        ConfigError: a key is unknown, a value out of bounds, or the file cannot be read.
    """
    named = os.environ.get("FACEGATE_CONFIG")
    if named and not Path(named).is_file():
        raise ConfigError(f"FACEGATE_CONFIG names {named}, which is not a file.")
    _refuse_unknown_variables()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _refused(first["loc"], first["type"], first["msg"]) from error
    except (OSError, ValueError) as error:  # an unreadable or malformed file
        raise ConfigError(f"The settings cannot be read: {error}.") from error


def _refused(place: Sequence[int | str], kind: str, why: str) -> ConfigError:
    """The error of one setting, which says where it was set."""
    words = [str(part) for part in place]
    key, variable = ".".join(words), ENV_PREFIX + "__".join(words).upper()
    given = next((name for name in os.environ if name.upper() == variable), "")
    where = f"the environment variable {given}" if given else str(config_file())
    if kind != "extra_forbidden":
        return ConfigError(f"Setting {key!r}: {why}.", hint=f"See {where}.")
    section: Any = Settings
    for word in words[:-1]:
        section = section.model_fields[word].annotation
    known = sorted(section.model_fields)
    near = get_close_matches(words[-1].lower(), known, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return ConfigError(
        f"{key!r} is not a setting (in {where}).", hint=f"{meant}There are: {', '.join(known)}."
    )


def _refuse_unknown_variables() -> None:
    for variable in os.environ:
        if not variable.upper().startswith(ENV_PREFIX) or variable.startswith(_NOT_SETTINGS):
            continue
        field = variable[len(ENV_PREFIX) :].lower().split("__")[0]
        if field not in Settings.model_fields:
            raise ConfigError(f"The environment variable {variable} is not a setting.")
