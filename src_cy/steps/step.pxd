"""One step of a network's program, laid out for a tile of samples.

A row is one number of each sample of the tile, in whole cache lines; where it begins is counted in
reals from the start of the values, or of the deltas (dJ/d value). The kinds are

    AFFINE  out = b + W inputs      at each position; the inputs' rows are in the table of a Run
    MAP     out = g(a)
    GATE    out = a b + d           or another combination of two rows and one (GateOp)
    POOL    out = max or mean       of the rows of a window, which are in a table

and the loss, which is no step of this list: it comes behind the last one (passes.pxd). Each kind
has its functions forward and backward; the latter adds to the deltas of what the step has read.
"""
from libc.stdint cimport int32_t

from matrix.gathered cimport Run
from simd.lanes cimport real
from steps.function cimport Function

cdef enum Kind:
    AFFINE, MAP, GATE, POOL, N_KINDS

cdef enum GateOp:
    PRODUCT, NEGATIVE_PRODUCT, WITHIN, N_GATE_OPS       # a b + d; d - a b; t < length ? a : b

cdef enum PoolOp:
    LARGEST, AVERAGE, N_POOL_OPS

cdef enum:
    WITH_BIAS = 1       # flags of AFFINE
    TO_OUT = 2          # it adds to what is in out


cdef struct Cleared:
    Py_ssize_t at
    Py_ssize_t n


cdef struct Step:
    int kind
    int op                      # of GATE, POOL
    int flags                   # of AFFINE
    Py_ssize_t n                # rows of out: of MAP, GATE, POOL
    # The first rows in values; -1: there is none. Of WITHIN d is t.
    Py_ssize_t a
    Py_ssize_t b
    Py_ssize_t d
    Py_ssize_t out
    # and in deltas; -1: nobody wants them
    Py_ssize_t a_delta
    Py_ssize_t b_delta
    Py_ssize_t d_delta
    Py_ssize_t out_delta
    # Deltas that are set to 0 before this step, the first of all going backward to use them
    const Cleared *clears
    Py_ssize_t n_clears
    # AFFINE
    Py_ssize_t weights          # where W's first unit and column are in theta
    Py_ssize_t bias             # and the first unit's bias
    Py_ssize_t row              # from one unit to the next
    Py_ssize_t n_units
    Py_ssize_t depth
    Py_ssize_t first_wanted     # inputs before it have no delta that is wanted
    Py_ssize_t first_hidden     # the same if those of X are not wanted
    Py_ssize_t unit_row         # from one unit's output to the next
    Run *runs
    Py_ssize_t n_runs
    # Delta, made once for all steps that share weights, by the last of them to go backward
    Py_ssize_t delta_weights    # where in the sums of a chunk
    Py_ssize_t delta_bias
    Py_ssize_t delta_row
    Run *all_runs
    Py_ssize_t n_all_runs       # 0: another step does it
    Py_ssize_t first_tangent    # inputs before it have no tangent in any of them
    # MAP
    Function g
    bint keeps_z
    # POOL
    Py_ssize_t window
    real factor                 # of a mean
    const int32_t *rows         # of values, window by window; -1: none
    const int32_t *row_deltas
