# Residuals of a network's outputs and their derivatives by inputs, bound to points.


@cython.final
@cython.no_gc_clear     # the arrays whose memory is read must live as long as the object
cdef class BoundCollocation(Bound):
    """Residuals bound to points.

    Parameters
    ----------
    chain : Chain
    X : ndarray of real, (m, s_0), unit stride along a row
    columns : ndarray of real, (m, n), C order: further data of each point; or None
    sample_weight : ndarray of float64, (m,), or None
    l2 : float
    mean : bool
    n_threads : int
    inputs : int32, (n_first,)
        By which first derivatives are taken; an input comes once.
    pairs : int32, (n_second, 2)
        Of second derivatives, the places of their inputs in `inputs`.
    sources : int32, (n_columns, 3)
        Of the tapes' varying inputs: 0, an input; 1, an output and the number of its stream (the
        value, the first, the second derivatives); or 2, a column of the data.
    cost, rows : SampleTape
        Their uniform inputs are the further parameters. Outputs of `cost`: half the sum of squared
        residuals, its derivatives by the sources that are outputs, then by the further parameters.
        Of `rows`: the residuals, then the same derivatives of each.
    n_residuals, n_further : int
    """
    cdef Chain chain
    cdef Data data
    cdef Py_ssize_t m
    cdef double l2
    cdef bint mean
    cdef int n_asked
    cdef object arrays              # keeps the data alive
    cdef object numbers             # inputs, pairs, sources
    cdef Py_ssize_t n_first, n_second, n_columns, n_residuals, n_further
    cdef SampleTape cost
    cdef SampleTape rows
    cdef dict spaces                # by how many points, of what, along how many directions

    def __init__(self, Chain chain not None, X, columns, sample_weight, double l2, bint mean,
                 int n_threads, inputs, pairs, sources, SampleTape cost not None,
                 SampleTape rows not None, Py_ssize_t n_residuals, Py_ssize_t n_further):
        if self.chain is not None:
            raise RuntimeError("a BoundCollocation is bound once")
        if not chain.is_made:
            raise RuntimeError("this Chain was not made")
        self.m = bind_samples(X, chain.plan.n_in, &self.data)
        if columns is not None:
            if not is_plain(columns, REAL_TYPE, 2) or cnp.PyArray_DIM(
                    <cnp.ndarray>columns, 0) != self.m:
                raise TypeError("columns are no C-contiguous matrix of the network's dtype")
            self.n_columns = cnp.PyArray_DIM(<cnp.ndarray>columns, 1)
            self.data.targets = <const real *>cnp.PyArray_DATA(<cnp.ndarray>columns)
        if sample_weight is not None:
            self.data.weights = <const double *>vector(
                sample_weight, cnp.NPY_FLOAT64, self.m, "sample_weight")
        self.arrays = (X, columns, sample_weight)
        self.numbers = [np.array(each) for each in (inputs, pairs, sources)]
        whole_numbers(self.numbers[0], 0, "inputs")
        whole_numbers(self.numbers[1], 2, "pairs")
        whole_numbers(self.numbers[2], 3, "sources")
        self.n_first, self.n_second = len(self.numbers[0]), len(self.numbers[1])
        self.n_residuals, self.n_further = n_residuals, n_further
        self.cost, self.rows = cost, rows
        self._check(chain, self.numbers)
        self.l2, self.mean, self.n_asked = l2, mean, n_threads
        self.spaces = {}
        self.chain = chain
        self.threads_used = self._space(NO_ROWS, self.m, False, 0).workspace.n_threads

    cdef int _check(self, Chain chain, list numbers) except -1:
        """Every index, and the sizes of the tapes."""
        cdef Py_ssize_t n_rows = chain.code.arrays[2 * array_of(&chain.code, chain.code.output)]
        cdef Py_ssize_t n_streams = 1 + self.n_first + self.n_second, n_outputs = 0, n
        cdef SampleTape tape
        if self.n_residuals < 1 or self.n_further < 0:
            raise ValueError(f"{self.n_residuals} residuals, {self.n_further} parameters")
        for i in numbers[0].tolist():
            if not 0 <= i < chain.plan.n_in:
                raise ValueError(f"no input {i}")
        for i in numbers[1].ravel().tolist():
            if not 0 <= i < self.n_first:
                raise ValueError(f"no first derivative {i}")
        for kind, i, stream in numbers[2].tolist():
            n = (chain.plan.n_in, n_rows, self.n_columns)[kind] if 0 <= kind < N_SOURCES else 0
            if not (0 <= i < n and 0 <= stream < (n_streams if kind == OF_OUTPUT else 1)):
                raise ValueError(f"no source {kind}, {i}, {stream}")
            n_outputs += kind == OF_OUTPUT
        for tape, n in ((self.cost, 1), (self.rows, self.n_residuals)):
            if (tape.tape.code.n_columns != len(numbers[2])
                    or tape.tape.code.n_inputs - tape.tape.code.n_columns != self.n_further
                    or tape.tape.code.n_outputs != n * (1 + n_outputs + self.n_further)):
                raise ValueError("a tape does not fit the sources and residuals")
        return 0

    cdef PointSpace _space(self, int what, Py_ssize_t m, bint gathers, Py_ssize_t n_directions):
        """That for so many points, of what is wanted."""
        key = what, m, gathers, n_directions
        space = self.spaces.get(key)
        if space is None:
            space = self._new_space(what, m, gathers, n_directions)
            while len(self.spaces) >= SPARE_WORKSPACES + 2:
                self.spaces.pop(next(iter(tuple(self.spaces)), None), None)
            self.spaces[key] = space
        return <PointSpace>space

    cdef PointSpace _new_space(
        self, int what, Py_ssize_t m, bint gathers, Py_ssize_t n_directions,
    ):
        cdef PointSpace self_ = PointSpace.__new__(PointSpace)
        cdef Workspace workspace = Workspace.__new__(Workspace)
        cdef Collocation *c = &self_.collocation
        cdef Plan *plan = &workspace.plan
        cdef const ProgramCode *code = &self.chain.code
        cdef Py_ssize_t line = 64 // sizeof(real), S = MAX_TILE, chunks = MIN_CHUNKS, n_sums
        cdef Py_ssize_t n_streams = 1 + self.n_first + self.n_second
        cdef double reals = program_reals(code, True) * <double>n_streams
        cdef bint sums_up = what == GAUSS_NEWTON
        self_.workspace, workspace.chain = workspace, self.chain
        self_.tape = self.cost if what == NO_ROWS else self.rows
        c.code = &self_.tape.tape.code
        c.n_residuals, c.n_further, c.n_directions = (
            self.n_residuals, self.n_further, n_directions)
        c.n_network = self.chain.plan.n_parameters
        plan[0] = self.chain.plan
        plan.chain = NULL
        plan.n_chain = 0
        plan.cut.m, plan.gathers = m, gathers
        plan.l2, plan.mean = (self.l2 if what == NO_ROWS else 0), self.mean
        plan.weighted = self.data.weights != NULL
        plan.rows_of = what
        plan.loss = 0           # there are sums, whatever the network's own loss
        plan.positions, plan.n_out = 1, self.n_columns
        plan.n_parameters = c.n_network + self.n_further
        plan.n_given = plan.n_parameters * (1 + n_directions)
        reals += c.code.n_slots - c.code.n_numbers
        if what not in (NO_ROWS, RESIDUALS, RESIDUAL_TRANSPOSE, GAUSS_NEWTON):
            reals += plan.n_parameters
        while S > line and (S >= 2 * m or S * reals * sizeof(real) > <double>STREAM_TILE_BYTES):
            S //= 2
        if S * n_streams * <double>max(code.n_rows, 1) > MAX_OFFSET:
            raise MemoryError("a tile of this network has more than 2**31 numbers")
        plan.schedule = BY_STEPS
        plan.padded = plan.stride = S
        n_sums = plan.n_parameters
        if sums_up:
            n_sums *= plan.n_parameters
            chunks = gram_chunks(plan, self.n_residuals)
        cut_chunks(plan, S, n_sums, chunks)
        new_thetas(plan, code)
        place_sums(plan)
        plan.n_delta = plan.n_sums
        take(&plan.n_delta, self.n_further)
        place_gram_rows(plan, S, sums_up)
        if what == GAUSS_NEWTON_PRODUCT:
            plan.n_delta = plan.n_parameters * n_directions
        if sums_up:
            plan.n_delta = gram_size(plan)
        lay_streams(c, whole_numbers(self.numbers[0], 0, "inputs"), self.n_first,
                    whole_numbers(self.numbers[1], 2, "pairs"), self.n_second, S)
        workspace.layout = lay_program(code, plan.thetas, S * n_streams, True, False)
        plan.n_steps = code.n_steps
        plan.steps = workspace.layout.steps
        plan.n_values, plan.n_deltas = workspace.layout.n_values, workspace.layout.n_deltas
        lay_sources(self_, code, whole_numbers(self.numbers[2], 3, "sources"))
        place_points(self_, self.chain.circuit_size)
        workspace.n_threads = threads_worth(
            self.n_asked, plan.cut.n_chunks,
            <double>m * plan.multiply_adds * n_streams
            * (1 if what == NO_ROWS else self.n_residuals) / THREAD_WORK)
        keep_scratch(&workspace.scratch, workspace.place(NULL, NULL))
        workspace.place(workspace.scratch.kept, &workspace.kept)
        return self_

    cdef int _run(
        self, PointSpace space, const double *theta, rows, Py_ssize_t first, Py_ssize_t step,
        double *gradient, double *cost, real *output=NULL, const real *beside=NULL,
    ) except -1:
        cdef StreamRun context
        cdef Evaluation *run = &context.run
        cdef Workspace workspace = space.workspace
        cdef long long start = now()
        cdef real *room = workspace.borrow(run)
        context.collocation = &space.collocation
        try:
            run.data = self.data
            run.first, run.step, run.rows = first, step, NULL
            if rows is not None and type(rows) is not slice:
                read_rows(rows, self.m, workspace.plan.cut.m, run.row_numbers)
                run.rows = run.row_numbers
            if rows is not None and self.data.weights != NULL:
                gather_weights(run, workspace.plan.cut.m)
            run.gradient, run.output, run.beside = gradient, output, beside
            run.source = theta
            if sizeof(real) == sizeof(double):
                run.theta = <const real *>theta
            with nogil:
                evaluate_collocation(&context, start, cost)
            check_whole(&run.work)
        finally:
            give_back(&workspace.scratch, room)
        self.count(start)
        return 0

    cdef bint _reads(self, theta) noexcept:
        """Whether theta can be read where it lies."""
        return is_vector(theta, self.chain.plan.n_parameters + self.n_further)

    cdef const double *_theta(self, theta) except NULL:
        if self.chain is None:
            raise RuntimeError("this BoundCollocation is not bound to points")
        if not self._reads(theta):
            raise TypeError("theta is not a contiguous float64 vector of the right length")
        return <const double *>cnp.PyArray_DATA(<cnp.ndarray>theta)

    cdef object _vector(self, Py_ssize_t n):
        cdef cnp.npy_intp length = n
        return cnp.PyArray_SimpleNew(1, &length, cnp.NPY_FLOAT64)

    cdef double _cost(self, const double *theta, rows, double *gradient) except? -1:
        cdef double cost = 0
        cdef Py_ssize_t m = self.m, first = 0, step = 1
        if rows is not None:
            m = count_rows(rows, self.m, &first, &step)
        self._run(self._space(NO_ROWS, m, rows is not None, 0), theta, rows, first, step, gradient,
                  &cost)
        return cost

    def evaluate(self, theta, bint gradient=True, rows=None):
        """(J, D) at theta and the further parameters behind it; as BoundNetwork.evaluate."""
        cdef const double *source
        if self.chain is not None and not (self._reads(theta) and reads_rows(rows)):
            return None
        source = self._theta(theta)
        if not gradient:
            return self._cost(source, rows, NULL), None
        D = self._vector(self.chain.plan.n_parameters + self.n_further)
        return self._cost(source, rows, <double *>cnp.PyArray_DATA(<cnp.ndarray>D)), D

    def evaluate_into(self, theta, out):
        """J at theta; D is written to `out`, another contiguous float64 vector."""
        cdef const double *source = self._theta(theta)
        if not is_vector(out, self.chain.plan.n_parameters + self.n_further) or (
                not cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out)):
            raise TypeError("out is not a writable float64 vector of the length of theta")
        return self._cost(source, None, <double *>cnp.PyArray_DATA(<cnp.ndarray>out))

    def rows_of(self, theta, name, direction=None, out=None):
        """What there is of each point, (m, n) of real: "residuals"; "residual_product", of their
        Jacobian with a direction; "curvature_rows", their Jacobian, a row for each
        residual. To `out` if given."""
        cdef int what = rows_named(name, False)
        cdef Py_ssize_t n = self.n_residuals, n_directions = 0
        cdef double cost = 0
        self._theta(theta)
        if what == SAMPLE_GRADIENTS:
            raise ValueError(f"no derivative {name!r}")
        if what == RESIDUAL_PRODUCT:
            self._theta(direction)
            theta = np.concatenate([theta, direction])
            n_directions = 1
        if what == CURVATURE_ROWS:
            n *= self.chain.plan.n_parameters + self.n_further
        out = rows_to(out, self.m, n)
        self._run(self._space(what, self.m, False, n_directions),
                  <const double *>cnp.PyArray_DATA(<cnp.ndarray>theta), None, 0, 1, NULL, &cost,
                  <real *>cnp.PyArray_DATA(<cnp.ndarray>out))
        return out

    def residual_transpose(self, theta, numbers):
        """The transpose of the residuals' Jacobian times numbers, (m, n) of real in C order."""
        cdef const double *source = self._theta(theta)
        cdef double cost = 0
        if not (is_plain(numbers, REAL_TYPE, 2)
                and cnp.PyArray_DIM(<cnp.ndarray>numbers, 0) == self.m
                and cnp.PyArray_DIM(<cnp.ndarray>numbers, 1) == self.n_residuals):
            raise TypeError("numbers are no C-contiguous matrix of the network's dtype")
        out = self._vector(self.chain.plan.n_parameters + self.n_further)
        self._run(self._space(RESIDUAL_TRANSPOSE, self.m, False, 0), source, None, 0, 1,
                  <double *>cnp.PyArray_DATA(<cnp.ndarray>out), &cost, NULL,
                  <const real *>cnp.PyArray_DATA(<cnp.ndarray>numbers))
        return out

    def products(self, theta, directions):
        """R'R of the residuals' Jacobian times each of k directions, (k, n) of float64."""
        cdef double cost = 0
        cdef Py_ssize_t n, k
        self._theta(theta)
        n = self.chain.plan.n_parameters + self.n_further
        if not is_plain(directions, cnp.NPY_FLOAT64, 2) or (
                cnp.PyArray_DIM(<cnp.ndarray>directions, 1) != n):
            raise TypeError("directions are not float64 in C order, (k, n_parameters)")
        k = cnp.PyArray_DIM(<cnp.ndarray>directions, 0)
        if k < 1:
            raise ValueError("no directions")
        given = np.concatenate([theta, directions.ravel()])
        out = np.empty((k, n))
        self._run(self._space(GAUSS_NEWTON_PRODUCT, self.m, False, k),
                  <const double *>cnp.PyArray_DATA(<cnp.ndarray>given), None, 0, 1,
                  <double *>cnp.PyArray_DATA(<cnp.ndarray>out), &cost)
        return out

    def gauss_newton_matrix(self, theta):
        """R'R, (n, n) of float64."""
        cdef const double *source = self._theta(theta)
        cdef double cost = 0
        cdef Py_ssize_t n = self.chain.plan.n_parameters + self.n_further
        check_size(<double>n * n)
        out = np.empty((n, n))
        self._run(self._space(GAUSS_NEWTON, self.m, False, 0), source, None, 0, 1,
                  <double *>cnp.PyArray_DATA(<cnp.ndarray>out), &cost)
        return out
