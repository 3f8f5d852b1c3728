"""What an evaluation is made of: m samples of a network laid out (Plan), and one run (Evaluation).

placement.pxi and workspace.pxi fill them in; network.pxd and the schedules use them.

A workspace is one block of memory; each part of it begins with a cache line:

    packed              the packed weights of a chain (chain_step.pxd)
    theta               theta in float32, if that is what is computed in
    scratch             of each thread: what a tile needs; afterwards what columns of Delta need
    sums, partial       Delta of each chunk, in reals or in double; or, as `cached`, what is kept
                        of a window
    costs               of each chunk
    row_numbers         of samples that are gathered
    row_weights         and their weights

The scratch of a thread, for one tile of a plain chain of dense layers; places are counted in reals:

    z_at, a_at          of each layer: z and a, [unit, sample]; one place for both if z is not kept
    delta_at, below_at  delta of a layer and of the one under it; they change places layer by layer
                        All up to here n_values further on for each direction of theta again
    a_transposed_at     a of the layer under, [sample, unit], from which Delta is made
    z_transposed_at     z of the first layer, [sample, unit], if its weights are transposed; or
    x_transposed_at     X, [input, sample]
    packed_delta_at     delta, packed as P of the product for Delta
    edges_at            the outer columns of X, where a register would reach beyond the data
    y_at                targets, [unit, sample]
    beside_at           further numbers that a loss takes, [number, sample]
    cost_at             the cost of each sample
    missing_at          a row more, if targets may be missing
    weights_at          the weights of the samples
    sums_at             Delta of a group of tiles, if that of the chunk is in double
    sample_major_at     a, delta and z of samples too few to fill the lanes (sample_major.pxd)
    double_at           their a, in double
    circuit_at          rows of the tape of a circuit as activation or loss
    gathered_at         X and targets or labels of gathered samples

A program has values_at and deltas_at instead of all up to edges_at, where its rows lie one after
the other, and lengths_at and output_a_at besides. It has room for weights twice, of the samples
and of those that have a position. For directions of theta or X there are

    tangents_at         n_tangents times as much as at values_at
    delta_tangents_at   and as at deltas_at
    curvature_at        second derivatives of the loss by the outputs of one position
    room_at             rows of the largest step, or of the outputs
    rows_at             rows by parameters (jacobian.pxd)
    rows_transposed_at  the same transposed, and a group of them packed (gram.pxd)
    packed_rows_at
    slopes_at           delta and z of the outputs, kept (slopes.pxd)
"""
from evaluation.chain_step cimport ChainStep
from evaluation.parameters cimport ThetaBlock
from libc.stdint cimport int64_t
from simd.lanes cimport real
from steps.function cimport Function
from steps.step cimport Step
from tape.tape cimport Custom
from work.chunks cimport Cut, Work


cdef enum:          # what is asked of each sample; see jacobian.pxd
    NO_ROWS, RESIDUALS, CURVATURE_ROWS, SAMPLE_GRADIENTS, GAUSS_NEWTON, GAUSS_NEWTON_PRODUCT
    RESIDUAL_PRODUCT, RESIDUAL_TRANSPOSE
    FORWARD_PRODUCT, BACKWARD_PRODUCT, INPUT_JACOBIAN, INPUT_HESSIAN
    # and slopes.pxd
    SLOPE_COST, SLOPE_RESIDUALS, SLOPE_ROWS, SLOPE_GRAM, SLOPE_PRODUCT, SLOPE_TRANSPOSE
    SLOPE_GRADIENTS, SLOPE_HESSIAN


cdef enum:
    NO_LABEL = -1


cdef struct Data:
    const real *X
    Py_ssize_t x_row
    const int64_t *labels       # or targets; the other is NULL
    const real *targets
    const double *weights       # or NULL
    const int64_t *lengths      # of the sequences; or NULL: each is whole
    const real *slopes          # what the outputs' derivatives by X should be; or NULL
    real slope_weight
    const real *beside          # further numbers that a loss takes; or NULL
    bint may_miss               # targets that are NaN, and labels NO_LABEL, are missing


cdef enum Schedule:
    # How the steps of a network's program are run; chosen once, in placement.pxi and by the sizes
    # of sizes.h. All but the first are for a plain chain of dense layers: they give its gradient,
    # the second and third also products along directions of theta (chain_tangents.pxd).
    BY_STEPS            # any program, one step after the other (passes.pxd, tangents.pxd)
    BY_TILES            # without tables of rows, and with X where it lies (chain.pxd)
    BY_WINDOWS          # the same where weights fill the caches (windows.pxd)
    SAMPLE_MAJOR        # of samples too few to fill the lanes (sample_major.pxd)


cdef struct Plan:
    int schedule
    Cut cut                     # the samples, in chunks of whole tiles
    Py_ssize_t n_in             # numbers of a sample
    Py_ssize_t n_out            # outputs, at each of so many positions of a sequence
    Py_ssize_t positions
    Py_ssize_t n_parameters
    Py_ssize_t n_given          # numbers of theta and of the directions that follow it
    Py_ssize_t n_chain          # layers of a plain chain of dense layers; 0: it is none
    ChainStep *chain
    Py_ssize_t n_thetas
    ThetaBlock *thetas          # of all layers
    # Samples whole_from <= s < whole_to: their rows of X can be read in whole registers, since what
    # a register holds beside the row lies inside X too.
    Py_ssize_t whole_from
    Py_ssize_t whole_to
    bint gathers                # the samples are chosen rows of the data, copied tile by tile
    bint weighted
    bint has_lengths
    bint has_slopes
    bint may_miss               # targets
    # The program, for a tile (passes.pxd): places in values and deltas, in reals
    Step *steps
    Py_ssize_t n_steps
    Py_ssize_t n_values         # reals of all values of a tile, and of all deltas; a chain's: both
    Py_ssize_t n_deltas
    Py_ssize_t n_steps_in       # steps of a sequence of inputs; 1: X is no sequence
    Py_ssize_t multiply_adds    # of a sample's forward pass
    # where in the scratch z of the outputs, a and delta are (outputs.pxd)
    Function output_g
    Py_ssize_t output_z_at, output_a_at, output_delta_at
    # Along so many directions at once (tangents.pxd), of theta, which they follow, or of X
    Py_ssize_t n_tangents
    Py_ssize_t n_directions     # those of theta
    bint gauss_newton           # the products are those of the Gauss-Newton matrix
    Py_ssize_t tangents_at, delta_tangents_at, curvature_at, room_at
    int rows_of
    Py_ssize_t input_delta      # those of X in the deltas, if they are wanted
    Py_ssize_t slopes_at        # delta and z of the outputs, while tile_slope_cost is at work
    Py_ssize_t rows_at          # [parameter, sample]
    Py_ssize_t gram_row         # from one of them to the next
    Py_ssize_t gram_samples     # that they have room for; they may be those of several tiles
    Py_ssize_t rows_transposed_at, packed_rows_at
    # cost
    int loss                    # row of the table; N_LOSSES: loss_circuit; -1: forward only
    real loss_parameter
    bint loss_from_z
    const Custom *loss_circuit
    Py_ssize_t n_beside         # numbers of a sample that it takes beside a and y
    real other_label            # what a one-hot target has at the other labels: 0, or -1
    bint mean
    double l2
    # how sums are made, and the rows of a tile
    Py_ssize_t group            # tiles whose Delta is summed in reals
    # Float32 only: a chunk has more than `group` tiles; sums of each group are added in double.
    bint sums_in_double
    Py_ssize_t window           # samples of which delta and a are kept (see windows.pxd); or 0
    Py_ssize_t padded           # samples of a tile, in whole registers
    Py_ssize_t stride           # row length of a tile's arrays that lie by rows
    Py_ssize_t n_packed         # reals of packed weights: of theta, and of each direction
    Py_ssize_t n_sums           # length of a partial Delta
    Py_ssize_t n_delta          # of all that a chunk sums up: Delta, or one for each direction
    Py_ssize_t n_units          # of all layers
    Py_ssize_t n_cached         # reals of the cache of a window, of each stream
    Py_ssize_t cached_biases_at  # where in the cache the sums of delta for the biases begin
    # where things are in the scratch of a thread
    Py_ssize_t values_at, deltas_at, lengths_at
    Py_ssize_t delta_at, below_at, z_transposed_at, a_transposed_at, edges_at
    Py_ssize_t y_at, beside_at, cost_at, missing_at, sums_at, packed_delta_at
    Py_ssize_t sample_major_at, double_at, circuit_at, weights_at
    Py_ssize_t gathered_at      # X and targets or labels of a tile
    Py_ssize_t scratch          # reals a thread needs for tiles
    Py_ssize_t delta_scratch    # reals it needs, once the tiles are done, for columns of Delta
    # m, if the samples are too few to fill the lanes (sample_major.pxd); else 0.
    Py_ssize_t sample_major
    Py_ssize_t sample_major_row  # row length of sample-major arrays


cdef struct Evaluation:
    Work work                   # first: see chunks.pxd
    const Plan *plan
    Data data                   # as the user has it
    # Of gathered samples: their rows, checked; NULL: the rows first, first + step, ...
    const int64_t *rows
    Py_ssize_t first, step
    int64_t *row_numbers        # room for all row numbers
    double *row_weights         # room for the weights of these rows
    bint is_packed              # an earlier call has packed the weights already
    double weight_factor        # all weights are multiplied by it (see weights.pxd)
    # Sums are multiplied by it: 1/m, 1/(sum of weights) or 1, divided by the factor of the weights.
    double scale
    double l2                   # plan.l2 times the factor of the weights, as the sums are
    const double *source        # theta as the caller has it
    const real *theta
    real *packed
    real *scratch               # plan.scratch reals for each thread
    # One memory for three uses: Delta of each chunk, n_chunks x n_delta, in double if
    # plan.sums_in_double, else in reals; or the cache of a window.
    double *partial
    real *sums
    real *cached
    Py_ssize_t window_start     # the first sample of the window
    double *costs               # n_chunks
    double *gradient            # NULL: cost only; or the products with all directions
    real *output                # not NULL: forward only, a(L) as (m, K); or plan.rows_of
    const real *beside          # directions of X or of the outputs, sample by sample
    bint from_z                 # z(L) instead of a(L)


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
