"""At the ends of the data whole registers would reach beyond it: nothing is read there."""

import sys

import pytest
from processes import POSIX, run

SCRIPT = """
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
SIZE = 1 << 21
memory = mmap.mmap(-1, SIZE + mmap.PAGESIZE)
guard = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + SIZE  # who reads here dies
assert libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
room = np.frombuffer(memory, np.uint8, SIZE)
rng = np.random.default_rng(0)
for dtype in ("float64", "float32"):
    inside = room.view(dtype)
    shapes = [(n, 5) for n in (1, 2, 7, 8, 15, 16, 17, 30, 33, 64, 100)]
    # With 301 inputs and 50 units Delta lies by strips, and X is turned; with 900 spans are kept.
    for n, units in (*shapes, (301, 50), (301, 900)):
        net = fastbp.mlp(n, units, 2, dtype=dtype)
        theta = net.init(seed=0)
        for m in (1, 2, 3, 5, 129, 700):
            X, y = rng.normal(size=(m, n)).astype(dtype), np.zeros((m, 2))
            want = bits(net.objective(X, y), theta)
            # Rows side by side, further apart, and all with the same distance from alignment.
            for row in (n, n + 3, n + -n % 16, n + -n % 16 + 16):
                for spare in (0, 3, 8):
                    length = (m - 1) * row + n
                    view = np.lib.stride_tricks.as_strided(
                        inside[SIZE // X.itemsize - length - spare:], (m, n),
                        (row * X.itemsize, X.itemsize))
                    inside[:] = np.nan
                    view[:] = X
                    assert bits(net.objective(view, y), theta) == want, (dtype, n, m, row, spare)
"""


@POSIX
@pytest.mark.skipif(sys.platform != "linux", reason="protects pages through the C library")
def test_nothing_is_read_beyond_the_data():
    run(SCRIPT)
