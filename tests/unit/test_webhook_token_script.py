"""`make up` makes a webhook token where the gateway would have nothing to verify with, and only there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "webhook_token.sh"
ADDRESS = "OCEAN__BASE_URL=https://hooks.example\n"
TOKEN = "OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN"
SECRET = "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET"


def run(folder: Path, text: str, **environment: str) -> tuple[str, str]:
    """Return what is said, and what stands in the file then."""
    file = folder / ".env"
    file.write_text(text)
    ended = subprocess.run(
        ["/bin/sh", str(SCRIPT)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout + ended.stderr, file.read_text()


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        ADDRESS.rstrip(),
        f"{ADDRESS}{TOKEN}=\n# {SECRET}=x\n",
        f'OCEAN__INTEGRATION__CONFIG__APP_HOST = "https://h"\n{TOKEN}=""\n',
        f"{ADDRESS}{TOKEN}= # none yet\n",
    ],
)
def test_token_is_added_where_nothing_verifies(tmp_path: Path, text: str) -> None:
    said, found = run(tmp_path, text)

    assert said == f"{TOKEN}: made, and added to .env\n"
    ended = text if text.endswith("\n") else f"{text}\n"
    added = found.removeprefix(ended)
    assert found != added
    assert re.fullmatch(rf"# .+\n{TOKEN}=[0-9a-f]{{64}}\n", added)
    # A second start finds it.
    assert run(tmp_path, found) == ("", found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OCEAN__BASE_URL=\n",
        f"# {ADDRESS}",
        f"{ADDRESS}{TOKEN}=x\n",
        f"{ADDRESS}export {SECRET}='y'\n",
    ],
)
def test_file_that_needs_none_is_left_alone(tmp_path: Path, text: str) -> None:
    assert run(tmp_path, text) == ("", text)


def test_environment_goes_before_the_file(tmp_path: Path) -> None:
    assert run(tmp_path, ADDRESS, **{SECRET: "x"}) == ("", ADDRESS)
    assert run(tmp_path, "", OCEAN__BASE_URL="https://h")[0] != ""


def test_without_a_file_none_is_made(tmp_path: Path) -> None:
    subprocess.run(["/bin/sh", str(SCRIPT)], cwd=tmp_path, check=True)

    assert list(tmp_path.iterdir()) == []


def test_make_up_asks_for_it_before_it_starts_anything() -> None:
    (recipe,) = re.findall(r"^up:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert recipe.splitlines()[0] == "\t@sh tools/webhook_token.sh"
