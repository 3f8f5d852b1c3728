# Derivatives by the inputs, and how a call for derivatives of each sample reaches the engine.

# name -> what a sample gets: by theta, or by the inputs
cdef dict ROWS_BY_THETA = {
    "residuals": RESIDUALS, "curvature_rows": CURVATURE_ROWS, "sample_gradients": SAMPLE_GRADIENTS,
    "residual_product": RESIDUAL_PRODUCT,
    "slope_residuals": SLOPE_RESIDUALS, "slope_rows": SLOPE_ROWS, "slope_product": SLOPE_PRODUCT,
    "slope_gradients": SLOPE_GRADIENTS,
}
cdef dict ROWS_BY_INPUTS = {
    "forward_product": FORWARD_PRODUCT, "backward_product": BACKWARD_PRODUCT,
    "input_jacobian": INPUT_JACOBIAN, "input_hessian": INPUT_HESSIAN,
}


cdef int rows_named(name, bint of_inputs) except -1:
    what = (ROWS_BY_INPUTS if of_inputs else ROWS_BY_THETA).get(name)
    if what is None:
        raise ValueError(f"no derivative {name!r}")
    return what


cdef Py_ssize_t row_length(Chain chain, int what) except -1:
    """Numbers of a sample."""
    cdef double n, n_in = chain.n_in(), outputs = chain.n_out()
    if what in (RESIDUALS, RESIDUAL_PRODUCT, FORWARD_PRODUCT): n = outputs
    elif what == CURVATURE_ROWS: n = outputs * chain.plan.n_parameters
    elif what == SLOPE_ROWS: n = outputs * n_in * chain.plan.n_parameters
    elif what in (SAMPLE_GRADIENTS, SLOPE_GRADIENTS): n = chain.plan.n_parameters
    elif what == BACKWARD_PRODUCT: n = n_in
    elif what in (INPUT_JACOBIAN, SLOPE_RESIDUALS, SLOPE_PRODUCT): n = outputs * n_in
    else: n = outputs * n_in * n_in
    if n > 2.0**40:
        raise MemoryError(f"{n:.3g} numbers for each sample are too many")
    return <Py_ssize_t>n


cdef object new_rows(Py_ssize_t m, Py_ssize_t n):
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = m, n
    return cnp.PyArray_SimpleNew(2, shape, REAL_TYPE)


cdef object rows_to(out, Py_ssize_t m, Py_ssize_t n):
    """New rows, or `out` if it is given and fits."""
    if out is None:
        return new_rows(m, n)
    plain_rows(out, m, n, "out")
    if not cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out):
        raise TypeError("out is not writable")
    return out


def input_derivatives(
    Chain chain not None, theta, X, name, int n_threads, beside=None, lengths=None,
    int n_tangents=0,
):
    """A derivative of the outputs by the inputs, (m, ...) of real, row by row in C order.

    name : "forward_product", "backward_product", "input_jacobian" or "input_hessian"
    X : ndarray of real, (m, s_0), unit stride along a row
    beside : what it is a product with, real in C order: (m, s_0) or (m, outputs); else None
    lengths : of sequences, or None
    n_tangents : directions at once, of the Hessian
    """
    cdef Data data
    cdef Evaluation run
    cdef Workspace workspace
    cdef int what = rows_named(name, True)
    cdef Py_ssize_t m, n_beside = 0
    cdef double cost = 0
    cdef real *room
    cdef const real *numbers = NULL
    chain.check_theta(theta)
    m = bind_samples(X, chain.n_in(), &data)
    bind_lengths(lengths, m, chain.plan.n_steps_in, &data)
    if what == FORWARD_PRODUCT:
        n_beside, n_tangents = chain.n_in(), 1
    elif what == BACKWARD_PRODUCT:
        n_beside, n_tangents = chain.n_out(), 0
    elif what == INPUT_JACOBIAN:
        n_tangents = 0
    else:
        n_tangents = <int>min(max(1, n_tangents), chain.n_in())
    if n_beside > 0:
        numbers = plain_rows(beside, m, n_beside, "beside")
    out = new_rows(m, row_length(chain, what))
    workspace = new_workspace(
        chain, m, NULL, False, 0, False, n_threads, n_tangents, False, what)
    room = workspace.borrow(&run)
    try:
        run.data = data
        run.rows = NULL
        run.gradient = NULL
        run.output = <real *>cnp.PyArray_DATA(<cnp.ndarray>out)
        run.beside = numbers
        workspace.run(
            &run, <const double *>cnp.PyArray_DATA(<cnp.ndarray>theta), now(), &cost)
    finally:
        give_back(&workspace.scratch, room)
    return out
