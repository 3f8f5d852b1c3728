"""Bits, comparisons and choices on registers (see lanes_math.h). A comparison gives a mask, an
`ilanes_t` with all bits set in the lanes where it holds."""

from simd.lanes cimport ilanes_t, lanes_t, real

cdef extern from "simd/lanes_math.h" nogil:
    const int MANTISSA_BITS
    const long long SIGN_BIT
    enum: LANES_AT_MOST

    lanes_t lanes_constant(double wide, double narrow)
    ilanes_t lanes_integer(long long wide, long long narrow)

    lanes_t lanes_infinity()
    lanes_t lanes_divide(lanes_t a, lanes_t b)  # a / b without Python's test for zero
    ilanes_t lanes_bits(lanes_t v)
    lanes_t lanes_from_bits(ilanes_t i)
    ilanes_t lanes_add_bits(ilanes_t i, ilanes_t j)
    ilanes_t lanes_subtract_bits(ilanes_t i, ilanes_t j)
    ilanes_t lanes_shift_left(ilanes_t i, int n)
    ilanes_t lanes_shift_right(ilanes_t i, int n)

    ilanes_t lanes_gt(lanes_t a, lanes_t b)
    ilanes_t lanes_ge(lanes_t a, lanes_t b)
    ilanes_t lanes_lt(lanes_t a, lanes_t b)
    ilanes_t lanes_eq(lanes_t a, lanes_t b)
    ilanes_t lanes_negative(lanes_t v)  # by its sign bit: -0 is, too
    lanes_t lanes_select(ilanes_t mask, lanes_t a, lanes_t b)  # a where mask is set, else b
    lanes_t lanes_max(lanes_t a, lanes_t b)  # b where either is NaN
    lanes_t lanes_min(lanes_t a, lanes_t b)  # b where either is NaN
    lanes_t lanes_maximum(lanes_t a, lanes_t b)  # NaN where either is; b where they are equal
    lanes_t lanes_minimum(lanes_t a, lanes_t b)  # NaN where either is; b where they are equal
    lanes_t lanes_masked_product(lanes_t a, lanes_t b)  # a * b, but 0 where a is 0
    lanes_t lanes_masked_quotient(lanes_t a, lanes_t b)  # a / b, but 0 where a is 0
    lanes_t lanes_masked_sum(lanes_t a, lanes_t b, lanes_t c)  # a * b + c, but c where a is 0
    real lanes_least(lanes_t v)
    lanes_t lanes_sign(lanes_t v)  # 1 or -1; zeros and NaN give themselves
    lanes_t lanes_abs(lanes_t v)
    lanes_t lanes_minus_abs(lanes_t v)
    lanes_t lanes_copysign(lanes_t v, lanes_t s)
    lanes_t lanes_with_sign(lanes_t v, lanes_t s)  # the same for v >= 0
    ilanes_t lanes_odd(ilanes_t i)
    bint lanes_any(ilanes_t mask)
    lanes_t lanes_sqrt(lanes_t v)  # correctly rounded: 0.50 / 0.50 ulp
    # c - a b rounded once, for c within a factor 2 of a b
    lanes_t lanes_minus_product(lanes_t c, lanes_t a, lanes_t b)
    lanes_t lanes_fma(lanes_t a, lanes_t b, lanes_t c)  # a b + c, surely fused
    lanes_t lanes_rounded(lanes_t v)  # not to be fused into a following addition
