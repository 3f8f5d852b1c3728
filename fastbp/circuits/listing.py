"""A program as text: one gate in a line."""

from collections.abc import Sequence

from fastbp._recorder import GATES, Program

ARITY = {"select": 3, "multiply_add": 3, "masked_multiply_add": 3}
ONE_OPERAND = GATES.index("negative"), GATES.index("gaussian")


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
        gate = GATES[op]
        count = 1 if ONE_OPERAND[0] <= op <= ONE_OPERAND[1] else ARITY.get(gate, 2)
        lines.append(f"{name(out)} = {gate}({', '.join(map(name, operands[:count]))})")
    lines.append(f"return {', '.join(map(name, program.outputs.tolist()))}")
    return "\n".join(lines)


def _number(value: float) -> str:
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text
