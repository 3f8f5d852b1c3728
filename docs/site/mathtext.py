"""Formulas as the sources write them, read into a tree that becomes TeX, or a number.

    1/(1 + exp(-z))        -y log a - (1 - y) log(1 - a)        e^2/2 where |e| <= 1 else |e| - 1/2
    sum_k y_k (logsumexp z - z_k)

What stands side by side is multiplied. `sum_k` and `max_k` reach to the end of their product, a
function without parentheses to the end of the next power.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

TOKEN = re.compile(r"\s*(?:(\d+\.?\d*)|([A-Za-z]+(?:_[a-z])?'*)|(<=|>=|[-+*/^()|,<>=]))")
LETTERS = set("zayesvk")  # of which a word like yz is a product

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "max": lambda *x: np.max(np.broadcast_arrays(*x), axis=0) if len(x) > 1 else np.max(x[0]),
    "min": lambda *x: np.min(np.broadcast_arrays(*x), axis=0) if len(x) > 1 else np.min(x[0]),
    "sum": np.sum,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "logsumexp": lambda x: np.log(np.sum(np.exp(x))),
}
GREEK = {"alpha", "delta", "gamma", "tau", "sigma", "phi", "Phi", "lambda"}
WORDS = GREEK | {"rate", "slope", "label"}
KNOWN_TO_TEX = {"exp", "log", "cosh", "tanh", "sin", "cos", "max", "min"}


class NotAFormula(ValueError):
    """A text that is not written in this way."""


@dataclass(frozen=True)
class Node:
    """kind: number, name, call, big, negative, sum, difference, product, quotient, power, size,
    group, cases, relation."""

    kind: str
    text: str = ""
    parts: tuple["Node", ...] = ()

    # To TeX

    def tex(self) -> str:
        return getattr(self, f"_{self.kind}")(*(part.tex() for part in self.parts))

    def _number(self) -> str:
        return self.text

    def _name(self) -> str:
        word, _, index = self.text.partition("_")
        stem = word.rstrip("'")
        shown = f"\\{word}" if stem in GREEK else word if len(stem) == 1 else f"\\text{{{word}}}"
        return f"{shown}_{index}" if index else shown

    def _call(self, *arguments: str) -> str:
        name = self.text if self.text in KNOWN_TO_TEX else f"operatorname{{{self.text}}}"
        if self.text in GREEK:
            name = self.text
        if len(arguments) == 1 and self.parts[0].kind != "group":
            return f"\\{name} \\, {arguments[0]}"  # MathML leaves no space by itself
        inner = ", ".join(part.inside().tex() for part in self.parts)
        return f"\\{name}\\left({inner}\\right)"

    def _big(self, body: str) -> str:
        operator, _, index = self.text.partition("_")
        return f"\\{operator}_{index} {body}"

    def _negative(self, a: str) -> str:
        return f"-{a}"

    def _sum(self, a: str, b: str) -> str:
        return f"{a} + {b}"

    def _difference(self, a: str, b: str) -> str:
        return f"{a} - {b}"

    def _product(self, a: str, b: str) -> str:
        thin = self.parts[0].kind in ("name", "call") and self.parts[1].kind in ("call", "big")
        return f"{a}\\,{b}" if thin else f"{a} {b}"

    def _quotient(self, *_: str) -> str:
        above, below = (part.inside().tex() for part in self.parts)
        return f"\\frac{{{above}}}{{{below}}}"

    def _power(self, a: str, b: str) -> str:
        return f"{a}^{{{b}}}"

    def _size(self, a: str) -> str:
        return f"\\lvert {a} \\rvert"

    def _group(self, a: str) -> str:
        return f"\\left({a}\\right)"

    def _cases(self, value: str, condition: str, other: str) -> str:
        return (
            f"\\begin{{cases}} {value} & \\text{{where }} {condition} \\\\ "
            f"{other} & \\text{{else}} \\end{{cases}}"
        )

    def _relation(self, a: str, b: str) -> str:
        return f"{a} {TEX_RELATIONS.get(self.text, self.text)} {b}"

    def inside(self) -> "Node":
        """Without the parentheses around it."""
        return self.parts[0] if self.kind == "group" else self

    # To numbers

    def value(self, names: Mapping[str, Any]) -> Any:
        """The value, where `names` has one for each name; z_k is the array z."""
        if self.kind == "number":
            return float(self.text)
        if self.kind == "name":
            return names[self.text.partition("_")[0]]
        with np.errstate(all="ignore"):  # of a branch that is not taken
            values = [part.value(names) for part in self.parts]
            if self.kind == "call":
                function = names[self.text] if self.text in names else FUNCTIONS[self.text]
                return function(*values)
            if self.kind == "big":
                return FUNCTIONS[self.text.partition("_")[0]](values[0])
            if self.kind == "cases":
                return np.where(values[1], values[0], values[2])
            operation = RELATIONS[self.text] if self.kind == "relation" else OPERATIONS[self.kind]
            return operation(*values)


TEX_RELATIONS = {"<=": "\\le", ">=": "\\ge"}
RELATIONS: dict[str, Callable[..., Any]] = {
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "=": np.equal,
}
OPERATIONS: dict[str, Callable[..., Any]] = {
    "negative": np.negative,
    "sum": np.add,
    "difference": np.subtract,
    "product": np.multiply,
    "quotient": np.divide,
    "power": np.power,
    "size": np.abs,
    "group": lambda x: x,
}


def parse(text: str) -> Node:
    """The tree of a formula.

    Raises
    ------
    NotAFormula
        If it is not written as the sources write formulas.
    """
    parser = _Parser(_tokens(text))
    node = parser.cases()
    if parser.token:
        raise NotAFormula(f"{text!r}: {parser.token!r} was not expected")
    return node


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if not found:
            raise NotAFormula(f"{text!r}: cannot be read from {text[at:]!r} on")
        at = found.end()
        word = found[2]
        if word and not _is_known(word):
            if not set(word) <= LETTERS:
                raise NotAFormula(f"{text!r}: {word!r} is not known")
            tokens += word
        else:
            tokens.append(found[0].strip())
    return tokens


def _is_known(word: str) -> bool:
    stem = word.partition("_")[0].rstrip("'")
    return len(stem) == 1 or stem in FUNCTIONS or stem in WORDS or word in ("where", "else")


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.in_size = False

    @property
    def token(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, *wanted: str) -> str:
        if not self.tokens or (wanted and self.token not in wanted):
            raise NotAFormula(f"{self.token!r} came, expected {' or '.join(wanted) or 'more'}")
        return self.tokens.pop(0)

    def cases(self) -> Node:
        value = self.sum()
        if self.token != "where":
            return value
        self.take()
        condition = self.relation()
        self.take("else")
        return Node("cases", parts=(value, condition, self.cases()))

    def relation(self) -> Node:
        left = self.sum()
        sign = self.take(*RELATIONS)
        return Node("relation", sign, (left, self.sum()))

    def sum(self) -> Node:
        if self.token == "-":
            self.take()
            node = Node("negative", parts=(self.product(),))
        else:
            node = self.product()
        while self.token in ("+", "-"):
            kind = "sum" if self.take() == "+" else "difference"
            node = Node(kind, parts=(node, self.product()))
        return node

    def product(self) -> Node:
        node = self.power()
        while self.begins_a_power() or self.token in ("*", "/"):
            kind = "quotient" if self.token == "/" else "product"
            if self.token in ("*", "/"):
                self.take()
            node = Node(kind, parts=(node, self.power()))
        return node

    def begins_a_power(self) -> bool:
        token = self.token
        if token == "|":
            return not self.in_size
        return token == "(" or (token[:1].isalnum() and token not in ("where", "else"))

    def power(self) -> Node:
        node = self.atom()
        if self.token == "^":
            self.take()
            node = Node("power", parts=(node, self.atom()))
        return node

    def atom(self) -> Node:
        token = self.take()
        stem = token.partition("_")[0]
        if token == "(":
            return self.group()
        if token == "|":
            self.in_size = True
            node = Node("size", parts=(self.sum(),))
            self.in_size = False
            self.take("|")
            return node
        if token[0].isdigit():
            return Node("number", token)
        if stem in ("sum", "max") and "_" in token:
            return Node("big", token, (self.product(),))
        if token in FUNCTIONS or (token in ("Phi", "phi") and self.token == "("):
            return self.call(token)
        if token[0].isalpha():
            return Node("name", token)
        raise NotAFormula(f"{token!r} was not expected")

    def group(self) -> Node:
        node = Node("group", parts=(self.cases(),))
        self.take(")")
        return node

    def call(self, name: str) -> Node:
        if self.token != "(":
            return Node("call", name, (self.power(),))
        self.take()
        arguments = [Node("group", parts=(self.cases(),))]
        while self.token == ",":
            self.take()
            arguments.append(Node("group", parts=(self.cases(),)))
        self.take(")")
        return Node("call", name, tuple(arguments))
