# A network bound to its data, evaluated in one call.

cdef enum:
    THREAD_WORK = 1000000       # multiply-adds of a forward pass worth waking a thread for


@cython.no_gc_clear     # the arrays whose memory is read must live as long as the object
cdef class Problem:
    """A network bound to its data.

    Parameters
    ----------
    widths : tuple of int, s_0 ... s_L
    activations : tuple of L names, or circuits as Elementwise
    loss : str, or Elementwise, or None for a forward pass
    X : ndarray of real, (m, s_0), unit stride along a row
    labels : ndarray of int64, (m,), or None
    targets : ndarray of real, (m, s_L), C order, or None
    sample_weight : ndarray of float64, (m,), contiguous, or None
    l2 : float
    mean : bool
    n_threads : int
    """
    cdef Plan plan
    cdef Evaluation own             # scratch that is kept; whoever comes second makes their own
    cdef long long owner            # see try_own
    cdef int n_threads
    cdef object arrays              # keeps the data alive
    cdef tuple functions            # activations and loss: names, or circuits to be kept alive
    cdef readonly long long n_evaluations
    cdef long long nanoseconds

    def __dealloc__(self):
        free(self.plan.layers)
        free(self.own.packed)

    def __init__(self, tuple widths, tuple activations, loss, X, labels, targets, sample_weight,
                 double l2, bint mean, int n_threads):
        if self.plan.layers != NULL:
            raise RuntimeError("a Problem is bound once")
        self._bind(X, labels, targets, sample_weight, widths[0], widths[len(widths) - 1])
        self._choose_loss(loss, activations[len(activations) - 1])
        self.plan.l2 = l2
        self.plan.mean = mean
        self.functions = (*activations, loss)
        self._lay_out(widths)
        self.n_threads = <int>max(1, min(
            n_threads, max(self.plan.n_chunks, span_shares(&self.plan)),
            1 + self.plan.m * (<double>self.plan.n_parameters / THREAD_WORK)))
        self._new_scratch(&self.own)

    cdef int _bind(
        self, X, labels, targets, sample_weight, Py_ssize_t n_in, Py_ssize_t n_out,
    ) except -1:
        cdef const int64_t[::1] label_view
        cdef const real[:, :] x_view = X
        cdef const real[:, ::1] target_view
        cdef const double[::1] weight_view
        cdef Py_ssize_t m = x_view.shape[0], i
        self.arrays = (X, labels, targets, sample_weight)
        if m == 0 or x_view.shape[1] != n_in:
            raise ValueError(f"X is {(m, x_view.shape[1])}, not (m > 0, {n_in})")
        if ((n_in > 1 and x_view.strides[1] != sizeof(real))
                or x_view.strides[0] % <Py_ssize_t>sizeof(real) != 0):
            raise ValueError("X has not unit stride along its rows")
        self.plan.m = m
        self.plan.X = &x_view[0, 0]
        self.plan.x_row = x_view.strides[0] // <Py_ssize_t>sizeof(real)
        self.plan.labels = NULL
        self.plan.targets = NULL
        self.plan.weights = NULL
        if labels is not None:
            label_view = labels
            if label_view.shape[0] != m:
                raise ValueError(f"{label_view.shape[0]} labels for {m} samples")
            for i in range(m):
                if not 0 <= label_view[i] < n_out:
                    raise ValueError(
                        f"label {label_view[i]} of sample {i} is not in 0 ... {n_out - 1}")
            self.plan.labels = &label_view[0]
        if targets is not None:
            target_view = targets
            if target_view.shape[0] != m or target_view.shape[1] != n_out:
                raise ValueError("targets do not match X and the network")
            self.plan.targets = &target_view[0, 0]
        if sample_weight is not None:
            weight_view = sample_weight
            if weight_view.shape[0] != m:
                raise ValueError("sample_weight does not match X")
            self.plan.weights = &weight_view[0]
        return 0

    cdef int _choose_loss(self, loss, output) except -1:
        self.plan.loss = -1
        self.plan.loss_circuit = NULL
        if loss is None:
            return 0
        if (self.plan.labels == NULL) == (self.plan.targets == NULL):
            raise ValueError("exactly one of labels and targets is needed")
        if isinstance(loss, Elementwise):
            self.plan.loss = N_LOSSES
            self.plan.loss_from_z = False
            self.plan.other_label = 0
            self.plan.loss_circuit = (<Elementwise>loss).loss()
            return 0
        self.plan.loss = find_loss(loss, output)
        self.plan.loss_from_z = losses[self.plan.loss].output != NULL
        self.plan.other_label = -1 if losses[self.plan.loss].signed_labels else 0
        return 0

    cdef int _lay_out(self, tuple widths) except -1:
        """Where everything is: theta, partial sums, the arrays of a tile."""
        cdef Plan *plan = &self.plan
        cdef Dense *layer
        cdef Py_ssize_t l, n_layers = len(self.functions) - 1
        total = sum([n_out * (n_in + 1) for n_in, n_out in zip(widths, widths[1:])])
        if total > 2**40:       # below it no size, tiles of all threads included, leaves 63 bits
            raise MemoryError(
                f"a network of {total} parameters needs {total * sizeof(real) / 1e12:.3g} TB for "
                "theta alone; make its layers narrower")
        plan.n_layers = n_layers
        plan.layers = <Dense *>allocate(n_layers * sizeof(Dense))
        plan.n_parameters = 0
        for l in range(n_layers):
            layer = &plan.layers[l]
            layer.n_in = widths[l]
            layer.n_out = widths[l + 1]
            set_activation(layer, self.functions[l])
            # Without z kept, a takes its place; the last layer's z is what some losses start from.
            layer.keeps_z = (layer.circuit != NULL or l == n_layers - 1
                             or activations[layer.activation].keeps_z)
            layer.theta_at = plan.n_parameters
            layer.shift = reals_to_alignment(plan.X, plan.x_row) if l == 0 else 0
            layer.delta_columns = round_up(layer.shift + layer.n_in)
            plan.n_parameters += layer.n_out * (layer.n_in + 1)
        find_whole(plan)
        cut_samples(plan)
        if plan.span > 0:
            place_span(plan)
        else:
            place_sums(plan)
        place_arrays(plan, most_scratch(self.functions))
        return 0

    cdef int _new_scratch(self, Evaluation *run) except -1:
        """One block: packed weights, theta in `real`, scratch of the threads, partial sums or
        what is kept of a span."""
        cdef Plan *plan = &self.plan
        cdef Py_ssize_t top = 0, packed, theta, scratch, sums, costs
        cdef Py_ssize_t reals = sizeof(double) // sizeof(real)
        packed = take(&top, plan.n_packed)
        theta = take(&top, plan.n_parameters if reals > 1 else 0)
        # Threads beyond the number of chunks only make columns of Delta.
        scratch = take(&top, max(plan.scratch * min(<Py_ssize_t>self.n_threads, plan.n_chunks),
                                 plan.share * self.n_threads))
        sums = 0
        if plan.loss >= 0 and plan.span > 0:
            sums = plan.n_kept
        elif plan.loss >= 0:
            sums = plan.n_delta * plan.n_chunks * (reals if plan.widens else 1)
        sums = take(&top, sums)
        costs = take(&top, plan.n_chunks * reals)
        run.packed = <real *>allocate(top * sizeof(real)) + packed
        run.plan = plan
        run.theta = run.packed + theta
        run.scratch = run.packed + scratch
        run.sums = run.packed + sums
        run.partial = <double *>run.sums
        run.kept = run.sums
        run.n_threads = self.n_threads
        run.costs = <double *>(run.packed + costs)
        return 0

    cdef int _run(
        self, theta, double *gradient, real *output, bint from_z, double *cost,
    ) except -1:
        cdef Evaluation fresh
        cdef Evaluation *run = &self.own
        cdef Py_ssize_t missing
        cdef long long start = now()
        cdef bint owner = try_own(&self.owner)
        if not owner:
            run = &fresh
            self._new_scratch(run)
        run.source = <const double *>cnp.PyArray_DATA(<cnp.ndarray>theta)
        if sizeof(real) == sizeof(double):
            run.theta = <const real *>run.source
        with nogil:
            run.gradient = gradient
            run.output = output
            run.from_z = from_z
            missing = evaluate(run, cost)
            if run.stopped:
                missing = -1
        if owner:
            disown(&self.owner)
        else:
            free(run.packed)
        if missing < 0:
            return -1       # the exception of the signal handler is set
        if missing > 0:
            raise RuntimeError("the process forked while this evaluation ran; evaluate again")
        count_up(&self.n_evaluations, 1)
        count_up(&self.nanoseconds, now() - start)
        return 0

    def evaluate(self, theta, bint gradient=True):
        """(J, D) at theta, a contiguous float64 vector; D is fresh, or None if not wanted."""
        cdef double cost = 0
        cdef cnp.npy_intp n = self.plan.n_parameters
        self._check(theta)
        if self.plan.loss < 0:
            raise RuntimeError("this Problem was bound without a loss")
        if not gradient:
            self._run(theta, NULL, NULL, False, &cost)
            return cost, None
        D = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_FLOAT64)
        self._run(theta, <double *>cnp.PyArray_DATA(<cnp.ndarray>D), NULL, False, &cost)
        return cost, D

    cdef int _check(self, theta) except -1:
        cdef cnp.ndarray array
        if self.own.packed == NULL:
            raise RuntimeError("this Problem is not bound to data")
        if cnp.PyArray_CheckExact(theta):       # a masked array says more than its numbers
            array = <cnp.ndarray>theta
            if (cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT64 and cnp.PyArray_ISCARRAY_RO(array)
                    and cnp.PyArray_NDIM(array) == 1
                    and cnp.PyArray_DIM(array, 0) == self.plan.n_parameters):
                return 0
        raise TypeError("theta is not a contiguous float64 vector of the network's length")

    def forward(self, theta, bint z=False):
        """a(L), or z(L), (m, s_L)."""
        cdef double cost = 0
        cdef cnp.npy_intp shape[2]
        self._check(theta)
        shape[0] = self.plan.m
        shape[1] = self.plan.layers[self.plan.n_layers - 1].n_out
        out = cnp.PyArray_SimpleNew(2, shape, REAL_TYPE)
        self._run(theta, NULL, <real *>cnp.PyArray_DATA(<cnp.ndarray>out), z, &cost)
        return out

    @property
    def seconds(self):
        """Time spent in evaluations."""
        return self.nanoseconds * 1e-9

    @property
    def threads_used(self):
        """How many threads an evaluation is shared among: small work gets fewer than asked for."""
        return self.n_threads


def forward(tuple widths, tuple activations, theta, X, int n_threads, bint z=False):
    """a(L), or z(L), (m, s_L), of the samples X."""
    return Problem(widths, activations, None, X, None, None, None, 0.0, False,
                   n_threads).forward(theta, z)
