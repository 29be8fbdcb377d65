"""The warnings before a mapping is used are those of `pagerport mapping check`, in a few lines."""

from pathlib import Path

import pytest

from services.cli.app import main
from shared.mapping_file import load_mapping
from shared.mapping_warnings import SHOWN, warning_lines

HEAD = """
resources:
  - kind: services
    selector:
      query: .name
    port:
      entity:
        mappings:
          identifier: .idd
          blueprint: '"app"'
          properties:
            ok: .summary
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "m.yaml"


def shown_by_check(capsys: pytest.CaptureFixture[str], file: Path) -> list[str]:
    with pytest.raises(SystemExit):
        main(["mapping", "check", str(file)])
    return [line.removeprefix("warning: ") for line in capsys.readouterr().out.splitlines()[:-1]]


def test_a_few_warnings_are_all_shown_as_mapping_check_does(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    file.write_text(HEAD + "            two: .teams[].id\n            none: .nothing\n")

    lines = warning_lines(load_mapping(file), file)

    assert lines == shown_by_check(capsys, file)
    assert 2 < len(lines) <= SHOWN


def test_many_warnings_are_counted_and_the_command_that_shows_them_is_named(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    file.write_text(HEAD + "".join(f"            p{number}: .nothing{number}\n" for number in range(20)))

    lines = warning_lines(load_mapping(file), file)
    every = shown_by_check(capsys, file)

    assert lines[:-1] == every[:SHOWN]
    rest = f"{len(every) - SHOWN} more warnings: `pagerport mapping check {file}` shows all"
    assert lines[-1] == f"{file}: {rest}"
