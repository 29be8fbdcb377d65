"""Takes apart JQ expressions that compile; what it does not know it refuses."""

from functools import lru_cache
from typing import Final

from shared.jq_tokens import NotReadError, Sort, Token, tokens_of
from shared.jq_tree import (
    Array,
    Binary,
    Binding,
    Break,
    Call,
    Comma,
    Condition,
    Each,
    Field,
    Fold,
    Format,
    Group,
    Identity,
    Index,
    Label,
    Member,
    Negation,
    Node,
    Number,
    Object,
    Pipe,
    Recurse,
    Slice,
    String,
    Try,
    Variable,
)

_LEVELS: Final = 100
"""Deepest nesting that is taken apart."""
_ASSIGNMENTS: Final = frozenset({"=", "|=", "+=", "-=", "*=", "/=", "%=", "//="})
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_WORDS: Final = frozenset(
    {
        *("as", "import", "include", "module", "def", "if", "then", "else", "elif", "end", "and", "or"),
        *("reduce", "foreach", "try", "catch", "label", "__loc__"),
    }
)


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


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._level = 0

    def pipe(self, *, comma: bool = True) -> Node:
        """Read what is between brackets: pipes, of commas unless they end it."""
        self._level += 1
        if self._level > _LEVELS:
            raise NotReadError("too deep")
        left = self._comma() if comma else self._alternative()
        if self._is("|"):
            self._next()
            right = self.pipe(comma=comma)
            left = Pipe(left.start, right.end, left, right)
        self._level -= 1
        return left

    def take(self, sort: Sort, value: str = "") -> Token:
        """Read a token that must be there."""
        token = self._next()
        if token.sort != sort or (value and token.value != value):
            raise NotReadError(token.value)
        return token

    def _comma(self) -> Node:
        left = self._binding()
        while self._is(","):
            self._next()
            right = self._binding()
            left = Comma(left.start, right.end, left, right)
        return left

    def _binding(self) -> Node:
        """Read what may bind a variable or a label for all that follows it."""
        token = self._peek()
        if self._is_word("label"):
            self._next()
            name = self.take("variable").value
            self.take("mark", "|")
            body = self.pipe()
            return Label(token.start, body.end, name, body)
        source = self._alternative()
        if self._is_word("as"):
            self._next()
            name = self.take("variable").value
            self.take("mark", "|")
            body = self.pipe()
            return Binding(source.start, body.end, source, name, body)
        return source

    def _alternative(self) -> Node:
        left = self._assignment()
        if self._is("//"):
            self._next()
            right = self._alternative()
            return Binary(left.start, right.end, "//", left, right)
        return left

    def _assignment(self) -> Node:
        left = self._or()
        if self._is(*_ASSIGNMENTS):
            operator = self._next().value
            # What stands on the right of it does not matter: nothing of an assignment is looked into.
            right = self._alternative()
            return Binary(left.start, right.end, operator, left, right)
        return left

    def _or(self) -> Node:
        left = self._and()
        while self._is_word("or"):
            self._next()
            right = self._and()
            left = Binary(left.start, right.end, "or", left, right)
        return left

    def _and(self) -> Node:
        left = self._comparison()
        while self._is_word("and"):
            self._next()
            right = self._comparison()
            left = Binary(left.start, right.end, "and", left, right)
        return left

    def _comparison(self) -> Node:
        left = self._sum()
        if self._is(*_COMPARISONS):
            operator = self._next().value
            right = self._sum()
            return Binary(left.start, right.end, operator, left, right)
        return left

    def _sum(self) -> Node:
        left = self._product()
        while self._is("+", "-"):
            operator = self._next().value
            right = self._product()
            left = Binary(left.start, right.end, operator, left, right)
        return left

    def _product(self) -> Node:
        left = self._operand()
        while self._is("*", "/", "%"):
            operator = self._next().value
            right = self._operand()
            left = Binary(left.start, right.end, operator, left, right)
        return left

    def _operand(self) -> Node:
        token = self._peek()
        if self._is("-"):
            self._next()
            body = self._postfix()
            return Negation(token.start, body.end, body)
        return self._postfix()

    def _postfix(self) -> Node:
        """Read a term with the steps behind it."""
        if self._is_word("try"):
            return self._try()
        term = self._term()
        while True:
            token = self._peek()
            if token.sort == "field":
                self._next()
                term = self._field(term, token.value, token.end)
            elif self._is("["):
                term = self._bracket(term)
            elif self._is("."):
                self._next()
                term = self._behind_dot(term)
            elif self._is("?"):
                self._next()
                term = Try(term.start, token.end, term, None)
            else:
                return term

    def _behind_dot(self, term: Node) -> Node:
        if self._peek().sort == "quote":
            name = self._string("")
            return self._key(term, name, name.end)
        if self._is("["):
            return self._bracket(term)
        raise NotReadError(".")

    def _try(self) -> Node:
        token = self._next()
        body = self._postfix()
        if self._is_word("catch"):
            self._next()
            handler = self._postfix()
            return Try(token.start, handler.end, body, handler)
        return Try(token.start, body.end, body, None)

    def _field(self, term: Node, name: str, end: int) -> Field:
        return Field(term.start, self._behind_question(end), term, name, self._questioned(), end)

    def _key(self, term: Node, key: Node, end: int) -> Node:
        name = plain_text(key)
        if name is not None:
            return self._field(term, name, end)
        return Index(term.start, self._behind_question(end), term, key, self._questioned(), end)

    def _behind_question(self, end: int) -> int:
        return self._peek().end if self._is("?") else end

    def _questioned(self) -> bool:
        if self._is("?"):
            self._next()
            return True
        return False

    def _bracket(self, term: Node) -> Node:
        self.take("mark", "[")
        if self._is("]"):
            end = self._next().end
            return Each(term.start, self._behind_question(end), term, self._questioned())
        low = None if self._is(":") else self.pipe()
        if self._is(":"):
            self._next()
            high = None if self._is("]") else self.pipe()
            end = self.take("mark", "]").end
            return Slice(term.start, self._behind_question(end), term, low, high, self._questioned())
        end = self.take("mark", "]").end
        if low is None:
            raise NotReadError("[:]")
        return self._key(term, low, end)

    def _term(self) -> Node:
        token = self._peek()
        if token.sort == "quote":
            return self._string("")
        self._next()
        if token.sort == "field":
            return self._field(Identity(token.start, token.start + 1), token.value, token.end)
        if token.sort == "number":
            return Number(token.start, token.end, token.value)
        if token.sort == "variable":
            if token.value in _WORDS:
                raise NotReadError(token.value)
            return Variable(token.start, token.end, token.value)
        if token.sort == "format":
            if self._peek().sort == "quote":
                return self._string(token.value, token.start)
            return Format(token.start, token.end, token.value)
        if token.sort == "name":
            return self._named(token)
        return self._marked(token)

    def _marked(self, token: Token) -> Node:
        if token.value == ".":
            if self._peek().sort == "quote":
                return self._behind_dot(Identity(token.start, token.end))
            return Identity(token.start, token.end)
        if token.value == "..":
            return Recurse(token.start, token.end)
        if token.value == "(":
            body = self.pipe()
            return Group(token.start, self.take("mark", ")").end, body)
        if token.value == "[":
            if self._is("]"):
                return Array(token.start, self._next().end, None)
            body = self.pipe()
            return Array(token.start, self.take("mark", "]").end, body)
        if token.value == "{":
            return self._object(token)
        raise NotReadError(token.value)

    def _named(self, token: Token) -> Node:
        if token.value == "if":
            return self._condition(token)
        if token.value in ("reduce", "foreach"):
            return self._fold(token)
        if token.value == "break":
            label = self.take("variable")
            return Break(token.start, label.end, label.value)
        if token.value in _WORDS:
            raise NotReadError(token.value)
        if not self._is("("):
            return Call(token.start, token.end, token.value, ())
        self._next()
        arguments = [self.pipe()]
        while self._is(";"):
            self._next()
            arguments.append(self.pipe())
        return Call(token.start, self.take("mark", ")").end, token.value, tuple(arguments))

    def _condition(self, token: Token) -> Node:
        branches = []
        while True:
            condition = self.pipe()
            self.take("name", "then")
            branches.append((condition, self.pipe()))
            if not self._is_word("elif"):
                break
            self._next()
        otherwise = None
        if self._is_word("else"):
            self._next()
            otherwise = self.pipe()
        end = self.take("name", "end").end
        return Condition(token.start, end, tuple(branches), otherwise)

    def _fold(self, token: Token) -> Node:
        source = self._postfix()
        self.take("name", "as")
        name = self.take("variable").value
        self.take("mark", "(")
        parts = [self.pipe()]
        while self._is(";"):
            self._next()
            parts.append(self.pipe())
        end = self.take("mark", ")").end
        return Fold(token.start, end, token.value, source, name, parts[0], tuple(parts[1:]))

    def _object(self, token: Token) -> Node:
        members: list[Member] = []
        while not self._is("}"):
            if members:
                self.take("mark", ",")
            members.append(self._member())
        return Object(token.start, self._next().end, tuple(members))

    def _member(self) -> Member:
        token = self._peek()
        key: Node
        if token.sort == "quote":
            key = self._string("")
        elif token.sort == "name":
            self._next()
            key = String(token.start, token.end, (token.value,), "")
        elif token.sort == "variable" and token.value not in _WORDS:
            self._next()
            key = Variable(token.start, token.end, token.value)
        elif self._is("("):
            self._next()
            key = self.pipe()
            self.take("mark", ")")
            if not self._is(":"):
                raise NotReadError(")")
        else:
            raise NotReadError(token.value)
        if not self._is(":"):
            return Member(token.start, key.end, key, None)
        self._next()
        value = self.pipe(comma=False)
        return Member(token.start, value.end, key, value)

    def _string(self, format_: str, start: int | None = None) -> String:
        opening = self.take("quote")
        parts: list[str | Node] = []
        while True:
            token = self._next()
            if token.sort == "text":
                parts.append(token.value)
            elif token.sort == "open":
                parts.append(self.pipe())
                self.take("close")
            elif token.sort == "quote":
                begin = opening.start if start is None else start
                return String(begin, token.end, tuple(parts), format_)
            else:
                raise NotReadError(token.value)

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _is(self, *marks: str) -> bool:
        token = self._peek()
        return token.sort == "mark" and token.value in marks

    def _is_word(self, word: str) -> bool:
        token = self._peek()
        return token.sort == "name" and token.value == word


def plain_text(node: Node) -> str | None:
    """Return the text of a string that interpolates nothing; None of any other part."""
    if not isinstance(node, String) or node.format:
        return None
    if any(isinstance(part, Node) for part in node.parts):
        return None
    return "".join(str(part) for part in node.parts)
