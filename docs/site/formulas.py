"""What the page of formulas says of every activation and loss: made of the engine's tables, the
docstrings of the kernels, and what the library answers when it is asked.

A formula is the first sentence of a kernel's docstring, up to a comma, colon or semicolon:

    g = 1/(1 + exp(-z)), g' = a(1 - a), ...
    rate - y log rate with rate = exp(z).
"""

import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import mathtext
import numpy as np

import fastbp
from fastbp._core import core

SOURCES = Path(__file__).resolve().parents[2] / "src_cy"
# In the table of losses: number, name, output activation; in that of activations: name, kernel.
LOSS = re.compile(r'loss_row\(\s*table, (\w+), "(\w+)", (?:"(\w+)"|NULL)')
ACTIVATION = re.compile(r'_row\(what, call, "(\w+)"(?:, (\w+))?')
KERNEL = re.compile(
    r'^cdef inline \w+ (\w+)\([^)]*\)[^:]*:\n    """(.*?)"""', re.MULTILINE | re.DOTALL
)


class Formula(NamedTuple):
    """left = text, where names of the text have definitions of their own."""

    left: str
    text: str
    definitions: tuple[tuple[str, str], ...] = ()

    def tex(self) -> str:
        parts = [f"{tex_of(self.left)} = {tex_of(self.text)}"]
        parts += [f"{tex_of(name)} = {tex_of(text)}" for name, text in self.definitions]
        return ", \\qquad ".join(parts)

    def value(self, names: dict[str, Any]) -> Any:
        names = dict(names)
        for name, text in self.definitions:
            names[name] = mathtext.parse(text).value(names)
        return mathtext.parse(self.text).value(names)


def tex_of(text: str) -> str:
    """A formula as TeX; what is not written as the sources write formulas is shown as it is."""
    try:
        return mathtext.parse(text).tex()
    except mathtext.NotAFormula:
        return f"\\text{{{text}}}"


# What the sources say


@cache
def sources() -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted(SOURCES.rglob("*.pxd")))


@cache
def kernels() -> dict[str, str]:
    """Kernel -> the first paragraph of its docstring."""
    return {
        name: " ".join(text.partition("\n\n")[0].split())
        for name, text in KERNEL.findall(sources())
    }


def rows(kind: str) -> Iterator[tuple[str, str | None, str]]:
    """The rows of a table: name, output activation (of losses of z), docstring of the kernel."""
    if kind == "activation":
        for name, kernel in ACTIVATION.findall(sources()):
            yield name, None, kernels()[kernel or name]
    else:
        for number, name, output in LOSS.findall(sources()):
            yield name, output or None, kernels()[number.lower()]


def pieces(text: str) -> list[str]:
    """Parts of a sentence, as commas, colons and semicolons outside of parentheses cut it."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text + " "):
        depth += (c == "(") - (c == ")")
        if depth == 0 and c in ",;:." and text[i + 1 : i + 2] in (" ", ""):
            parts.append(text[start:i].strip())
            start = i + 1
            if c == ".":
                break
    return [*parts, text[start:].strip()]


def formula(left: str, text: str) -> Formula:
    """`EXPRESSION with NAME = EXPRESSION and ...`; a second `=` says the same again."""
    text, _, after = text.partition(" with ")
    found = re.findall(r"(\w+) = (.+?)(?= and \w+ = |$)", after)
    return Formula(left, text.split(" = ")[0], tuple(found))


def activation_formulas(text: str) -> list[Formula]:
    """g and its slope, as far as the docstring has them; of softmax a_k."""
    found: list[Formula] = []
    for piece in pieces(text):
        left, _, right = piece.partition(" = ")
        if left in ("g", "g'", "a_k"):
            each = formula(left, right)
            if found:  # what g defines the slope means too
                each = each._replace(definitions=found[0].definitions)
            found.append(each)
    return found


def loss_formula(text: str) -> Formula:
    """The loss; e is the error a - y unless it says otherwise."""
    found = formula("loss", pieces(text)[0])
    if found.definitions or not re.search(r"\be\b", found.text):
        return found
    return found._replace(definitions=(("e", "a - y"),))


# What the engine's tables say of parameters


def parameters() -> dict[str, tuple[str, float, float, float, bool]]:
    """Of each function that has one, as the engine gives it: name, usual value, low, high, and
    whether it may be low."""
    return core("float64").PARAMETERS


def parameter(name: str) -> str:
    """The parameter of a function in words, as a paragraph; nothing if it has none."""
    if name not in parameters():
        return ""
    symbol, usual, low, high, low_too = parameters()[name]
    limits = f"{'≥' if low_too else '>'} {low:g}"
    limits += f" and ≤ {high:g}" if np.isfinite(high) else ""
    return f"As `{name}({symbol})`: ${tex_of(symbol)}$ {limits}, {usual:g} unless given.\n\n"


# What the library answers


def network(loss: str, output: str, n_outputs: int) -> "fastbp.Network | None":
    """A network of this loss; None where it cannot have so many outputs."""
    try:
        return fastbp.mlp(n_outputs, n_outputs, output=output, loss=loss)
    except ValueError:
        return None


def accepts(net: fastbp.Network, *targets: Any) -> bool:
    """Whether these are targets, each of one sample."""
    y = np.array(targets, float)
    try:
        net.objective(np.zeros((len(y), net.widths[0])), y)
    except ValueError:
        return False
    return True


def targets(loss: str, output: str) -> str:
    """The targets of a loss in words, by trying."""
    one = network(loss, output, 1)
    several = network(loss, output, 3)
    assert several is not None
    rows = "; for K > 1 labels too"
    if one is None:
        rows = ""
        if not accepts(several, [0.4, 0.4, 0.2]):
            return "labels, or one-hot rows"
    if not accepts(several, [0.5, 0.5, 0.5], [0.1, 0.2, 0.1]) and accepts(several, [0.4, 0.4, 0.2]):
        return "labels, or rows of probabilities that sum to 1"
    net = one or several
    fill = [0.0] * (net.widths[-1] - 1)
    numbers = [v for v in (-2.5, -1.0, 0.0, 0.5, 1.0, 2.5) if accepts(net, [v, *fill])]
    words = {
        (-2.5, -1.0, 0.0, 0.5, 1.0, 2.5): "any finite numbers",
        (0.0, 0.5, 1.0, 2.5): "numbers ≥ 0",
        (0.5, 1.0, 2.5): "numbers > 0",
        (0.0, 0.5, 1.0): "numbers from 0 to 1",
        (-1.0, 0.0, 1.0): "-1 and 1, or 0 and 1, which are taken for -1 and 1",
    }
    return words[tuple(numbers)] + (rows if 1.0 in numbers and 0.0 in numbers else "")


def predicted(loss: str, output: str) -> str:
    """What `predict` gives, in words, by trying: the class, or the activation."""
    one, several = network(loss, output, 1), network(loss, output, 3)
    assert several is not None
    X = np.zeros((1, 3))
    if several.predict(np.zeros(several.n_parameters), X).dtype.kind == "f":
        return "the activation a, (m,) if K = 1, else (m, K)"
    words = "the class: of K > 1 outputs the one with the largest a"
    if one is None:
        return words
    threshold = "a > 1/2" if output == "sigmoid" else "a > 0"
    if output != "sigmoid" and network(loss, "sigmoid", 1):
        threshold += " (after `sigmoid` a > 1/2)"
    return f"{words}; of a single output 1 where {threshold}, else 0"


# The page


def block(*formulas: Formula) -> str:
    return "\n".join(f"$$\n{each.tex()}\n$$\n" for each in formulas)


def names_of(outputs: Any) -> str:
    return ", ".join(f"`{name}`" for name in outputs)


def activations() -> str:
    """The part of the page on activations."""
    engine = core("float64")
    parts = []
    for name, _, text in rows("activation"):
        where = "the last layer alone" if name in engine.OUTPUT_ONLY else "any layer"
        rises = "nowhere falls" if name in engine.INCREASING else "falls somewhere"
        shown = block(*activation_formulas(text))
        parts.append(f"### `{name}`\n\n{shown}\n{parameter(name)}For {where}; {rises}.\n")
    return "\n".join(parts)


def losses() -> str:
    """The part of the page on losses."""
    table = core("float64").LOSSES
    by_name: dict[str, list[tuple[str | None, str]]] = {}
    for name, output, text in rows("loss"):
        by_name.setdefault(name, []).append((output, text))
    parts = []
    for name, forms in by_name.items():
        lines = [f"### `{name}`", ""]
        for output, text in forms:
            lines += [f"After `{output}`, computed from z:", ""] * (output is not None)
            lines += [block(loss_formula(text))]
        lines += [parameter(name).rstrip() + "\n"] * bool(parameter(name))
        allowed = table[name]
        outputs = ("identity",) if allowed is None else allowed
        lines += [f"- outputs: {'any' if allowed is None else names_of(allowed)}"]
        for what, say in (("targets", targets), ("`predict` gives", predicted)):
            said = {output: say(name, output) for output in outputs}
            if len(set(said.values())) == 1:
                lines += [f"- {what}: {said[outputs[0]]}"]
            else:
                lines += [f"- {what} after `{output}`: {words}" for output, words in said.items()]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def literals() -> str:
    """The types of names, for type checkers, which cannot ask the engine."""
    engine = core("float64")
    hidden = [name for name in engine.ACTIVATIONS if name not in engine.OUTPUT_ONLY]
    last = ", ".join(f'"{name}"' for name in engine.OUTPUT_ONLY)
    listed = {"HiddenActivation": hidden, "Loss": list(engine.LOSSES)}
    texts = {
        name: f"{name} = Literal[\n"
        + textwrap.fill(", ".join(f'"{each}"' for each in names) + ",", 100,
                        initial_indent="    ", subsequent_indent="    ")
        + "\n]  # fmt: skip\n"
        for name, names in listed.items()
    }  # fmt: skip
    output = f"Activation = Literal[HiddenActivation, {last}]\n"
    return texts["HiddenActivation"] + output + texts["Loss"]


PARTS = {"activations": activations, "losses": losses, "literals": literals}
