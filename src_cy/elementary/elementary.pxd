"""Elementary functions on lanes: polynomials of our own, since libm does not vectorise.

All are to be cimported from here; each file below answers for one family.

One source serves both precisions: `lanes_constant(wide, narrow)` is a number in the digits of
each, and `sizeof(real) == 8` is decided by the C compiler. Coefficients come from coefficients.py.
No operand pair is left for the compiler to fuse in two ways, so builds with fused multiply-add give
the same bits; those without differ in the last place. Infinities, NaN, signed zeros and subnormal
numbers (in and out) are treated as libm treats them.

Errors are the largest seen, in units in the last place, float64 / float32; see
tests/test_elementary.py.
"""

from elementary.exponential cimport (
    lanes_exp, lanes_exp_negative, lanes_exp_parts, lanes_expm1, lanes_expm1_exp, lanes_logaddexp,
    lanes_sigmoid, lanes_sigmoid_slope, lanes_sigmoid_tail, lanes_softplus, lanes_softplus_excess,
    lanes_softplus_sigmoid, lanes_tanh, lanes_tanh_rest,
)
from elementary.gamma cimport lanes_digamma, lanes_gammaln, lanes_polygamma
from elementary.inverse cimport (
    lanes_arccos, lanes_arccosh, lanes_arcsin, lanes_arcsinh, lanes_arctanh, lanes_one_minus_square,
)
from elementary.logarithm cimport lanes_log, lanes_log1p
from elementary.normal cimport lanes_erf, lanes_gaussian, lanes_normal
from elementary.polar cimport lanes_atan2, lanes_hypot
from elementary.power cimport lanes_pow
from elementary.rounding cimport lanes_floor, lanes_mod, lanes_round
from elementary.trigonometry cimport lanes_cos, lanes_sin, lanes_sin_cos, lanes_tan
from simd.lanes_math cimport (
    lanes_abs, lanes_constant, lanes_copysign, lanes_divide, lanes_eq, lanes_fma, lanes_ge,
    lanes_gt, lanes_lt, lanes_max, lanes_maximum, lanes_min, lanes_minimum, lanes_minus_abs,
    lanes_rounded, lanes_select, lanes_sign, lanes_sqrt, lanes_with_sign,
)
