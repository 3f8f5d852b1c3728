"""The Hessian of the cost of slopes (slopes.pxd) times a direction V of theta.

The gradient is made of the values and deltas of each sample and of their derivatives along E, a
direction of X that is held. This is its derivative along V: every stream has another one beside it,

    values  V: along V of theta      E: along E of X      EV: of that along V, E having E_V
    deltas  the same of the delta of output k

with E = w (G - Y) and E_V = w G_V, where G_V is how G changes along V. With a the values and d the
deltas,

    the tangent of Delta = sum d_EV [1, a]' + d_E a_V' + d_V a_E' + d a_EV'

so that what the errors' own change adds, the Gauss-Newton part, is in it.
"""
from libc.string cimport memcpy, memset

from evaluation.jacobian cimport begin_from_output, output_delta, output_values, output_z
from evaluation.plan cimport Data, Evaluation, Plan
from evaluation.slopes cimport slope_errors, take_numbers, weigh_position, weigh_slopes
from evaluation.tangents cimport (
    direction, hessian_backward, tangent_deltas, tangent_forward, tangent_values,
)
from evaluation.weights cimport leave_out
from matrix.gathered cimport FROM_NOTHING, FROM_OUT
from simd.lanes cimport real
from steps.affine cimport affine_backward, affine_sums, multiply_inputs
from steps.curvature cimport tangent_of_outputs
from steps.function cimport add_to, apply, multiply_by_slopes, multiply_by_tangent, products
from steps.gate cimport gate_backward, gate_mixed, gate_tangent, gate_tangent_backward
from steps.pool cimport pool_backward, pool_tangent
from steps.step cimport AFFINE, GATE, MAP, TO_OUT, Step

cdef enum:
    V, E, EV        # the streams beside the values, and beside the deltas


cdef inline void mixed_forward(const Evaluation *run, real *scratch) noexcept nogil:
    """EV of all rows; of X it is there."""
    cdef const Plan *plan = run.plan
    cdef const Step *step
    cdef Py_ssize_t S = plan.padded, i, n
    cdef const real *values = scratch + plan.values_at
    cdef const real *v = tangent_values(plan, scratch, V)
    cdef const real *e = tangent_values(plan, scratch, E)
    cdef real *ev = tangent_values(plan, scratch, EV)
    for i in range(plan.n_steps):
        if run.work.polling.stopped:
            return
        step = plan.steps + i
        n = step.n * S
        if step.kind == AFFINE:
            multiply_inputs(step, 0, run.theta, ev,
                            FROM_OUT if step.flags & TO_OUT else FROM_NOTHING, ev)
            multiply_inputs(step, 0, direction(run, 0), e, FROM_OUT, ev)
        elif step.kind == MAP:
            memcpy(ev + step.out, ev + step.a, n * sizeof(real))
            multiply_by_tangent(&step.g, 1, n, n, values + step.a, values + step.out,
                                v + step.a, e + step.a, ev + step.out, scratch + plan.room_at,
                                scratch + plan.circuit_at)
        elif step.kind == GATE:
            gate_tangent(step, S, scratch + plan.lengths_at, values, ev)
            gate_mixed(step, S, v, e, ev)
        else:
            pool_tangent(step, S, values, ev)


cdef inline void add_slopes_of(
    const Step *step, int order, Py_ssize_t n, const real *values, const real *a, const real *b,
    const real *delta, real *room, real *scratch, real *out,
) noexcept nogil:
    """out += g'' a delta (order 2), or g''' a b delta (3), of n numbers."""
    products(n, a, delta, room)
    if order == 3:
        products(n, b, room, room)
    multiply_by_slopes(&step.g, order, 1, n, n, values + step.a, values + step.out, room, scratch)
    add_to(n, room, out)


cdef inline void map_backward(
    const Evaluation *run, const Step *step, real *scratch,
) noexcept nogil:
    """The deltas of a and their streams become those of z."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t n = step.n * plan.padded
    cdef const real *values = scratch + plan.values_at
    cdef const real *v = tangent_values(plan, scratch, V) + step.a
    cdef const real *e = tangent_values(plan, scratch, E) + step.a
    cdef const real *ev = tangent_values(plan, scratch, EV) + step.a
    cdef real *d = scratch + plan.deltas_at + step.out_delta
    cdef real *d_v = tangent_deltas(plan, scratch, V) + step.out_delta
    cdef real *d_e = tangent_deltas(plan, scratch, E) + step.out_delta
    cdef real *d_ev = tangent_deltas(plan, scratch, EV) + step.out_delta
    cdef real *room = scratch + plan.room_at
    cdef real *tape = scratch + plan.circuit_at
    multiply_by_tangent(&step.g, 1, n, n, values + step.a, values + step.out, d, ev, d_ev, room,
                        tape)
    add_slopes_of(step, 2, n, values, v, NULL, d_e, room, tape, d_ev)
    add_slopes_of(step, 2, n, values, e, NULL, d_v, room, tape, d_ev)
    add_slopes_of(step, 3, n, values, v, e, d, room, tape, d_ev)
    multiply_by_tangent(&step.g, 1, n, n, values + step.a, values + step.out, d, v, d_v, room,
                        tape)
    multiply_by_tangent(&step.g, 1, n, n, values + step.a, values + step.out, d, e, d_e, room,
                        tape)
    multiply_by_slopes(&step.g, 1, 1, n, n, values + step.a, values + step.out, d, tape)


cdef inline void mixed_backward(
    const Evaluation *run, real *scratch, real *sums,
) noexcept nogil:
    """The deltas and their streams of all rows but X; adds to the tangent of Delta."""
    cdef const Plan *plan = run.plan
    cdef const Step *step
    cdef Py_ssize_t S = plan.padded, i, k, c, first
    cdef const real *theta = run.theta
    cdef const real *along = direction(run, 0)
    cdef const real *lengths = scratch + plan.lengths_at
    cdef const real *values = scratch + plan.values_at
    cdef const real *v = tangent_values(plan, scratch, V)
    cdef const real *e = tangent_values(plan, scratch, E)
    cdef const real *ev = tangent_values(plan, scratch, EV)
    cdef real *d = scratch + plan.deltas_at
    cdef real *d_v = tangent_deltas(plan, scratch, V)
    cdef real *d_e = tangent_deltas(plan, scratch, E)
    cdef real *d_ev = tangent_deltas(plan, scratch, EV)
    cdef real *streams[4]
    streams[0], streams[1], streams[2], streams[3] = d, d_v, d_e, d_ev
    for i in range(plan.n_steps - 1, -1, -1):
        if run.work.polling.stopped:
            return
        step = plan.steps + i
        for k in range(4):
            for c in range(step.n_clears):
                memset(streams[k] + step.clears[c].at, 0, step.clears[c].n * sizeof(real))
        if step.kind == AFFINE:
            first = step.first_hidden
            for k in range(4):
                affine_backward(step, first, theta, streams[k], streams[k])
            affine_backward(step, first, along, d, d_v)
            affine_backward(step, first, along, d_e, d_ev)
            affine_sums(step, 0, True, values, d_ev, sums)
            affine_sums(step, 0, False, v, d_e, sums)
            affine_sums(step, 0, False, e, d_v, sums)
            affine_sums(step, 0, False, ev, d, sums)
        elif step.kind == MAP:
            map_backward(run, step, scratch)
        elif step.kind == GATE:
            for k in range(4):
                gate_backward(step, S, lengths, values, streams[k])
            gate_tangent_backward(step, S, v, d, d_v)
            gate_tangent_backward(step, S, e, d, d_e)
            gate_tangent_backward(step, S, ev, d, d_ev)
            gate_tangent_backward(step, S, v, d_e, d_ev)
            gate_tangent_backward(step, S, e, d_v, d_ev)
        else:
            for k in range(4):
                pool_backward(step, S, values, streams[k])


cdef inline void begin_tangent(
    const Plan *plan, real *scratch, Py_ssize_t t, Py_ssize_t k, int stream,
) noexcept nogil:
    """The tangents of the outputs' deltas along one of the first two streams: of output k at
    position t, whose delta by a is 1."""
    cdef Py_ssize_t K = plan.n_out, S = plan.padded
    cdef real *out = tangent_deltas(plan, scratch, stream) + output_delta(plan, 0)
    memset(out, 0, plan.positions * K * S * sizeof(real))
    tangent_of_outputs(
        &plan.output_g, K, S, k, output_values(plan, scratch, t),
        tangent_values(plan, scratch, stream) + output_z(plan, t), scratch + plan.curvature_at,
        scratch + plan.circuit_at, out + t * K * S)


cdef inline void begin_mixed(
    const Plan *plan, real *scratch, Py_ssize_t t, Py_ssize_t k,
) noexcept nogil:
    """The same of EV: g'' z_EV + g''' z_E z_V. A softmax has none of it: its caller refuses."""
    cdef Py_ssize_t K = plan.n_out, S = plan.padded, at = output_z(plan, t) + k * S
    cdef real *a = scratch + plan.curvature_at
    cdef real *z = a + S
    cdef real *tape = scratch + plan.circuit_at
    cdef real *out = tangent_deltas(plan, scratch, EV) + output_delta(plan, 0)
    cdef real *room = scratch + plan.room_at
    memset(out, 0, plan.positions * K * S * sizeof(real))
    out += (t * K + k) * S
    memcpy(z, output_values(plan, scratch, t) + k * S, S * sizeof(real))
    apply(&plan.output_g, True, 1, S, S, z, a, tape)
    memcpy(out, tangent_values(plan, scratch, EV) + at, S * sizeof(real))
    multiply_by_slopes(&plan.output_g, 2, 1, S, S, z, a, out, tape)
    products(S, tangent_values(plan, scratch, E) + at, tangent_values(plan, scratch, V) + at, room)
    multiply_by_slopes(&plan.output_g, 3, 1, S, S, z, a, room, tape)
    add_to(S, room, out)


cdef inline void tile_slope_hessian(
    const Evaluation *run, real *scratch, const Data *data, Py_ssize_t count, real *sums,
    bint fresh,
) noexcept nogil:
    """Adds to the tangent of Delta, of a tile whose values are there."""
    cdef const Plan *plan = run.plan
    cdef Py_ssize_t n = plan.n_in, S = plan.padded, t, k
    cdef real *deltas = scratch + plan.deltas_at
    cdef real *e = tangent_values(plan, scratch, E)     # begin with the rows of X
    cdef real *ev = tangent_values(plan, scratch, EV)
    cdef real *w = scratch + plan.weights_at
    cdef const real *slopes = deltas + plan.input_delta
    cdef const real *slopes_v = tangent_deltas(plan, scratch, V) + plan.input_delta
    if fresh:
        memset(sums, 0, plan.n_delta * sizeof(real))
    weigh_slopes(run, scratch, data, count)
    memset(tangent_values(plan, scratch, V), 0, n * S * sizeof(real))
    tangent_forward(run, direction(run, 0), scratch, tangent_values(plan, scratch, V))
    for t in range(plan.positions):
        weigh_position(plan, scratch, data, t)
        for k in range(plan.n_out):
            if run.work.polling.stopped:
                return
            begin_from_output(plan, scratch, t, k, deltas)
            begin_tangent(plan, scratch, t, k, V)
            hessian_backward(run, 1, True, direction(run, 0), scratch, NULL, NULL)
            take_numbers(plan, scratch, data.slopes, slopes, t, k, data, count, e)
            slope_errors(n, S, slopes, w + S, data.slope_weight, e, scratch + plan.cost_at)
            memset(ev, 0, n * S * sizeof(real))
            slope_errors(n, S, slopes_v, w + S, data.slope_weight, ev, scratch + plan.cost_at)
            tangent_forward(run, NULL, scratch, e)
            mixed_forward(run, scratch)
            begin_from_output(plan, scratch, t, k, deltas)
            begin_tangent(plan, scratch, t, k, V)
            begin_tangent(plan, scratch, t, k, E)
            begin_mixed(plan, scratch, t, k)
            mixed_backward(run, scratch, sums)
