"""Takes apart JQ expressions that compile, by what binds more tightly; what it does not know it refuses."""

from functools import lru_cache
from typing import Final

from shared.jq_terms import TermReader
from shared.jq_tokens import NotReadError, Token, tokens_of
from shared.jq_tree import Binary, Binding, Comma, Label, Negation, Node, Pipe

_LEVELS: Final = 100
"""Deepest nesting that is taken apart."""
_ASSIGNMENTS: Final = frozenset({"=", "|=", "+=", "-=", "*=", "/=", "%=", "//="})
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})


@lru_cache(maxsize=4096)
def parse(text: str) -> Node | None:
    """Return the parts of an expression that compiles; None: it has something that is not known here."""
    try:
        reader = _Parser(tokens_of(text))
        node = reader.pipe()
        reader.take("end")
    except (NotReadError, RecursionError):
        return None
    return node


class _Parser(TermReader):
    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self._level = 0

    def pipe(self, *, comma: bool = True) -> Node:
        """Read what is between brackets: pipes, of commas unless they end it."""
        self._level += 1
        if self._level > _LEVELS:
            raise NotReadError("too deep")
        left = self._comma() if comma else self._alternative()
        if self.at_mark("|"):
            self.next()
            right = self.pipe(comma=comma)
            left = Pipe(left.start, right.end, left, right)
        self._level -= 1
        return left

    def _comma(self) -> Node:
        left = self._binding()
        while self.at_mark(","):
            self.next()
            right = self._binding()
            left = Comma(left.start, right.end, left, right)
        return left

    def _binding(self) -> Node:
        """Read what may bind a variable or a label for all that follows it."""
        token = self.peek()
        if self.at_word("label"):
            self.next()
            name = self.take("variable").value
            self.take("mark", "|")
            body = self.pipe()
            return Label(token.start, body.end, name, body)
        source = self._alternative()
        if self.at_word("as"):
            self.next()
            name = self.take("variable").value
            self.take("mark", "|")
            body = self.pipe()
            return Binding(source.start, body.end, source, name, body)
        return source

    def _alternative(self) -> Node:
        left = self._assignment()
        if self.at_mark("//"):
            self.next()
            right = self._alternative()
            return Binary(left.start, right.end, "//", left, right)
        return left

    def _assignment(self) -> Node:
        left = self._or()
        if self.at_mark(*_ASSIGNMENTS):
            operator = self.next().value
            # What stands on the right of it does not matter: nothing of an assignment is looked into.
            right = self._alternative()
            return Binary(left.start, right.end, operator, left, right)
        return left

    def _or(self) -> Node:
        left = self._and()
        while self.at_word("or"):
            self.next()
            right = self._and()
            left = Binary(left.start, right.end, "or", left, right)
        return left

    def _and(self) -> Node:
        left = self._comparison()
        while self.at_word("and"):
            self.next()
            right = self._comparison()
            left = Binary(left.start, right.end, "and", left, right)
        return left

    def _comparison(self) -> Node:
        left = self._sum()
        if self.at_mark(*_COMPARISONS):
            operator = self.next().value
            right = self._sum()
            return Binary(left.start, right.end, operator, left, right)
        return left

    def _sum(self) -> Node:
        left = self._product()
        while self.at_mark("+", "-"):
            operator = self.next().value
            right = self._product()
            left = Binary(left.start, right.end, operator, left, right)
        return left

    def _product(self) -> Node:
        left = self._operand()
        while self.at_mark("*", "/", "%"):
            operator = self.next().value
            right = self._operand()
            left = Binary(left.start, right.end, operator, left, right)
        return left

    def _operand(self) -> Node:
        token = self.peek()
        if self.at_mark("-"):
            self.next()
            body = self.postfix()
            return Negation(token.start, body.end, body)
        return self.postfix()
