"""Says of jq's functions what their arguments read and what they give, whatever they are called on."""

from typing import Final

from shared.jq_shape import BOOLEAN, NEVER, NULL, NUMBER, OBJECT, STRING, Shape, array_of

SAME_INPUT: Final = frozenset(
    [
        "select",
        "test",
        "match",
        "capture",
        "scan",
        "split",
        "splits",
        "sub",
        "gsub",
        "ltrimstr",
        "rtrimstr",
        "startswith",
        "endswith",
        "index",
        "rindex",
        "indices",
        "join",
        "has",
        "contains",
        "inside",
        "error",
        "tojson",
        "limit",
        "first",
        "last",
        "isempty",
        "recurse",
        "range",
        "in",
        "ascii",
        "add",
    ]
)
"""Calls whose first argument has the call's own input."""
OF_ITEMS: Final = frozenset(["map", "sort_by", "group_by", "unique_by", "min_by", "max_by", "any", "all"])
"""Calls with one argument that has each item as its input."""
GIVES: Final[dict[str, Shape]] = {
    **dict.fromkeys(
        [
            "tostring",
            "ascii_downcase",
            "ascii_upcase",
            "join",
            "tojson",
            "ltrimstr",
            "rtrimstr",
            "sub",
            "gsub",
            "todate",
            "strftime",
            "ascii",
            "implode",
            "trim",
            "ltrim",
            "rtrim",
            "type",
        ],
        STRING,
    ),
    **dict.fromkeys(
        [
            "length",
            "tonumber",
            "fromdate",
            "now",
            "floor",
            "ceil",
            "round",
            "fabs",
            "sqrt",
            "mktime",
            "utf8bytelength",
        ],
        NUMBER,
    ),
    **dict.fromkeys(
        [
            "not",
            "test",
            "startswith",
            "endswith",
            "contains",
            "inside",
            "has",
            "any",
            "all",
            "isempty",
            "true",
            "false",
            "in",
        ],
        BOOLEAN,
    ),
    **dict.fromkeys(["keys", "keys_unsorted", "split"], array_of(STRING)),
    **dict.fromkeys(["to_entries", "explode", "range_list"], array_of(None)),
    **dict.fromkeys(["from_entries", "with_entries"], OBJECT),
    **dict.fromkeys(["empty", "error"], NEVER),
    "null": NULL,
}
KEEPS_LIST: Final = frozenset(["sort", "unique", "reverse", "sort_by", "unique_by"])
