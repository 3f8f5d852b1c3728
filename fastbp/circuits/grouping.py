"""A large circuit in boxes: gates of one kind at one distance from the inputs are one box.

The distance counts gates on the longest way from an input; a chain of sums, or of products, counts
once, so that a weighted sum is two boxes however long it is. Where there are still too many boxes
for a picture, neighbouring distances share one.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from fastbp.circuits.wires import Wire, Wires, number

MOST = 60  # boxes that can still be read in a picture
BANDS = 20
CHAINS = {"add": "sum", "subtract": "sum", "multiply": "product"}


class Group(NamedTuple):
    """A box: some wires, and which boxes they read.

    Attributes
    ----------
    title : str
        What its wires are: "25 sigmoid", "parameter x, 400".
    wires : tuple of int
        Their numbers.
    operands : dict of int to int
        Number of a box -> how often its wires are read here.
    value, grad : str
        The least and the greatest.
    """

    title: str
    wires: tuple[int, ...]
    operands: dict[int, int]
    value: str
    grad: str


def grouped(wires: Wires) -> list[Group]:
    """The boxes of a circuit: its inputs, then the gates in the order of their distance."""
    distance = _distances(wires)
    keys = [_key(wire, distance[wire.number]) for wire in wires]
    if len(set(keys)) > MOST:
        last = max(distance) + 1
        keys = [
            key if not wire.operands and _few_inputs(wires) else (1, d * BANDS // last, "")
            for key, wire, d in zip(keys, wires, distance, strict=True)
        ]
    numbers = {key: i for i, key in enumerate(sorted(set(keys)))}
    members: list[list[Wire]] = [[] for _ in numbers]
    for key, wire in zip(keys, wires, strict=True):
        members[numbers[key]].append(wire)
    home = {wire.name: numbers[key] for key, wire in zip(keys, wires, strict=True)}
    return [_group(each, home) for each in members]


def _distances(wires: Wires) -> list[int]:
    """How far each wire is from the inputs; of a chain of sums, or products, all alike."""
    by_name: dict[str, tuple[int, str]] = {}
    distances = []
    for wire in wires:
        far = 0
        for operand in wire.operands:
            if operand in by_name:
                below, gate = by_name[operand]
                chain = CHAINS.get(wire.gate)
                far = max(far, below + (chain is None or CHAINS.get(gate) != chain))
        if wire.operands:
            far = max(far, 1)
        by_name[wire.name] = far, wire.gate
        distances.append(far)
    return distances


def _key(wire: Wire, distance: int) -> tuple[int, int, str]:
    """What puts wires into one box: whether they are gates, their distance, their kind."""
    if wire.operands:
        return 1, distance, wire.gate
    return 0, 0, f"{wire.gate} {wire.name.partition('[')[0]}"


def _few_inputs(wires: Wires) -> bool:
    """Whether the inputs leave room for other boxes."""
    return len({_key(wire, 0) for wire in wires if not wire.operands}) <= MOST // 2


def _group(members: Sequence[Wire], home: dict[str, int]) -> Group:
    """The box of these wires; `home` says in which box a wire is, by its name."""
    operands = Counter(home[name] for wire in members for name in wire.operands if name in home)
    if members[0].operands or len({wire.name.partition("[")[0] for wire in members}) > 1:
        counts = Counter(wire.gate for wire in members)
        title = ", ".join(f"{count} {gate}" for gate, count in counts.most_common())
    else:
        title = f"{members[0].gate} {members[0].name.partition('[')[0]}"
        title += f", {len(members)}" if len(members) > 1 else ""
    return Group(
        title,
        tuple(wire.number for wire in members),
        dict(sorted(operands.items())),
        _between([wire.value for wire in members]),
        _between([wire.grad for wire in members]),
    )


def _between(values: list[float]) -> str:
    """The least and the greatest; nan where there is one."""
    if any(value != value for value in values):
        return "nan"
    low, high = number(min(values)), number(max(values))
    return low if low == high else f"{low} ... {high}"


def table(groups: list[Group]) -> list[tuple[str, str, str, str, str]]:
    """The boxes as rows of text: name, what it is, which it reads, value, grad."""
    return [
        (f"g{i}", each.title, ", ".join(f"g{k}" for k in each.operands), each.value, each.grad)
        for i, each in enumerate(groups)
    ]
