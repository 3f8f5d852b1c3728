"""What the engine may rely on in a program, step by step: shared by the tests of programs."""

import numpy as np


def check(program, is_whole=True):
    """Asserts that each row is written once, or set and added to, and read only afterwards.

    is_whole : whether every row has to be written, as layers do
    """
    firsts = np.concatenate([[0], np.cumsum(program.arrays[:, 0])])
    written = np.zeros(firsts[-1], int)
    written[: program.arrays[0, 0]] = 1
    was_read = np.zeros(firsts[-1], bool)
    twins = set(program.arrays[:, 1].tolist()) - {-1}

    def read(rows, out=()):
        rows = np.asarray(rows).ravel()
        rows = rows[rows >= 0]
        assert (written[rows] == 1).all()
        assert not np.isin(rows, out).any()
        assert twins.isdisjoint(np.searchsorted(firsts, rows, "right") - 1)
        was_read[rows] = True

    for kind, *c in program.steps.tolist():
        if kind == 0:
            _, _, units, _, depth, at, positions, out, per_unit, per_position, flags = c
            rows = out + np.add.outer(
                np.arange(units) * per_unit, np.arange(positions) * per_position
            )
            assert len(np.unique(rows)) == rows.size
            assert (written[rows] == (1 if flags & 2 else 0)).all()
            assert not was_read[rows].any()
            read(program.table[at : at + positions * depth], rows)
            written[rows] = 1
        elif kind == 1:
            _, z, a, n = c[:4]
            assert (written[z : z + n] == 1).all()
            was_read[z : z + n] = True
            written[a : a + n] += 1
        elif kind == 2:
            op, out, n, *operands = c[:6]
            for row in operands[: 2 if op == 2 else 3]:
                read(np.arange(row, row + n if row >= 0 else row))
            written[out : out + n] += 1
        else:
            _, out, n, window, at, _ = c[:6]
            read(program.table[at : at + n * window])
            written[out : out + n] += 1
    assert (written <= 1).all()
    first = firsts[program.output]
    needed = written if is_whole else written[first : firsts[program.output + 1]]
    assert (needed == 1).all()


def is_sound(program):
    """Whether `check` finds nothing: of a program that nobody meant."""
    try:
        check(program, is_whole=False)
    except (AssertionError, IndexError):
        return False
    return True
