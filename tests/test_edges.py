"""At the ends of the data whole registers would reach beyond it: nothing is read there."""

import sys

import pytest
from processes import POSIX, run

SCRIPT = """
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
SIZE = 1 << 20
memory = mmap.mmap(-1, SIZE + 2 * mmap.PAGESIZE)
begin = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + mmap.PAGESIZE
for guard in (begin - mmap.PAGESIZE, begin + SIZE):  # who reads here dies
    assert libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
room = np.frombuffer(memory, np.uint8, SIZE, mmap.PAGESIZE)
rng = np.random.default_rng(0)
for dtype in ("float64", "float32"):
    inside = room.view(dtype)
    for n in (1, 2, 7, 8, 15, 16, 17, 30, 33, 64, 100):
        net = fastbp.mlp(n, 5, 2, dtype=dtype)
        theta = net.init(seed=0)
        for m in (1, 2, 3, 5, 129, 700):
            X, y = rng.normal(size=(m, n)).astype(dtype), np.zeros((m, 2))
            want = bits(net.objective(X, y), theta)
            at_start, at_end = (part.reshape(m, n) for part in (inside[:m * n], inside[-m * n:]))
            for view in (at_start, at_end):
                view[:] = X
                assert bits(net.objective(view, y), theta) == want, (dtype, n, m)
            apart = inside[-((m - 1) * (n + 3) + n):]  # rows that are further apart
            strides = (n + 3) * X.itemsize, X.itemsize
            apart = np.lib.stride_tricks.as_strided(apart, (m, n), strides)
            inside[:] = np.nan
            apart[:] = X
            assert bits(net.objective(apart, y), theta) == want, (dtype, n, m)
"""


@POSIX
@pytest.mark.skipif(sys.platform != "linux", reason="protects pages through the C library")
def test_nothing_is_read_beyond_the_data():
    run(SCRIPT)
