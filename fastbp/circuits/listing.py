"""A program as text: one gate in a line."""

from collections.abc import Sequence

from fastbp._recorder import ARITIES, GATES, Program


def listing(program: Program, names: Sequence[str]) -> str:
    """The gates of a program, in the order in which they run.

        t0 = multiply(a, x)
        t0 = multiply_add(b, y, t0)
        return t0

    A result is named after its slot, t0, t1, ...; the slot of a result that nothing reads any more
    is used again. `names` are those of the inputs.
    """
    slots = [*names, *(_number(value) for value in program.constants)]

    def name(slot: int) -> str:
        return slots[slot] if slot < len(slots) else f"t{slot - len(slots)}"

    lines = []
    for op, out, *operands in program.gates.tolist():
        used = ", ".join(map(name, operands[: ARITIES[op]]))
        lines.append(f"{name(out)} = {GATES[op]}({used})")
    lines.append(f"return {', '.join(map(name, program.outputs.tolist()))}")
    return "\n".join(lines)


def _number(value: float) -> str:
    """A constant as short as it can be written."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text
