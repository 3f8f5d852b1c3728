# A network bound to its data, evaluated in one call: on all samples, or on some rows of them.


@cython.final
@cython.no_gc_clear     # the arrays whose memory is read must live as long as the object
cdef class BoundNetwork(Bound):
    """A network bound to its data.

    Parameters
    ----------
    chain : Chain
    X : ndarray of real, (m, s_0), unit stride along a row
    labels : ndarray of int64, (m,), or (m T,) of sequences of T steps, or None
    targets : ndarray of real, (m, s_L), or (m, T s_L), C order, or None
    sample_weight : ndarray of float64, (m,), or None
    l2 : float
    mean : bool
    n_threads : int
    lengths : ndarray of int64, (m,), of the sequences, or None: they are whole
    slopes : ndarray of real, (m, s_L T n_in), C order, wanted of the outputs, or None
    slope_weight : float, of their errors' squares (slopes.pxd)
    may_miss : bool
        Whether targets that are NaN, and labels -1, are missing.
    beside : ndarray of real, (m, n), C order, that a loss takes besides a and y, or None
    """
    cdef Chain chain
    cdef Data data
    cdef Py_ssize_t m
    cdef double l2
    cdef bint mean
    cdef int n_threads
    cdef object arrays              # keeps the data alive
    cdef Workspace whole            # of all samples, once they were evaluated
    cdef dict batches               # workspaces of some rows, by how many
    cdef dict along                 # workspaces for directions, by how many and which products
    cdef int cost_of                # SLOPE_COST, or NO_ROWS without slopes

    def __init__(self, Chain chain not None, X, labels, targets, sample_weight, double l2,
                 bint mean, int n_threads, lengths=None, slopes=None, double slope_weight=0,
                 bint may_miss=False, beside=None):
        if self.chain is not None:
            raise RuntimeError("a BoundNetwork is bound once")
        if (labels is None) == (targets is None):
            raise ValueError("exactly one of labels and targets is needed")
        if not chain.is_made:
            raise RuntimeError("this Chain was not made")
        self.m = bind_samples(X, chain.n_in(), &self.data)
        self.data.may_miss = may_miss
        self._bind_targets(labels, targets, sample_weight, chain.plan.n_out, chain.plan.positions)
        bind_lengths(lengths, self.m, chain.plan.n_steps_in, &self.data)
        if (chain.plan.n_beside > 0) != (beside is not None):
            raise ValueError(f"the loss takes {chain.plan.n_beside} numbers beside a and y")
        if beside is not None:
            self.data.beside = plain_rows(beside, self.m, chain.plan.n_beside, "beside")
        self.cost_of = NO_ROWS
        if slopes is not None:
            self.data.slopes = plain_rows(slopes, self.m, chain.n_in() * chain.n_out(), "slopes")
            self.data.slope_weight = <real>slope_weight
            self.cost_of = SLOPE_COST
        self.arrays = (X, labels, targets, sample_weight, lengths, slopes, beside)
        self.l2 = l2
        self.mean = mean
        self.n_threads = n_threads
        self.batches = {}
        self.along = {}
        self.whole = new_workspace(chain, self.m, &self.data, False, l2, mean, n_threads,
                                   self.cost_of == SLOPE_COST, False, self.cost_of)
        self.threads_used = self.whole.n_threads
        self.chain = chain

    cdef int _bind_targets(self, labels, targets, sample_weight, Py_ssize_t n_out,
                           Py_ssize_t positions) except -1:
        cdef const int64_t *label
        cdef Py_ssize_t m = self.m, i
        if labels is not None:
            label = <const int64_t *>vector(labels, cnp.NPY_INT64, m * positions, "labels")
            for i in range(m * positions):
                if self.data.may_miss and label[i] == NO_LABEL:
                    continue
                if not 0 <= label[i] < n_out:
                    raise ValueError(f"label {label[i]} of sample {i} is not in 0 ... {n_out - 1}")
            self.data.labels = label
        if targets is not None:
            self.data.targets = plain_rows(targets, m, n_out * positions, "targets")
        if sample_weight is not None:
            self.data.weights = <const double *>vector(
                sample_weight, cnp.NPY_FLOAT64, m, "sample_weight")
        return 0

    def evaluate(self, theta, bint gradient=True, rows=None):
        """(J, D) at theta, a contiguous float64 vector; D is fresh, or None if not wanted.

        rows: None for all samples; a slice; or a contiguous vector of int64, counted from the end
        where they are negative. None, and nothing done, where theta or rows are anything else.
        """
        cdef double cost = 0
        cdef cnp.npy_intp n
        if self.chain is None:
            raise RuntimeError("this BoundNetwork is not bound to data")
        if not self.chain.reads(theta) or not reads_rows(rows):
            return None
        if not gradient:
            self._run(theta, rows, NULL, &cost)
            return cost, None
        n = self.chain.plan.n_parameters
        D = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_FLOAT64)
        self._run(theta, rows, <double *>cnp.PyArray_DATA(<cnp.ndarray>D), &cost)
        return cost, D

    def evaluate_into(self, theta, out):
        """J at theta; D is written to `out`, another contiguous float64 vector."""
        cdef double cost = 0
        if self.chain is None:
            raise RuntimeError("this BoundNetwork is not bound to data")
        self.chain.check_theta(theta)
        if not is_vector(out, self.chain.plan.n_parameters) or not cnp.PyArray_ISWRITEABLE(
                <cnp.ndarray>out):
            raise TypeError("out is not a writable float64 vector of the network's length")
        self._run(theta, None, <double *>cnp.PyArray_DATA(<cnp.ndarray>out), &cost)
        return cost

    def products(self, theta, directions, bint gauss_newton=False):
        """The Hessian, or the Gauss-Newton matrix, at theta times each of k directions, (k, P).

        theta: a contiguous float64 vector; directions: (k, P), float64 in C order.
        """
        cdef double cost = 0
        cdef cnp.npy_intp shape[2]
        cdef double *given
        cdef Py_ssize_t n, k
        if self.chain is None:
            raise RuntimeError("this BoundNetwork is not bound to data")
        self.chain.check_theta(theta)
        n = self.chain.plan.n_parameters
        if not is_plain(directions, cnp.NPY_FLOAT64, 2) or (
                cnp.PyArray_DIM(<cnp.ndarray>directions, 1) != n):
            raise TypeError("directions are not float64 in C order, (k, n_parameters)")
        k = cnp.PyArray_DIM(<cnp.ndarray>directions, 0)
        if k < 1:
            raise ValueError("no directions")
        workspace = self.along.get((k, gauss_newton))
        if workspace is None:
            workspace = new_workspace(self.chain, self.m, &self.data, False, self.l2, self.mean,
                                      self.n_threads, k, gauss_newton)
            keep_workspace(self.along, (k, gauss_newton), workspace)
        shape[0], shape[1] = k + 1, n
        beside = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_FLOAT64)     # theta, then the directions
        given = <double *>cnp.PyArray_DATA(<cnp.ndarray>beside)
        memcpy(given, cnp.PyArray_DATA(<cnp.ndarray>theta), n * sizeof(double))
        memcpy(given + n, cnp.PyArray_DATA(<cnp.ndarray>directions), k * n * sizeof(double))
        shape[0] = k
        out = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_FLOAT64)
        self._run_in(workspace, given, None, 0, 1, <double *>cnp.PyArray_DATA(<cnp.ndarray>out),
                     &cost)
        return out

    def rows_of(self, theta, name, direction=None, out=None):
        """What there is of each sample, (m, n) of real: "residuals", n = K T; "residual_product"
        of their Jacobian with a direction of theta, n = K T; "curvature_rows", K T rows of P; or
        "sample_gradients", n = P. Of slopes likewise "slope_residuals" and "slope_product",
        n = K T n_in; "slope_rows", so many rows of P; and "slope_gradients". To `out` if given."""
        cdef int what = rows_named(name, False)
        if self.chain is None:
            raise RuntimeError("this BoundNetwork is not bound to data")
        self.chain.check_theta(theta)
        if what == RESIDUALS and self.chain.plan.loss_from_z:
            raise ValueError("a loss that is computed from z has no residuals")
        self._check_slopes(what)
        if what == RESIDUAL_PRODUCT or what == SLOPE_PRODUCT:
            self.chain.check_theta(direction)
            theta = np.concatenate([theta, direction])
        out = rows_to(out, self.m, row_length(self.chain, what))
        self._derive(what, theta, <real *>cnp.PyArray_DATA(<cnp.ndarray>out), NULL, NULL)
        return out

    def residual_transpose(self, theta, numbers, bint of_slopes=False):
        """The transpose of the residuals' Jacobian times numbers, (m, K T) of real in C order; of
        slopes (m, K T n_in)."""
        cdef cnp.npy_intp n
        cdef const real *beside
        cdef int what = SLOPE_TRANSPOSE if of_slopes else RESIDUAL_TRANSPOSE
        if self.chain is None:
            raise RuntimeError("this BoundNetwork is not bound to data")
        self.chain.check_theta(theta)
        self._check_slopes(what)
        beside = plain_rows(
            numbers, self.m, self.chain.n_out() * (self.chain.n_in() if of_slopes else 1),
            "numbers")
        n = self.chain.plan.n_parameters
        out = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_FLOAT64)
        self._derive(what, theta, NULL, <double *>cnp.PyArray_DATA(<cnp.ndarray>out), beside)
        return out

    def slope_hessian_product(self, theta, direction):
        """The Hessian of the slopes' part of J times a direction of theta."""
        cdef cnp.npy_intp n
        if self.chain is None:
            raise RuntimeError("this BoundNetwork is not bound to data")
        self.chain.check_theta(theta)
        self.chain.check_theta(direction)
        self._check_slopes(SLOPE_HESSIAN)
        n = self.chain.plan.n_parameters
        theta = np.concatenate([theta, direction])
        out = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_FLOAT64)
        self._derive(SLOPE_HESSIAN, theta, NULL, <double *>cnp.PyArray_DATA(<cnp.ndarray>out),
                     NULL)
        return out

    cdef int _check_slopes(self, int what) except -1:
        if what >= SLOPE_COST and self.data.slopes == NULL:
            raise ValueError("there are no slopes")
        return 0

    def gauss_newton_matrix(self, theta, bint of_slopes=False):
        """The Gauss-Newton matrix of the data's part of J, (P, P) of float64, or of the slopes'
        part."""
        cdef cnp.npy_intp shape[2]
        cdef int what = SLOPE_GRAM if of_slopes else GAUSS_NEWTON
        if self.chain is None:
            raise RuntimeError("this BoundNetwork is not bound to data")
        self.chain.check_theta(theta)
        shape[0] = shape[1] = self.chain.plan.n_parameters
        check_size(<double>shape[0] * shape[1])
        out = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_FLOAT64)
        self._check_slopes(what)
        self._derive(what, theta, NULL, <double *>cnp.PyArray_DATA(<cnp.ndarray>out), NULL)
        return out

    cdef int _derive(
        self, int what, theta, real *output, double *sums, const real *beside,
    ) except -1:
        cdef double cost = 0
        cdef int n_tangents = what == RESIDUAL_PRODUCT or what >= SLOPE_COST
        if what == SLOPE_HESSIAN:
            n_tangents = 3          # along theta, along X, and both
        workspace = self.along.get(what)
        if workspace is None:
            workspace = new_workspace(self.chain, self.m, &self.data, False, self.l2, self.mean,
                                      self.n_threads, n_tangents, False, what)
            keep_workspace(self.along, what, workspace)
        return self._run_in(workspace, <const double *>cnp.PyArray_DATA(<cnp.ndarray>theta), None,
                            0, 1, sums, &cost, output, beside)

    cdef int _run(self, theta, rows, double *gradient, double *cost) except -1:
        cdef Workspace workspace = self.whole
        cdef Py_ssize_t first = 0, step = 1
        if rows is not None:
            workspace = self._workspace(count_rows(rows, self.m, &first, &step))
        return self._run_in(workspace, <const double *>cnp.PyArray_DATA(<cnp.ndarray>theta), rows,
                            first, step, gradient, cost)

    cdef int _run_in(
        self, Workspace workspace, const double *theta, rows, Py_ssize_t first, Py_ssize_t step,
        double *gradient, double *cost, real *output=NULL, const real *beside=NULL,
    ) except -1:
        cdef Evaluation run
        cdef long long start = now()
        cdef real *room = workspace.borrow(&run)
        try:
            run.data = self.data
            run.first = first
            run.step = step
            run.rows = NULL
            if rows is not None and type(rows) is not slice:
                read_rows(rows, self.m, workspace.plan.cut.m, run.row_numbers)
                run.rows = run.row_numbers
            if rows is not None and self.data.weights != NULL:
                gather_weights(&run, workspace.plan.cut.m)
            run.gradient = gradient
            run.output = output
            run.beside = beside
            workspace.run(&run, theta, start, cost)
        finally:
            give_back(&workspace.scratch, room)
        self.count(start)
        return 0

    cdef Workspace _workspace(self, Py_ssize_t count):
        """That for so many rows."""
        workspace = self.batches.get(count)
        if workspace is None:
            workspace = new_workspace(
                self.chain, count, &self.data, True, self.l2, self.mean, self.n_threads,
                self.cost_of == SLOPE_COST, False, self.cost_of)
            keep_workspace(self.batches, count, workspace)
        return <Workspace>workspace


cdef bint is_plain(array, int type_number, int n_dimensions) noexcept:
    """Whether it is an ndarray, and no subclass, of this dtype and in C order."""
    return (cnp.PyArray_CheckExact(array)
            and cnp.PyArray_TYPE(<cnp.ndarray>array) == type_number
            and cnp.PyArray_NDIM(<cnp.ndarray>array) == n_dimensions
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array))


cdef const real *plain_rows(array, Py_ssize_t m, Py_ssize_t n, what) except NULL:
    """Where the numbers of a matrix (m, n) are."""
    if not is_plain(array, REAL_TYPE, 2):
        raise TypeError(f"{what}: no C-contiguous matrix of the network's dtype")
    if (cnp.PyArray_DIM(<cnp.ndarray>array, 0) != m
            or cnp.PyArray_DIM(<cnp.ndarray>array, 1) != n):
        raise ValueError(f"{what} do not match X and the network: expected {(m, n)}")
    return <const real *>cnp.PyArray_DATA(<cnp.ndarray>array)


cdef const void *vector(array, int type_number, Py_ssize_t m, what) except NULL:
    """Where the m numbers of a contiguous vector are."""
    if not cnp.PyArray_Check(array):
        raise TypeError(f"{what} is no ndarray")
    if (cnp.PyArray_TYPE(<cnp.ndarray>array) != type_number
            or cnp.PyArray_NDIM(<cnp.ndarray>array) != 1
            or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array)):
        raise TypeError(f"{what} is not a contiguous vector of the dtype it should have")
    if cnp.PyArray_DIM(<cnp.ndarray>array, 0) != m:
        raise ValueError(f"{what} has {cnp.PyArray_DIM(<cnp.ndarray>array, 0)} for {m} samples")
    return cnp.PyArray_DATA(<cnp.ndarray>array)


cdef int bind_lengths(lengths, Py_ssize_t m, Py_ssize_t steps, Data *data) except -1:
    """Where the lengths of the sequences are, in `data`."""
    cdef const int64_t *length
    cdef Py_ssize_t i
    data.lengths = NULL
    if lengths is None:
        return 0
    length = <const int64_t *>vector(lengths, cnp.NPY_INT64, m, "lengths")
    for i in range(m):
        if not 1 <= length[i] <= steps:
            raise ValueError(f"length {length[i]} of sample {i} is not in 1 ... {steps}")
    data.lengths = length
    return 0


cdef Py_ssize_t bind_samples(X, Py_ssize_t n_in, Data *data) except -1:
    """Where X is, in `data`, which has no targets yet; returns the number of samples."""
    cdef cnp.ndarray array
    cdef Py_ssize_t m, row, size = sizeof(real)
    if not cnp.PyArray_Check(X):
        raise TypeError("X is no ndarray")
    array = <cnp.ndarray>X
    if (cnp.PyArray_TYPE(array) != REAL_TYPE or cnp.PyArray_NDIM(array) != 2
            or not cnp.PyArray_ISBEHAVED_RO(array)):
        raise TypeError("X is not an aligned matrix of the network's dtype")
    m = cnp.PyArray_DIM(array, 0)
    row = cnp.PyArray_STRIDE(array, 0)
    if m == 0 or cnp.PyArray_DIM(array, 1) != n_in:
        raise ValueError(f"X is {(m, cnp.PyArray_DIM(array, 1))}, not (m > 0, {n_in})")
    if (n_in > 1 and cnp.PyArray_STRIDE(array, 1) != size) or row % size != 0:
        raise ValueError("X has not unit stride along its rows")
    memset(data, 0, sizeof(Data))
    data.X = <const real *>cnp.PyArray_DATA(array)
    data.x_row = row // size
    return m


cdef inline bint reads_rows(rows) noexcept:
    """Whether rows are what `evaluate` takes."""
    return rows is None or type(rows) is slice or is_plain(rows, cnp.NPY_INT64, 1)
