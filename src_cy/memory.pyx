"""Memory that belongs to the caller: what it holds, in one number, and who looks at it."""
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset
cimport numpy as cnp

from fastbp._threads cimport parallel_for

import numpy as np

cnp.import_array()

cdef extern from *:
    """
    typedef unsigned __int128 uint128_t;
    """
    ctypedef unsigned long long uint128_t       # twice as wide in truth: only C computes with it

cdef enum:
    STEP = 64                   # bytes that are mixed in at once, 16 in each of four lanes
    PIECE = 131072              # bytes of one item of the threads' work
    PIECES = 256                # between two looks for Ctrl-C
    THREAD_PIECES = 8           # worth waking a thread for
    GATHERED = 8192            # numbers that are copied to be adjacent, at once

# The first digits of pi behind the point, in base 2**64.
cdef uint64_t[8] PI = [
    0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89,
    0x452821E638D01377, 0xBE5466CF34E90C6C, 0xC0AC29B7C97C50DD, 0x3F84D5B5B5470917]

cdef struct Pieces:
    const char *at
    Py_ssize_t n_bytes
    uint64_t[PIECES] mixed


cdef inline uint64_t mix(uint64_t a, uint64_t b) noexcept nogil:
    """Both halves of the product a b, by exclusive or: every bit depends on every bit."""
    cdef uint128_t product = <uint128_t>a * b
    return <uint64_t>product ^ <uint64_t>(product >> 64)


cdef inline void mix_step(uint64_t *lanes, const char *at) noexcept nogil:
    cdef uint64_t a, b
    cdef int i
    for i in range(4):
        memcpy(&a, at + 16 * i, 8)
        memcpy(&b, at + 16 * i + 8, 8)
        lanes[i] = mix(a ^ PI[i], b ^ lanes[i])


cdef uint64_t mixed(const char *at, Py_ssize_t n_bytes) noexcept nogil:
    """All bytes and their number. Four chains, as a product takes four times as long to come out
    as to go in."""
    cdef uint64_t[4] lanes
    cdef char[STEP] rest
    cdef Py_ssize_t i, left = n_bytes % STEP
    for i in range(4):
        lanes[i] = PI[4 + i] ^ <uint64_t>n_bytes
    for i in range(n_bytes // STEP):
        mix_step(lanes, at + i * STEP)
    if left > 0:
        memset(rest, 0, STEP)
        memcpy(rest, at + n_bytes - left, left)
        mix_step(lanes, rest)
    return mix(mix(lanes[0] ^ PI[0], lanes[1] ^ PI[1]), mix(lanes[2] ^ PI[2], lanes[3] ^ PI[3]))


cdef void mix_piece(void *context, int worker, Py_ssize_t item) noexcept nogil:
    cdef Pieces *pieces = <Pieces *>context
    cdef Py_ssize_t start = item * PIECE
    pieces.mixed[item] = mixed(pieces.at + start, min(PIECE, pieces.n_bytes - start))


cdef void wait(void *context) noexcept nogil:
    pass


cdef uint64_t mix_memory(
    uint64_t before, const char *at, Py_ssize_t n_bytes, int n_threads,
) except? 0:
    """`before` and all bytes; in pieces, so that the number does not depend on the threads'."""
    cdef Pieces pieces
    cdef Py_ssize_t i, n
    if n_bytes <= PIECE:
        return mix(before ^ PI[0], mixed(at, n_bytes) ^ PI[1])
    pieces.at = at
    while n_bytes > 0:
        pieces.n_bytes = min(n_bytes, <Py_ssize_t>PIECES * PIECE)
        n = (pieces.n_bytes + PIECE - 1) // PIECE
        with nogil:
            parallel_for(mix_piece, wait, &pieces, n, min(n_threads, 1 + <int>n // THREAD_PIECES))
            for i in range(n):
                before = mix(before ^ PI[0], pieces.mixed[i] ^ PI[1])
        pieces.at += pieces.n_bytes
        n_bytes -= pieces.n_bytes
        PyErr_CheckSignals()
    return before


cdef uint64_t mix_scattered(uint64_t before, array, int n_threads) except? 0:
    """`before` and all numbers, row by row; a row that is repeated in memory counts once."""
    cdef Py_ssize_t rows
    array = array[tuple([slice(None) if step else slice(1) for step in array.strides])]
    rows = max(1, GATHERED * array.shape[0] // max(1, array.size))
    for start in range(0, array.shape[0], rows):
        part = np.ascontiguousarray(array[start:start + rows])
        before = mix_memory(before, cnp.PyArray_BYTES(part), cnp.PyArray_NBYTES(part), n_threads)
        PyErr_CheckSignals()
    return before


def fingerprint(tuple arrays, int n_threads):
    """One number that tells whether the memory of arrays of numbers has changed.

    Parameters
    ----------
    arrays : tuple of ndarray or None
        Of any numeric dtype, shape and order; their bytes count, and the order they are read in.
    n_threads : int
        At most so many threads read; the number does not depend on it.

    Returns
    -------
    fingerprint : int, 64 bits
        Two different states have the same with probability 2**-64, as for random numbers. It is
        made by multiplications of 64 by 64 bits, as fast as memory is read.
    """
    cdef uint64_t number = PI[7]
    cdef cnp.ndarray array
    for each in arrays:
        if each is None:
            continue
        array = each
        if cnp.PyArray_ISONESEGMENT(array):
            number = mix_memory(
                number, cnp.PyArray_BYTES(array), cnp.PyArray_NBYTES(array), n_threads)
        else:
            number = mix_scattered(number, array, n_threads)
    return number


def same_place(cnp.ndarray a, cnp.ndarray b):
    """Whether two arrays are the same numbers in the same memory: its place, shape, strides and
    dtype."""
    cdef int i
    if (cnp.PyArray_DATA(a) != cnp.PyArray_DATA(b) or cnp.PyArray_NDIM(a) != cnp.PyArray_NDIM(b)
            or cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(b)
            or cnp.PyArray_ISBYTESWAPPED(a) != cnp.PyArray_ISBYTESWAPPED(b)
            or cnp.PyArray_ITEMSIZE(a) != cnp.PyArray_ITEMSIZE(b)):
        return False
    for i in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, i) != cnp.PyArray_DIM(b, i):
            return False
        # NumPy sets the strides of axes of length 1 as it likes.
        if (cnp.PyArray_DIM(a, i) > 1
                and cnp.PyArray_STRIDE(a, i) != cnp.PyArray_STRIDE(b, i)):
            return False
    return True


class _Place:
    __slots__ = ("__array_interface__",)


def borrowed(array):
    """An array of the same memory that does not keep it alive.

    It is read only while the caller's array is known to live: while a call has it as an argument.
    """
    place = _Place()
    place.__array_interface__ = array.__array_interface__
    return np.asarray(place)
