"""Makes JQ expressions for comparing what runs without libjq with libjq itself, all of a seed."""

import json
from collections.abc import Callable, Iterator
from random import Random

from tests.jq_close_calls import OPERATORS, PATTERNS, WITH_TEXT, close_calls
from tests.jq_documents import NAMES, TEXTS


class Expressions:
    """Makes expressions: mostly of the forms that run natively, and what stands around them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._bound: tuple[str, ...] = ()
        """What names something that is bound where the next leaf stands: `$v`, `break $l`."""

    def text(self) -> str:
        return self._expression(self._random.choice((0, 1, 1, 2, 2, 3)))

    def _expression(self, depth: int) -> str:
        if depth <= 0:
            return self._leaf()
        make = self._random.choice(_FORMS)
        return make(self, depth - 1)

    def _choose(self, *of: str) -> str:
        return self._random.choice(of)

    def _leaf(self) -> str:
        random = self._random
        choice = random.random()
        if self._bound and choice < 0.25:
            return self._choose(*self._bound)
        if choice < 0.6:
            return self._path()
        if choice < 0.7:
            return json.dumps(random.choice(TEXTS), ensure_ascii=random.random() < 0.5)
        if choice < 0.82:
            return self._choose("0", "1", "2", "-1", "007", "10", "9007199254740992", "1.5", "-0", "1.10")
        return self._choose("null", "true", "false", "empty", "[]", "{}", ".", ".", "error", 'error("x")')

    def _path(self) -> str:
        random = self._random
        text = ""
        for _ in range(random.choice((1, 1, 1, 2, 2, 3))):
            text += self._step(bool(text))
        return text

    def _step(self, later: bool) -> str:
        random = self._random
        name = random.choice(NAMES)
        choice = random.random()
        dot = "" if later else "."
        mark = "?" if random.random() < 0.12 else ""
        if choice < 0.6:
            return (f".{name}" if name.isidentifier() and name.isascii() else f".{json.dumps(name)}") + mark
        if choice < 0.68:
            return f"{dot}[{json.dumps(name)}]{mark}"
        if choice < 0.78:
            return f"{dot}[{random.choice((0, 1, -1, 2, -3))}]{mark}"
        if choice < 0.84:
            return f"{dot}[{self._choose('0:2', '1:', ':-1', '-2:', '2:1', ':0')}]{mark}"
        if choice < 0.97:
            return f"{dot}[]{mark}"
        return f"{dot}[{self._path()}]{mark}"

    def _operand(self, depth: int) -> str:
        text = self._expression(depth)
        return f"({text})" if self._random.random() < 0.7 else text

    def pipe(self, depth: int) -> str:
        return f"{self._operand(depth)} {self._choose('|', '|', ' | ')} {self._operand(depth)}"

    def binary(self, depth: int) -> str:
        return f"{self._operand(depth)} {self._choose(*OPERATORS, '+', '//')} {self._operand(depth)}"

    def chain(self, depth: int) -> str:
        """Three operands without parentheses: what binds more tightly is jq's to say."""
        operators = ("+", "-", "*", "/", "and", "or", "//", ",", "|", "==")
        first, second = self._choose(*operators), self._choose(*operators)
        return f"{self._expression(depth)} {first} {self._leaf()} {second} {self._expression(depth)}"

    def condition(self, depth: int) -> str:
        test, chosen = self._expression(depth), self._expression(depth)
        middle = f" elif {self._leaf()} then {self._expression(depth)}" if self._random.random() < 0.2 else ""
        other = f" else {self._expression(depth)}" if self._random.random() < 0.8 else ""
        return f"if {test} then {chosen}{middle}{other} end"

    def listed(self, depth: int) -> str:
        return f"[{self._expression(depth)}]"

    def object(self, depth: int) -> str:
        values = ", ".join(
            self._choose(f"{name}: ({self._expression(depth)})", f'"{name}": {self._leaf()}', name)
            for name in ("a", "b", "id")[: self._random.choice((1, 2, 3))]
        )
        return "{" + values + "}"

    def interpolation(self, depth: int) -> str:
        return f'"x\\({self._expression(depth)}) é\\n\\({self._leaf()})"'

    def optional(self, depth: int) -> str:
        inner = self._expression(depth)
        return self._choose(
            *(f"({inner})?", f"try {self._path()}", f"[{self._path()}?]", f"[{inner}]?", f"try ({inner})"),
            *(f"[({inner})?, 7]", f"[limit({self._choose('0', '1')}; {inner})]?", f"({inner})? // 7"),
        )

    def stepped(self, depth: int) -> str:
        if self._random.random() < 0.2:
            key = self._choose(
                "1 - 1", "1 - 3", "1 - 9", "2 + 7", '"a"', '"a" + ""', ".a", ".id", "null", "true"
            )
            return f"{self._choose('[1, 2, 3]', '{a: 1}', '.a', '(.a, .b)', '.b', 'null')}[{key}]"
        return f"({self._expression(depth)}){self._step(True)}"

    def function(self, depth: int) -> str:
        called = self._random.choice(self._calls(depth))
        choice = self._random.random()
        if choice < 0.1:
            return called
        given = self._random.choice(self._inputs()) if choice < 0.55 else self._operand(depth)
        return f"{given} | {called}"

    def each_form(self) -> Iterator[str]:
        """Yield every function on every sort of input, and every operator between two of them."""
        for number, _ in enumerate(self._calls(0)):
            for given in self._inputs():
                # Each time with other arguments.
                yield f"{given} | {self._calls(0)[number]}"
        yield from close_calls(self._random)
        for operator in OPERATORS:
            for given in self._inputs():
                yield f"({given}) {operator} ({self._choose(given, *self._inputs())})"

    def _inputs(self) -> tuple[str, ...]:
        """Return what functions want: texts, lists of one sort, dates; and what is nearly that."""
        text, other, name = self._literal(), self._literal(), self._choose("a", "b", "id")
        return (
            *(text, other, f".{name} // {text}", f".{name}", f"(.{name} | values)"),
            *(
                '"2026-04-06T21:30:42Z"',
                "86400",
                "2",
                "0",
                "-3",
                "true",
                "[2026, 3, 6, 21, 30, 42, 1, 95]",
            ),
            *(f"[.{name}[]?]", f"[.{name}[]?.a]", "[2, 1, 10, 2, null]", f'["b", "a", {text}, "é"]'),
            *('[0, "", false]', "[null, [], {}]", "[1, true]", '{a: null, b: 1, "": 2}'),
            f"[{{a: 2, b: {text}}}, {{a: 1, b: .{name}}}, {{a: 2, id: 1}}]",
            f"[{{a: .{name}}}, {{a: {text}, b: 1}}, {{a: {text}, b: 2}}]",
            f"{{a: {text}, b: .{name}}}",
        )

    def _literal(self) -> str:
        """Return a text of few letters as often as an odd one, so that one is found in another."""
        random = self._random
        if random.random() < 0.4:
            return json.dumps(random.choice(TEXTS))
        return json.dumps("".join(random.choice("aab,cé\n X") for _ in range(random.choice((0, 1, 2, 3, 6)))))

    def _calls(self, depth: int) -> tuple[str, ...]:
        """Return a call of every function that runs natively, with arguments as they come."""
        text, pattern = self._literal(), json.dumps(self._random.choice(PATTERNS))
        iso, form = "%Y-%m-%dT%H:%M:%SZ", self._choose("%Y-%m-%d", "%H:%M", "%A %j", "%%Y")
        arguments = (".a", ".b", ". == 2", ".a, .b", "1, true", "., null", "not")
        argument = self._choose(self._expression(min(depth, 1)), *arguments)
        return (
            *("length", "type", "not", "tostring", "keys", "ascii_downcase", "ascii_upcase", "add", "sort"),
            *("unique", "min", "max", "first", "last", "values", "null", "true", "false", "empty", "explode"),
            *("tojson", "@json", "@text", "@csv", "@base64", "@uri"),
            *("fromdate", "fromdateiso8601", "todate", "todateiso8601", "mktime"),
            *(f"{name}({text})" for name in WITH_TEXT),
            'has("a")',
            *(f'strptime("{iso}")', f'strptime("{form}")', f'strftime("{iso}")', f'strftime("{form}")'),
            *(f"test({pattern})", f"[scan({pattern})]", f"[splits({pattern})]", f"splits({pattern})"),
            *(f"sub({pattern}; {text})", f"gsub({pattern}; {text})", '[scan("[a-z]+")]'),
            *(f'sub("[^a-z0-9]+"; {text})', f'gsub("[^a-z0-9]+"; {text})', 'splits(" +")'),
            *(f"select({argument})", f"map({argument})", f"first({argument})", f"[first({argument})]"),
            *(f"any({argument})", f"all({argument})", f"IN({argument})", f"[limit(1; {argument})]"),
            *(f"limit({self._choose('0', '1', '2')}; {argument})", f"sort_by({argument})"),
            *(f"group_by({argument})", f"unique_by({argument})", "any(.)", "all(.)", "IN(1, true, null)"),
        )

    def bound(self, depth: int) -> str:
        """Variables and labels, some of which hide others of the same name."""
        source, body = self._operand(depth), self._expression(depth)
        name = self._choose("x", "y")
        using = self._choose(
            *(f"${name}", f"${name}, {body}", f"[., ${name}]", f"${name} // {body}", f"select(. == ${name})"),
            *(f"({source}) as $x | [$x, ${name}]", f"[{source} | ., ${name}]", f"{{a: ${name}}} | .a"),
        )
        update = self._choose(". + 1", f". + ${name}", f"${name}", "[.]")
        steps = "., if . == 1 then break $a elif . == 2 then break $b else"
        return self._choose(
            f"{self._leaf()} {self._choose(*OPERATORS)} {source} as ${name} | {using}",
            f"({source}) as ${name} | {using}",
            f"[{body}[]? as ${name} | {using}]",
            f"reduce {self._path()} as ${name} ({self._leaf()}; {update})",
            f"reduce ({source}) as ${name} ({self._leaf()}; {self._expression(0)})",
            f"[label $out | {source} | ({body}), break $out]",
            f"label $out | {source} | if . then ., break $out else {body} end",
            f"[label $a | label $b | {source} | {steps} {body} end]",
            f"[label $a | (label $b | {source} | ., break $a), {body}]",
            f"[label $a | ({source}, (label $a | {body}, break $a), break $a)?]",
        )

    def within(self, depth: int) -> str:
        """A variable or a label that is named anywhere in what follows, also where its name is not bound."""
        before, source = self._bound, self._operand(depth)
        self._bound += (self._choose("$v", "break $l", "break $l", "break $m"),)
        body, other = self._operand(depth), self._operand(depth)
        self._bound = before
        return self._choose(
            f"[label $m | label $l | {source} as $v | {body}, {other}]",
            f"[label $m | [{source} as $v | label $l | {body}], {other}]",
            f"label $m | {source} as $v | [label $l | {body}, {other}], 7",
            f"[label $m | (label $l | ({body}, 7)?, {source})?, 8]",
        )

    def left_to_libjq(self, depth: int) -> str:
        """A form that only libjq runs, with paths in it, so that it shows what is handed to it."""
        inner, leaf = self._expression(depth), self._path()
        return self._choose(
            f"{inner} | @html",
            f"[{inner}] | @sh",
            f"reduce ({inner}) as $x ({leaf}; . + $x)",
            f"({inner}) as $x | [$x, {leaf}]",
            f"label $out | {inner} | ., break $out",
            f"first({inner} | @html)",
            f"{inner} | ascii",
            f"try ({inner} | error) catch .",
            f"foreach ({inner}) as $x ({leaf}; $x; [., $x])",
            f"foreach ({inner}) as $x ({{a: 1}}; {{a: (.a | [., $x] | @sh?)}}; .a)",
            f"{{a, b: ({inner} | @html), (({leaf} | tostring)): 1}}",
            f'{leaf} | test("a")',
            f'@base64 "\\({inner})"',
            f"-({inner})",
            f"[limit(2; {inner}, {leaf} | tojson)]",
            f"any({inner}; . == 1) | tojson",
            f"[{leaf} | to_entries?] | tojson",
            f". as $d | {inner} | [$d, .] | tojson",
            f"[paths] | tojson, {inner}",
            f"if {leaf} then ({inner} | @html) end",
            f"[.. | numbers, {leaf}] | tojson",
            f"del({leaf})",
            f"{leaf} |= ({inner})",
        )


_FORMS: tuple[Callable[[Expressions, int], str], ...] = (
    Expressions.pipe,
    Expressions.pipe,
    Expressions.binary,
    Expressions.binary,
    Expressions.chain,
    Expressions.condition,
    Expressions.listed,
    Expressions.object,
    Expressions.interpolation,
    Expressions.optional,
    Expressions.stepped,
    Expressions.bound,
    Expressions.within,
    Expressions.function,
    Expressions.function,
    Expressions.function,
)
