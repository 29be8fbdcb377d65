"""docs/dead-letters.md names every reason there is, with the next step that the commands give."""

import re
from pathlib import Path

from schemas.outcome import Reason
from services.cli.next_steps import NEXT_STEPS

PAGE = Path(__file__).parents[2] / "docs" / "dead-letters.md"
ROW = re.compile(r"^\| `(?P<reason>\w+)` \| (?P<means>.+) \| (?P<step>.+) \|$", re.MULTILINE)


def test_page_has_a_row_for_every_reason_with_its_next_step() -> None:
    rows = {row["reason"]: row["step"] for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))}

    assert rows == {str(reason): NEXT_STEPS[reason] for reason in Reason}
