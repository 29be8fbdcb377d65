"""Holds secrets that can be recognised anywhere, and finds them in whatever a program has produced."""

import base64
import html
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

TOKEN = 'u+9fQ2"x%3Kx\\Zt7/Wm=LpTok'
CLIENT_SECRET = 'cS8&r<4vN"q\\Jd0%Yb+2/Hg=Ex'
WEBHOOK_SECRET = "wS3Hk7Zq9PlVbXr2Ju"
OLD_WEBHOOK_SECRET = "oW6Gd4Sa1MnCtYi8Ke"
WEBHOOK_TOKEN = "wT5Mn1Ty8KcQdGz6Ab"
PROXY_PASSWORD = "pX4/bR9sLtW7uEzA3"
PROXY_USER_INFO = f"proxyuser:{quote(PROXY_PASSWORD, safe='')}"
KAFKA_PASSWORD = "open sesame"
"""That of the broker of the tests; see `tests.broker.server`."""

PLANTED = {
    "PagerDuty token": TOKEN,
    "Port client secret": CLIENT_SECRET,
    "webhook secret": WEBHOOK_SECRET,
    "old webhook secret": OLD_WEBHOOK_SECRET,
    "webhook token": WEBHOOK_TOKEN,
    "proxy password": PROXY_PASSWORD,
    "Kafka password": KAFKA_PASSWORD,
}
PIECE_CHARS = 12
"""So many characters of a secret in a row are a part of it, not chance."""


def forms(secret: str) -> set[str]:
    """Return what a secret looks like where it was quoted, encoded or cut."""
    in_json = json.dumps(secret)[1:-1]
    whole = {secret, in_json, json.dumps(in_json)[1:-1], html.escape(secret), repr(secret)[1:-1]}
    whole |= {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    whole |= {one.lower() for one in whole if "%" in one and one != secret}
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret.encode()).decode()
        # Whole groups of three bytes, so that what stands before and behind has no part in them.
        whole.add(text[4 if before else 0 : len(text) // 4 * 4 - 4])
    whole.add(secret.encode().hex())
    pieces = {secret[at : at + PIECE_CHARS] for at in range(len(secret) - PIECE_CHARS + 1)}
    return {form for form in whole if len(form) >= min(PIECE_CHARS, len(secret))} | pieces


class Leaks:
    """Finds secrets in texts and files.

    Args:
        secrets: Name to value.
    """

    def __init__(self, secrets: dict[str, str]) -> None:
        self._forms = {name: [form.encode() for form in forms(value)] for name, value in secrets.items()}

    def within(self, where: str, content: bytes | str) -> list[str]:
        """Return a line for each secret that is in a content, with what stands around it."""
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        found = []
        for name, its_forms in self._forms.items():
            at = min((place for form in its_forms if (place := data.find(form)) >= 0), default=-1)
            if at >= 0:
                found.append(f"{name} in {where}: …{data[max(at - 80, 0) : at + 60]!r}…")
        return found

    def in_files(self, folder: Path, but: Iterable[str] = ()) -> list[str]:
        """Return a line for each secret in a file below a folder."""
        return [
            line
            for file in files(folder)
            if file.name not in set(but)
            for line in self.within(str(file.relative_to(folder)), file.read_bytes())
        ]


def files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder."""
    return (file for file in sorted(folder.rglob("*")) if file.is_file())
