"""Takes passwords out of network addresses before anybody can read them."""

from __future__ import annotations

import re

HIDDEN = "***"

_USER_INFO = re.compile(r"//[^/?#]*@")
_HARMLESS = frozenset(
    {
        "action", "camera", "channel", "codec", "compression", "format", "fps", "framerate",
        "height", "profile", "quality", "resolution", "size", "stream", "subtype", "type", "width",
    }
)  # fmt: skip
_PARAMETER = re.compile(r"([?&;])([^=&;#]*)=([^&;#]*)")
_IN_PATH = re.compile(
    r"(?i)((?:user(?:name)?|pass(?:word|wd)?|pwd|token|key|secret|auth)=)((?:(?![_&;/?#]\w+=)[^&;/?#])*)"
)
"""Some recorders carry the password in the path: `/user=admin_password=secret_channel=1.sdp`."""


def redact(url: str) -> str:
    """Replace whatever may be a secret of an address by three stars.

    The user name goes with the password. Parameters of the query lose their values unless their
    names are known to be harmless: nobody can list all the words for a password.
    """
    url = _USER_INFO.sub(f"//{HIDDEN}@", url, count=1)
    url = _PARAMETER.sub(_hide_parameter, url)
    url, mark, _ = url.partition("#")
    url += f"#{HIDDEN}" if mark else ""
    head, mark, rest = url.partition("?")
    return _IN_PATH.sub(rf"\1{HIDDEN}", head) + mark + rest


def _hide_parameter(match: re.Match[str]) -> str:
    before, name, value = match.groups()
    shown = value if name.lower() in _HARMLESS else HIDDEN
    return f"{before}{name}={shown}"
