"""Rows are a table where it fits, blocks where it does not, plain lines where nobody looks; all whole."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from services.cli.layout import Column, Sheet, output_console, print_sheet
from shared.kinds import KINDS

COLUMNS = (
    Column(title="kind"),
    Column(title="of", right=True, goes=1),
    Column(title="read", right=True),
    Column(title="what", fold_from=8),
)
ROWS = (("services", "12", "7", "one two three four"), ("users", "", "1234", "a\nb"))


HOSTILE = "a\x1b[2J\x1b]0;title\x07\u202eb\x9b\nc"


@pytest.mark.parametrize("columns", ["", "30", "200"])
def test_foreign_text_steers_no_terminal(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for console in (output_console(), output_console(stderr=True)):
        console.print(HOSTILE, highlight=False)
        console.print(Text(HOSTILE))
        print_sheet(
            console, Sheet(columns=COLUMNS, rows=[(HOSTILE, "1", Text(HOSTILE), HOSTILE)], boxed=True)
        )

    for said in capsys.readouterr():
        assert r"\x1b[2J\x1b]0;title\x07" in said
        assert [sign for sign in said if not sign.isprintable() and sign != "\n"] == []


def shown(sheet: Sheet, width: int) -> str:
    out = io.StringIO()
    print_sheet(Console(file=out, width=width), sheet)
    return out.getvalue()


def plain(sheet: Sheet) -> list[str]:
    out = io.StringIO()
    print_sheet(Console(file=out, soft_wrap=True), sheet)
    return out.getvalue().split("\n")


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            60,
            [
                "kind      of  read  what",
                "services  12     7  one two three four",
                "users         1234  a",
                "                    b",
            ],
        ),
        (
            26,
            [
                "kind      read  what",
                "services     7  one two",
                "                three four",
                "users     1234  a",
                "                b",
            ],
        ),
        (
            20,
            [
                "services",
                "  of 12, read 7",
                "  what: one two",
                "  three four",
                "users",
                "  read 1234",
                "  what: a",
                "  b",
            ],
        ),
    ],
    ids=["all", "one column gone", "blocks"],
)
def test_sheet_is_laid_out_for_the_width_that_there_is(width: int, lines: list[str]) -> None:
    printed = shown(Sheet(columns=COLUMNS, rows=ROWS), width).splitlines()

    assert [line.rstrip() for line in printed] == lines


def test_plain_lines_hold_every_column_of_a_row_and_end_in_no_blank() -> None:
    assert plain(Sheet(columns=COLUMNS, rows=ROWS, title="all", boxed=True)) == [
        "all:",
        "kind      of  read  what",
        "services  12     7  one two three four",
        "users      -  1234  a; b",
        "",
    ]


def test_long_cell_of_a_plain_line_is_whole_and_pads_no_other_line() -> None:
    columns = (Column(title="a"), Column(title="b"))

    assert plain(Sheet(columns=columns, rows=[("x" * 300, "1"), ("y", "2")])) == [
        "a  b",
        "x" * 300 + "  1",
        "y  2",
        "",
    ]


def test_cell_is_never_taken_for_markup() -> None:
    sheet = Sheet(columns=(Column(title="[b]"), Column(title="c")), rows=[("[red]x[/]", Text("[i]"))])

    assert shown(sheet, 80).splitlines() == ["[b]        c  ", "[red]x[/]  [i]"]
    assert plain(sheet)[1] == "[red]x[/]  [i]"


@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4, unique=True),
    numbers=st.lists(st.integers(0, 10**9), min_size=4, max_size=4),
    width=st.integers(50, 160),
    boxed=st.booleans(),
)
def test_no_kind_and_no_number_that_stays_is_ever_shortened(
    kinds: list[str], numbers: list[int], width: int, boxed: bool
) -> None:
    rows = [(kind, "gone?", str(number)) for kind, number in zip(kinds, numbers, strict=False)]
    columns = (Column(title="kind"), Column(title="x", goes=1), Column(title="n", right=True))
    printed = shown(Sheet(columns=columns, rows=rows, boxed=boxed), width)

    assert [cell for kind, _, number in rows for cell in (kind, number) if cell not in printed] == []
    assert max(len(line) for line in printed.splitlines()) <= width


def test_output_that_is_no_terminal_is_not_wrapped_unless_columns_says_how_wide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert output_console().soft_wrap

    monkeypatch.setenv("COLUMNS", "64")
    console = output_console()
    assert (console.soft_wrap, console.width) == (False, 64)
