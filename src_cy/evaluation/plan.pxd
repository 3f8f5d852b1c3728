"""What an evaluation is made of: m samples of a network laid out (Plan), and one run (Evaluation).

placement.pxi and workspace.pxi fill them in; network.pxd, tile.pxd and windows.pxd use them.
"""
from evaluation.dense cimport Dense
from evaluation.parameters cimport ThetaBlock
from libc.stdint cimport int64_t
from simd.lanes cimport real
from steps.function cimport Function
from steps.step cimport Step
from tape.tape cimport Custom
from work.polling cimport Polling


cdef struct Data:
    const real *X
    Py_ssize_t x_row
    const int64_t *labels       # or targets; the other is NULL
    const real *targets
    const double *weights       # or NULL
    const int64_t *lengths      # of the sequences; or NULL: each is whole


cdef struct Plan:
    Py_ssize_t m
    Py_ssize_t n_in             # numbers of a sample
    Py_ssize_t n_out            # outputs, at each of so many positions of a sequence
    Py_ssize_t positions
    Py_ssize_t n_layers         # 0: it is a program
    Py_ssize_t n_parameters
    Dense *layers
    Py_ssize_t n_thetas
    ThetaBlock *thetas               # of all layers
    Py_ssize_t whole_from       # samples whose row in X can be read in whole registers, with
    Py_ssize_t whole_to         # what lies around it: from whole_from on, before whole_to
    bint gathers                # the samples are some rows of the data: tiles are put together
    bint weighted
    bint has_lengths
    # The program, for a tile (passes.pxd): places in values and deltas, in reals
    Step *steps
    Py_ssize_t n_steps
    Py_ssize_t n_rows
    Py_ssize_t n_steps_in       # of a sequence of inputs; 1: X is none
    Py_ssize_t multiply_adds    # of a sample's forward pass
    Function output_g
    Py_ssize_t output_z
    Py_ssize_t output_delta
    Py_ssize_t values_at, deltas_at, lengths_at, output_a_at
    # cost
    int loss                    # row of the table; N_LOSSES: loss_circuit; -1: forward only
    real loss_parameter
    bint loss_from_z
    const Custom *loss_circuit
    real other_label            # what a one-hot target has at the other labels: 0, or -1
    bint mean
    double l2
    # how the samples are shared out
    Py_ssize_t tile             # samples in a tile
    Py_ssize_t n_tiles
    Py_ssize_t n_chunks
    Py_ssize_t group            # tiles whose Delta is summed in reals
    # Float32 only: a chunk has more than `group` tiles; sums of each group are added in double.
    bint sums_in_double
    Py_ssize_t window             # samples of which delta and a are kept (see windows.pxd); or 0
    Py_ssize_t padded           # samples of a tile, in whole registers
    Py_ssize_t stride           # row length of a tile's arrays that lie by rows
    Py_ssize_t n_packed         # reals of packed weights
    Py_ssize_t n_delta          # length of a chunk's partial Delta
    Py_ssize_t n_units          # of all layers
    Py_ssize_t n_cached           # reals that are kept of a window
    Py_ssize_t cached_biases_at   # where in them the sums for the biases are
    # where things are in the scratch of a thread
    Py_ssize_t delta_at, below_at, z_transposed_at, x_transposed_at, a_transposed_at, edges_at
    Py_ssize_t y_at, cost_at, sums_at, packed_delta_at
    Py_ssize_t sample_major_at, double_at, circuit_at, weights_at
    Py_ssize_t gathered_at      # X and targets or labels of a tile
    Py_ssize_t scratch          # reals a thread needs for tiles
    Py_ssize_t delta_scratch    # or, when these are done, for columns of Delta
    Py_ssize_t sample_major     # m, if too few to fill the lanes (sample_major.pxd); or 0
    Py_ssize_t sample_major_row          # row length of its arrays


cdef struct Evaluation:
    Polling polling             # first: see polling.pxd
    const Plan *plan
    Data data                   # as the user has it
    const int64_t *rows         # of the samples, if they are gathered, checked; or NULL: each
    Py_ssize_t first, step      # `step`th from `first` on
    int64_t *row_numbers        # room for plan.m of them
    double *row_weights         # and for their weights
    bint is_packed              # the weights are, from a call before
    double weight_factor        # of all weights while they are used (see weights.pxd)
    double scale                # of the sums: 1/m, 1/(sum of weights), or 1; with that factor
    double l2                   # the same beside the sums: times the factor
    const double *source        # theta as the caller has it
    const real *theta
    real *packed
    real *scratch               # plan.scratch reals for each thread
    double *partial             # n_chunks x n_delta, if chunks widen their sums
    real *sums                  # in the same place, if they do not
    real *cached                # in the same place: what is kept of a window
    Py_ssize_t window_start       # its first sample
    double *costs               # n_chunks
    double *gradient            # NULL: cost only
    real *output                # not NULL: forward only, a(L) as (m, K)
    bint from_z                 # or z(L)
    int n_threads               # at most


cdef inline Py_ssize_t data_row(const Evaluation *run, Py_ssize_t sample) noexcept nogil:
    """Which row of the data this sample is."""
    if run.plan.gathers:
        sample = run.rows[sample] if run.rows != NULL else run.first + sample * run.step
    return sample


cdef inline Py_ssize_t take(Py_ssize_t *top, Py_ssize_t n) noexcept nogil:
    """Sets n reals apart, in whole cache lines, and returns where they start."""
    cdef Py_ssize_t at = top[0]
    top[0] += (n + 15) // 16 * 16
    return at
