"""A gate on one number. Arithmetic is computed as it is; a function that is a polynomial on a
register is computed on a register with the number in every lane. The gates of a program are linked,
so that each jumps to the next.
"""
from simd.lanes cimport lanes_splat, lanes_t, real
from simd.lanes_math cimport lanes_rounded
from tape.gate_values cimport gate, two_gates

cdef extern from "tape/threaded.h" nogil:
    ctypedef struct threaded_t:
        unsigned int out, a, b, c
    void run_threaded(const threaded_t *g, real *s)
    void link "link_gate"(int op, threaded_t *g)    # op: a gate, a pair, or STOP

cdef extern from * nogil:
    """
    #define first_lane(v) ((v)[0])
    """
    real first_lane(lanes_t v)


# threaded.h makes a function of these two for each gate and each pair.

cdef inline void number "fastbp_number"(int op, const threaded_t *g, real *s) noexcept nogil:
    # lanes_rounded hides from the compiler that all lanes are equal. Otherwise it computes parts in
    # scalar code, without fused multiply-adds, and the bits differ from those of a row.
    s[g.out] = first_lane(gate(
        op, lanes_rounded(lanes_splat(s[g.a])), lanes_rounded(lanes_splat(s[g.b])), lanes_splat(0)))


cdef inline void two_numbers "fastbp_two_numbers"(
    int first, int second, const threaded_t *g, real *s,
) noexcept nogil:
    cdef lanes_t value, other
    two_gates(first, second, lanes_rounded(lanes_splat(s[g.a])), &value, &other)
    s[g.out] = first_lane(value)
    s[g.b] = first_lane(other)
