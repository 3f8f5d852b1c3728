"""A circuit as a function in C: one file that needs math.h and nothing of fastbp.

A short circuit is one function whose gates are local constants. A compiler needs more than twice
the time for a function twice as long, so a long circuit is a table of functions of PART gates each;
what one of them leaves to others is in an array s: the inputs first, then results, whose places are
used again. A table, since calls written out would be inlined into one function after all.
"""

from typing import NamedTuple

from fastbp._recorder import GATES
from fastbp._version import __version__
from fastbp.circuits.c_gates import EXPRESSIONS, HELPERS
from fastbp.circuits.c_names import argument_names, function_name, in_comment
from fastbp.circuits.compiler import Compiler

WHOLE = 500  # gates of the longest circuit that is one function
PART = 200  # gates of a part of a longer one
ON_STACK = 8192  # numbers of s that a thread's stack has room for, everywhere
LINE = 100


def c_source(compiler: Compiler, name: str, prefix: str) -> str:
    """The C code of a function of this name: see `Circuit.to_c`."""
    name = function_name(name, prefix)
    code = _Code(compiler, name)
    body = _whole(code) if len(code.gates) <= WHOLE else _in_parts(code)
    arguments = ["const double *p", *code.data_arguments]
    arguments += [] if code.single else ["double *value"]
    arguments.append(f"double *{code.slopes}")
    if body.work:
        arguments.append("double *work")
    head = f"{'double' if code.single else 'void'} {name}("
    prototype = _folded(head, [f"{each}," for each in arguments[:-1]] + [f"{arguments[-1]})"])
    comment = _comment(code, prototype, body.work)
    unused = [f"    (void){argument};" for argument in body.unused]
    lines = [*comment, "", "#include <math.h>", "", *code.helpers(), *body.before]
    return "\n".join([*lines, *prototype, "{", *unused, *body.lines, "}"]) + "\n"


class _Body(NamedTuple):
    """The parts of the code that differ between short and long circuits."""

    before: list[str]  # what must stand in front of the function
    unused: list[str]  # arguments
    lines: list[str]
    work: int  # numbers of room that it wants from the caller


class _Code:
    """A program, what its function is to give (values, then slopes), and the names in it."""

    def __init__(self, compiler: Compiler, name: str) -> None:
        graph, outputs, _ = compiler.nodes("value_and_gradient")
        program = compiler.unfused_program(graph, outputs)
        self.name, self.shape, self.single = name, compiler.shape, not compiler.shape
        self.slopes = "gradient" if self.single else "jacobian"
        self.n_inputs, self.n_parameters = program.n_inputs, compiler.n_parameters
        self.constants = {
            program.n_inputs + i: number(float(x)) for i, x in enumerate(program.constants)
        }
        forms = {**EXPRESSIONS, **{gate: self._call(gate) for gate in HELPERS}}
        self.forms = [forms.get(gate, "") for gate in GATES]
        arity = [sum(f"{{{x}}}" in form for x in "abc") for form in self.forms]
        self.gates = [
            (op, out, operands[: arity[op]]) for op, out, *operands in program.gates.tolist()
        ]
        slots, n = program.outputs.tolist(), len(compiler.outputs)
        self.values, self.slope_slots = slots[:n], slots[n:]
        self.n_forward = self._gates_before(self.values)
        self.parameters, self.data = compiler.inputs.parameters, compiler.inputs.data
        self.data_names = argument_names(each.name for each in self.data)
        self.data_arguments = [
            f"const double *{argument}" if each.shape else f"double {argument}"
            for each, argument in zip(self.data, self.data_names, strict=True)
        ]

    @property
    def sources(self) -> list[tuple[str, int, int | None]]:
        """Arguments, where they stand among the inputs, and their sizes if they are arrays."""
        return [
            ("p", 0, self.n_parameters),
            *(
                (argument, each.start, each.size if each.shape else None)
                for each, argument in zip(self.data, self.data_names, strict=True)
            ),
        ]

    def _call(self, gate: str) -> str:
        """The call of the helper function that stands for a gate."""
        operands = "{a}, {b}" if "double b" in HELPERS[gate] else "{a}"
        return f"{self.name}_{gate}({operands})"

    def _gates_before(self, slots: list[int]) -> int:
        """How many gates it takes until these slots, of outputs, have their last values."""
        wanted = set(slots)
        for i in range(len(self.gates) - 1, -1, -1):
            if self.gates[i][1] in wanted:
                return i + 1
        return 0

    def expression(self, op: int, operands: list[str]) -> str:
        """A gate of these operands in C."""
        return self.forms[op].format(**dict(zip("abc", operands, strict=False)))

    def helpers(self) -> list[str]:
        """The functions of the gates that math.h has none for."""
        present = {GATES[op] for op, _, _ in self.gates}
        lines = []
        for gate, code in HELPERS.items():
            if gate in present:
                lines += [*f"static double {self.name}_{gate}{code}".split("\n"), ""]
        return lines


def number(x: float) -> str:
    """A double in C, exactly: a short decimal, or in base 16 with the decimal beside it."""
    if x != x:
        return "NAN"
    if abs(x) == float("inf"):
        return "INFINITY" if x > 0 else "-INFINITY"
    if abs(x) < 1e6 and (x * 16).is_integer():
        return repr(x)
    return f"{x.hex()} /* {x!r} */"


def _whole(code: _Code) -> _Body:
    """One function, in which each gate is a local constant."""
    names = {i: f"p[{i}]" for i in range(code.n_parameters)} | code.constants
    for each, argument in zip(code.data, code.data_names, strict=True):
        for i in range(each.size):
            names[each.start + i] = f"{argument}[{i}]" if each.shape else argument
    used = {slot for _, _, operands in code.gates for slot in operands}
    used.update(code.values, code.slope_slots)
    unused = [] if any(i in used for i in range(code.n_parameters)) else ["p"]
    for each, argument in zip(code.data, code.data_names, strict=True):
        if used.isdisjoint(range(each.start, each.start + each.size)):
            unused.append(argument)
    forward: list[str] = []
    backward: list[str] = []
    for i, (op, out, operands) in enumerate(code.gates):
        value = code.expression(op, [names[slot] for slot in operands])
        if i < code.n_forward:
            forward.append(f"    const double t{i} = {value};")
        else:
            backward.append(f"        const double t{i} = {value};")
        names[out] = f"t{i}"
    if not code.single:
        forward += [f"    value[{i}] = {names[slot]};" for i, slot in enumerate(code.values)]
    if code.slope_slots:
        for i, slot in enumerate(code.slope_slots):
            backward.append(f"        {code.slopes}[{i}] = {names[slot]};")
        forward += [f"    if ({code.slopes}) {{", *backward, "    }"]
    else:
        unused.append(code.slopes)
    if code.single:
        forward.append(f"    return {names[code.values[0]]};")
    return _Body([], unused, forward, 0)


def _in_parts(code: _Code) -> _Body:
    """A function that runs through a table of parts."""
    name, n_gates = code.name, len(code.gates)
    starts = [*range(0, code.n_forward, PART), *range(code.n_forward, n_gates, PART)]
    left = _left_to_others(code, starts)
    places: dict[int, int] = {}  # slot -> index in s
    names = {i: f"s[{i}]" for i in range(code.n_inputs)} | code.constants
    before = []
    for part, (start, end) in enumerate(zip(starts, [*starts[1:], n_gates], strict=True)):
        before += [f"static void {name}_part_{part}(double *s)", "{"]
        for i, (op, out, operands) in enumerate(code.gates[start:end], start):
            value = code.expression(op, [names[slot] for slot in operands])
            if left[i]:
                names[out] = f"s[{places.setdefault(out, code.n_inputs + len(places))}]"
                before.append(f"    {names[out]} = {value};")
            else:
                names[out] = f"t{i - start}"
                before.append(f"    const double {names[out]} = {value};")
        before += ["}", ""]
    parts = [f"{name}_part_{part}," for part in range(len(starts))]
    before += _table(f"static void (*const {name}_parts[])(double *)", parts)
    places.update({i: i for i in range(code.n_inputs)})
    lines = [
        f"    s[{start}] = {source};" if size is None else _loop(size, "s", f"{source}[i]", start)
        for source, start, size in code.sources
    ]
    for slot in sorted({*code.values, *code.slope_slots} & code.constants.keys()):
        places[slot] = len(places)
        lines.append(f"    s[{places[slot]}] = {code.constants[slot]};")
    n_forward = -(-code.n_forward // PART)
    lines.append(f"    for (int i = 0; i < {n_forward}; i++) {name}_parts[i](s);")
    if not code.single:
        values = [f"{places[slot]}," for slot in code.values]
        before += _table(f"static const int {name}_values[]", values)
        lines.append(_loop(len(values), "value", f"s[{name}_values[i]]"))
    if code.slope_slots:
        slopes = [f"{places[slot]}," for slot in code.slope_slots]
        before += _table(f"static const int {name}_slopes[]", slopes)
        lines += [
            f"    if ({code.slopes}) {{",
            f"        for (int i = {n_forward}; i < {len(starts)}; i++) {name}_parts[i](s);",
            "    " + _loop(len(slopes), code.slopes, f"s[{name}_slopes[i]]"),
            "    }",
        ]
    if code.single:
        lines.append(f"    return s[{places[code.values[0]]}];")
    work = len(places) if len(places) > ON_STACK else 0
    lines.insert(0, "    double *const s = work;" if work else f"    double s[{len(places)}];")
    return _Body(before, [] if code.slope_slots else [code.slopes], lines, work)


def _left_to_others(code: _Code, starts: list[int]) -> list[bool]:
    """Which gates' results are read by other parts than their own, or are outputs."""
    left = [False] * len(code.gates)
    writer: dict[int, int] = {}
    start, borders = 0, iter([*starts[1:], len(code.gates) + 1])
    border = next(borders)
    for i, (_, out, operands) in enumerate(code.gates):
        if i == border:
            start, border = i, next(borders)
        for slot in operands:
            if writer.get(slot, start) < start:
                left[writer[slot]] = True
        writer[out] = i
    for slot in (*code.values, *code.slope_slots):
        if slot in writer:
            left[writer[slot]] = True
    return left


def _loop(size: int, target: str, source: str, start: int = 0) -> str:
    """A loop that copies `size` numbers to `target`."""
    at = f"{start} + i" if start else "i"
    return f"    for (int i = 0; i < {size}; i++) {target}[{at}] = {source};"


def _table(head: str, entries: list[str]) -> list[str]:
    """The definition of an array."""
    return [f"{head} = {{", *_folded("    ", entries), "};", ""]


def _folded(head: str, pieces: list[str]) -> list[str]:
    """Lines of at most LINE characters, if no piece is longer."""
    lines, line = [], head
    for k, piece in enumerate(pieces):
        gap = " " if k and not line.isspace() else ""
        if len(line) + len(gap) + len(piece) > LINE and not line.isspace():
            lines.append(line)
            line, gap = "    ", ""
        line += gap + piece
    return [*lines, line]


def _comment(code: _Code, prototype: list[str], work: int) -> list[str]:
    """What the function wants and gives."""
    rows = [(_range("p", each.start, each.size), in_comment(each.text)) for each in code.parameters]
    for each, argument in zip(code.data, code.data_names, strict=True):
        place = _range(argument, 0, each.size) if each.shape else argument
        rows.append((place, f"{in_comment(each.text)} (data)"))
    text = [
        f"A circuit of {len(code.gates)} gates, made by fastbp {__version__}.", "",
        *prototype[:-1], f"{prototype[-1]};", "",
        *(f"    {place:20}  {what}" for place, what in rows), "",
    ]  # fmt: skip
    n = code.n_parameters
    if code.single:
        text.append("Returns the value.")
    else:
        order = f", shape {list(code.shape)}, row by row" if len(code.shape) > 1 else ""
        text.append(f"{_range('value', 0, len(code.values))}: the outputs{order}.")
    if not code.slope_slots:
        text.append(f"{code.slopes}: not looked at, there is no parameter.")
    elif code.single:
        text.append(f"{_range('gradient', 0, n)}, unless gradient is NULL: d value / d p[i].")
    else:
        text.append(f"jacobian[{n} * i + j], unless jacobian is NULL: d value[i] / d p[j].")
    if work:
        text.append(f"work: room for {work} numbers.")
    text += [
        "", "Buffers must not overlap. Nothing is allocated, and nothing kept but errno.",
        "Compile with -ffp-contract=off, or products and sums may be rounded together, and without",
        "-ffast-math, which does not know NaN.",
    ]  # fmt: skip
    first, *rest = text
    return [f"/* {first}", *(f" * {line}".rstrip() for line in rest), " */"]


def _range(name: str, start: int, size: int) -> str:
    """Elements of an array in the comment: p[3] ... p[7]."""
    last = f" ... {name}[{start + size - 1}]" if size > 1 else ""
    return f"{name}[{start}]{last}"
