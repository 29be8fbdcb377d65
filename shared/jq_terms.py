"""Reads the terms of a JQ expression and the steps behind them: paths, calls, strings, lists, conditions."""

from abc import ABC, abstractmethod
from typing import Final

from shared.jq_token_stream import TokenStream
from shared.jq_tokens import NotReadError, Token
from shared.jq_tree import (
    Array,
    Break,
    Call,
    Condition,
    Each,
    Field,
    Fold,
    Format,
    Group,
    Identity,
    Index,
    Member,
    Node,
    Number,
    Object,
    Recurse,
    Slice,
    String,
    Try,
    Variable,
    plain_text,
)

_WORDS: Final = frozenset(
    {
        *("as", "import", "include", "module", "def", "if", "then", "else", "elif", "end", "and", "or"),
        *("reduce", "foreach", "try", "catch", "label", "__loc__"),
    }
)


class TermReader(TokenStream, ABC):
    """Reads terms; what stands between their brackets is whole expressions."""

    @abstractmethod
    def pipe(self, *, comma: bool = True) -> Node:
        """Read what is between brackets: pipes, of commas unless they end it."""

    def postfix(self) -> Node:
        """Read a term with the steps behind it."""
        if self.at_word("try"):
            return self._try()
        term = self._term()
        while True:
            token = self.peek()
            if token.sort == "field":
                self.next()
                term = self._field(term, token.value, token.end)
            elif self.at_mark("["):
                term = self._bracket(term)
            elif self.at_mark("."):
                self.next()
                term = self._behind_dot(term)
            elif self.at_mark("?"):
                self.next()
                term = Try(term.start, token.end, term, None)
            else:
                return term

    def _behind_dot(self, term: Node) -> Node:
        if self.peek().sort == "quote":
            name = self._string("")
            return self._key(term, name, name.end)
        if self.at_mark("["):
            return self._bracket(term)
        raise NotReadError(".")

    def _try(self) -> Node:
        token = self.next()
        body = self.postfix()
        if self.at_word("catch"):
            self.next()
            handler = self.postfix()
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
        return self.peek().end if self.at_mark("?") else end

    def _questioned(self) -> bool:
        if self.at_mark("?"):
            self.next()
            return True
        return False

    def _bracket(self, term: Node) -> Node:
        self.take("mark", "[")
        if self.at_mark("]"):
            end = self.next().end
            return Each(term.start, self._behind_question(end), term, self._questioned())
        low = None if self.at_mark(":") else self.pipe()
        if self.at_mark(":"):
            self.next()
            high = None if self.at_mark("]") else self.pipe()
            end = self.take("mark", "]").end
            return Slice(term.start, self._behind_question(end), term, low, high, self._questioned())
        end = self.take("mark", "]").end
        if low is None:
            raise NotReadError("[:]")
        return self._key(term, low, end)

    def _term(self) -> Node:
        token = self.peek()
        if token.sort == "quote":
            return self._string("")
        self.next()
        if token.sort == "field":
            return self._field(Identity(token.start, token.start + 1), token.value, token.end)
        if token.sort == "number":
            return Number(token.start, token.end, token.value)
        if token.sort == "variable":
            if token.value in _WORDS:
                raise NotReadError(token.value)
            return Variable(token.start, token.end, token.value)
        if token.sort == "format":
            if self.peek().sort == "quote":
                return self._string(token.value, token.start)
            return Format(token.start, token.end, token.value)
        if token.sort == "name":
            return self._named(token)
        return self._marked(token)

    def _marked(self, token: Token) -> Node:
        if token.value == ".":
            if self.peek().sort == "quote":
                return self._behind_dot(Identity(token.start, token.end))
            return Identity(token.start, token.end)
        if token.value == "..":
            return Recurse(token.start, token.end)
        if token.value == "(":
            body = self.pipe()
            return Group(token.start, self.take("mark", ")").end, body)
        if token.value == "[":
            if self.at_mark("]"):
                return Array(token.start, self.next().end, None)
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
        if not self.at_mark("("):
            return Call(token.start, token.end, token.value, ())
        self.next()
        arguments = [self.pipe()]
        while self.at_mark(";"):
            self.next()
            arguments.append(self.pipe())
        return Call(token.start, self.take("mark", ")").end, token.value, tuple(arguments))

    def _condition(self, token: Token) -> Node:
        branches = []
        while True:
            condition = self.pipe()
            self.take("name", "then")
            branches.append((condition, self.pipe()))
            if not self.at_word("elif"):
                break
            self.next()
        otherwise = None
        if self.at_word("else"):
            self.next()
            otherwise = self.pipe()
        end = self.take("name", "end").end
        return Condition(token.start, end, tuple(branches), otherwise)

    def _fold(self, token: Token) -> Node:
        source = self.postfix()
        self.take("name", "as")
        name = self.take("variable").value
        self.take("mark", "(")
        parts = [self.pipe()]
        while self.at_mark(";"):
            self.next()
            parts.append(self.pipe())
        end = self.take("mark", ")").end
        return Fold(token.start, end, token.value, source, name, parts[0], tuple(parts[1:]))

    def _object(self, token: Token) -> Node:
        members: list[Member] = []
        while not self.at_mark("}"):
            if members:
                self.take("mark", ",")
            members.append(self._member())
        return Object(token.start, self.next().end, tuple(members))

    def _member(self) -> Member:
        token = self.peek()
        key: Node
        if token.sort == "quote":
            key = self._string("")
        elif token.sort == "name":
            self.next()
            key = String(token.start, token.end, (token.value,), "")
        elif token.sort == "variable" and token.value not in _WORDS:
            self.next()
            key = Variable(token.start, token.end, token.value)
        elif self.at_mark("("):
            self.next()
            key = self.pipe()
            self.take("mark", ")")
            if not self.at_mark(":"):
                raise NotReadError(")")
        else:
            raise NotReadError(token.value)
        if not self.at_mark(":"):
            return Member(token.start, key.end, key, None)
        self.next()
        value = self.pipe(comma=False)
        return Member(token.start, value.end, key, value)

    def _string(self, format_: str, start: int | None = None) -> String:
        opening = self.take("quote")
        parts: list[str | Node] = []
        while True:
            token = self.next()
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
