"""The engine as Python sees it. Compiled once for each precision and CPU level.

    tables.pxi            the activations and losses there are
    custom.pxi            CustomFunction: a circuit as activation or loss
    placement.pxi         how an evaluation is cut, and where everything lies
    program.pxi           a network's program, read
    program_layout.pxi    and laid out for a tile
    program_placement.pxi how its samples are cut, and where all of it lies
    bound.pxi             what bound networks and circuits have in common: memory, counters
    workspace.pxi         Chain: a network as the engine runs it; Workspace: m samples, and memory
    rows.pxi              some rows of the data: how many, which, and their weights
    network.pxi           BoundNetwork: a network bound to its data, evaluated in one call
    model.pxi             Model: a network bound to its parameters
    derivatives.pxi       derivatives of each sample, by theta and by the inputs
    kernels.pxi           single steps for fastbp.kernels
    functions.pxi         one function over an array, for validation and for tests
    programs.pxi          a Program of the recorder, read and run on numbers
    circuits.pxi          Tape, BufferTape: a circuit of numbers
    sample_tapes.pxi      SampleTape: a Program laid out for samples
    circuit_samples.pxi   BoundCircuit: a circuit bound to samples
    collocation_placement.pxi   where all of it lies that residuals at points need
    collocation.pxi       BoundCollocation: residuals of a network's derivatives bound to points

It trusts its caller for meaning (fastbp/ validates) and checks here only what would let it read
outside of an array.
"""
cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_AsDouble, PyLong_CheckExact
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memmove, memset
from posix.stdlib cimport posix_memalign

import numpy as np

from evaluation.circuit cimport CircuitData, CircuitRun, SampleCode, count_sums, run_samples
from evaluation.circuit_sums cimport Term
from evaluation.collocation cimport (
    N_SOURCES, OF_INPUT, OF_OUTPUT, Collocation, Source, StreamRun, evaluate_collocation,
)
from evaluation.chain_step cimport (
    ChainStep, accumulate, accumulate_bias, backward, by_samples, delta_matrix, forward_units,
    pack_weights, packing_pieces, packs_delta,
)
from evaluation.gram cimport gram_size, packed_rows_size, transposed_rows_size
from evaluation.network cimport evaluate
from evaluation.parameters cimport ThetaBlock, add_in_double, delta_of, delta_size
from evaluation.plan cimport (
    BACKWARD_PRODUCT, BY_STEPS, BY_TILES, BY_WINDOWS, CURVATURE_ROWS, FORWARD_PRODUCT,
    GAUSS_NEWTON, GAUSS_NEWTON_PRODUCT, INPUT_HESSIAN, INPUT_JACOBIAN, NO_LABEL, NO_ROWS,
    RESIDUALS, RESIDUAL_PRODUCT, RESIDUAL_TRANSPOSE, SAMPLE_GRADIENTS, SAMPLE_MAJOR,
    SLOPE_COST, SLOPE_GRADIENTS, SLOPE_GRAM, SLOPE_HESSIAN, SLOPE_PRODUCT, SLOPE_RESIDUALS,
    SLOPE_ROWS, SLOPE_TRANSPOSE, Data, Evaluation, Plan, take,
)
from evaluation.samples cimport gathered_size
from evaluation.weights cimport wide_factor
from evaluation.windows cimport copied_size, n_products, piece_columns, window_pieces
from fastbp._threads cimport disown, try_own
from matrix.gathered cimport Run
from matrix.layout cimport (
    Strips, by_rows, by_strips, column, round_up, row_stride, size_of, strips_size,
)
from matrix.packing cimport packing_pays
from matrix.product cimport Ahead, no_data, nothing
from matrix.scan cimport all_finite, find_extremes, find_integer_extremes
from matrix.sizes cimport (
    CHUNK_DOUBLES, CHUNK_WORK, GATE_SAMPLES, GRAM_DOUBLES, GRAM_SAMPLES, HUGE_PAGE, LARGE_THETA,
    LONG_CALL, MAX_CHUNKS, MAX_COLUMNS, MAX_TILE, MAX_WINDOW, MIN_CHUNKS, MIN_COLUMNS, MIN_TILE,
    ON_STACK, PACK_ROWS, PACK_SAMPLES, PARTS, PEAK_SUMS, POLL_NANOSECONDS, POLL_WORK,
    PRODUCT_WORK, PROGRAM_TILE_BYTES, ROW_BYTES, SAMPLE_MAJOR_BYTES, SPARE_WORKSPACES,
    STREAM_BYTES, STREAM_TILE_BYTES, THREAD_WORK, TILE_BYTES, TILE_ROW_BYTES, WINDOW_BYTES,
    WINDOW_TILE,
)
from matrix.transpose cimport transpose
from simd.lanes cimport LANES, kernel_void, lanes_load, lanes_splat, lanes_store, lanes_t, real
from steps.activations cimport (
    KEEPS_NOTHING, KEEPS_SLOPE, N_ACTIVATIONS, Activation, activation_table,
)
from steps.curvature cimport CURVATURE_ARRAYS
from steps.custom cimport custom_loss, custom_scratch
from steps.function cimport Function, apply, multiply_by_slopes, output_loss
from steps.losses cimport N_LOSSES, Loss, loss_table
from steps.parameter cimport Parameter
from steps.step cimport (
    AFFINE, AVERAGE, GATE, LARGEST, MAP, N_GATE_OPS, N_POOL_OPS, POOL, WITHIN, WITH_BIAS, Cleared,
    Step,
)
from steps.streams cimport Streams
from tape.gates cimport (
    MAXIMUM, MINIMUM, MULTIPLY, N_GATES, SIGN, STOP, gate_arity, gate_name, is_short, pair_of,
)
from tape.numbers cimport link, run_threaded, threaded_t
from tape.tape cimport (
    Code, Column, Coming, Custom, Gate, Row, run_long, run_short, whole_registers,
)
from work.chunks cimport Cut, Work, cut_samples, is_whole, threads_worth
from work.polling cimport now

cdef extern from *:
    """
    #define COMPILER_VERSION __VERSION__
    #ifdef __linux__
    #include <sys/mman.h>
    #endif
    static void want_huge_pages(void *memory, size_t n_bytes) {
    #ifdef MADV_HUGEPAGE
        madvise(memory, n_bytes, MADV_HUGEPAGE);
    #endif
    }
    #ifdef Py_GIL_DISABLED
    #define count_up(counter, n) __atomic_fetch_add(counter, n, __ATOMIC_RELAXED)
    #else
    #define count_up(counter, n) (*(counter) += (n))
    #endif
    """
    void want_huge_pages(void *memory, size_t n_bytes)
    void count_up(long long *, long long)
    const char *COMPILER_VERSION

cnp.import_array()


REAL = cnp.NPY_FLOAT64 if sizeof(real) == 8 else cnp.NPY_FLOAT32
cdef int REAL_TYPE = REAL
COMPILER = COMPILER_VERSION.decode()

cdef void *allocate(size_t n_bytes) except NULL:
    """Zeroed memory in whole cache lines.

    Where it is large, in huge pages if the system has them: products go through more pages of the
    usual size than the processor remembers, which costs 4 % of the peak.
    """
    cdef void *out = NULL
    cdef size_t alignment = HUGE_PAGE if n_bytes >= 2 * HUGE_PAGE else 64
    n_bytes = (n_bytes + 63) // 64 * 64 + 64
    if posix_memalign(&out, alignment, n_bytes) != 0:
        raise MemoryError(f"no memory for {n_bytes} bytes of scratch")
    if alignment == HUGE_PAGE:
        want_huge_pages(out, n_bytes)
    memset(out, 0, n_bytes)
    return out


include "bindings/tables.pxi"
include "bindings/custom.pxi"
include "bindings/placement.pxi"
include "bindings/program.pxi"
include "bindings/program_layout.pxi"
include "bindings/program_placement.pxi"
include "bindings/bound.pxi"
include "bindings/workspace.pxi"
include "bindings/rows.pxi"
include "bindings/network.pxi"
include "bindings/model.pxi"
include "bindings/derivatives.pxi"
include "bindings/kernels.pxi"
include "bindings/functions.pxi"
include "bindings/programs.pxi"
include "bindings/circuits.pxi"
include "bindings/sample_tapes.pxi"
include "bindings/circuit_samples.pxi"
include "bindings/collocation_placement.pxi"
include "bindings/collocation.pxi"
include "bindings/peak.pxi"
