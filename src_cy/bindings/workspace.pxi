# A network as the engine runs it, and the memory in which it runs m samples.

cdef int check_size(total) except -1:
    """Below the limit no size, tiles of all threads included, leaves 63 bits."""
    if total > 2.0**40:
        raise MemoryError(
            f"a network of {int(total)} parameters needs {total * sizeof(real) / 1e12:.3g} TB for "
            "theta alone; make its layers narrower")
    return 0


@cython.final
cdef class Chain:
    """A network's program and its loss: all that data and parameters have no part in.

    A program that is a plain chain of dense layers runs on schedules of its own (placement.pxi).

    Parameters
    ----------
    arrays : int32, (n, 2): rows, and the array whose twin it is, or -1
    thetas : int32, (n, 2): height, width
    functions : tuple of names of activations, or circuits as CustomFunction
    steps : int32, (n, 12); see fastbp/layers/program.py
    table : int32, (n,): rows, or -1
    output : number of the array whose rows are z of the outputs, `positions` times K
    output_function, loss : names, or CustomFunction
    input_steps : of a sequence of inputs; 1: X is none
    """
    cdef Plan plan                  # nothing of it depends on samples
    cdef ProgramCode code
    cdef object program             # keeps its numbers alive
    cdef bint is_made
    cdef tuple functions            # all of them: circuits are kept alive
    cdef Py_ssize_t circuit_size    # scratch of those that are circuits

    def __cinit__(self):
        memset(&self.plan, 0, sizeof(Plan))
        memset(&self.code, 0, sizeof(ProgramCode))

    def __dealloc__(self):
        free(self.plan.chain)
        free(self.code.first)
        free(self.code.functions)

    def __init__(self, arrays, thetas, tuple functions, steps, table, Py_ssize_t output,
                 Py_ssize_t positions, output_function, loss, Py_ssize_t input_steps=1):
        cdef ProgramCode *code = &self.code
        cdef Plan *plan = &self.plan
        if code.first != NULL:
            raise RuntimeError("a Chain is made once")
        kept = [np.array(each) for each in (arrays, thetas, steps, table)]  # nobody changes them
        code.arrays = whole_numbers(kept[0], 2, "arrays")
        code.thetas = whole_numbers(kept[1], 2, "thetas")
        code.steps = whole_numbers(kept[2], STEP_COLUMNS, "steps")
        code.table = whole_numbers(kept[3], 0, "table")
        code.n_arrays, code.n_thetas, code.n_steps, code.n_table = [len(each) for each in kept]
        code.n_functions = len(functions)
        self.program = kept
        self._choose_loss(loss, output_function)
        self.functions = (*functions, output_function, loss)
        self.circuit_size = most_scratch(self.functions)
        code.first = <Py_ssize_t *>allocate((code.n_arrays + 1) * sizeof(Py_ssize_t))
        code.functions = <Function *>allocate((code.n_functions + 1) * sizeof(Function))
        read_functions(code, functions)
        read_function(&plan.output_g, output_function)
        read_arrays(code)
        if not 0 < output < code.n_arrays or positions < 1 or (
                code.arrays[2 * output] % positions != 0):
            raise ValueError(f"no output {output} at {positions} positions")
        check_output(code, output)
        code.output = code.first[output]
        plan.positions = positions
        read_sizes(code, output, plan)
        if input_steps < 1 or plan.n_in % input_steps != 0:
            raise ValueError(f"{plan.n_in} inputs are no sequence of {input_steps} steps")
        plan.n_steps_in = input_steps
        layers = dense_layers(code, functions, output_function)
        if layers is not None and positions == input_steps == 1:
            self._make_layers(layers)
        self.is_made = True

    cdef int _choose_loss(self, loss, output) except -1:
        if isinstance(loss, CustomFunction):
            self.plan.loss = N_LOSSES
            self.plan.loss_circuit = (<CustomFunction>loss).loss()
            self.plan.n_beside = self.plan.loss_circuit.code.n_columns - 2
            return 0
        self.plan.loss = find_loss(loss, output)
        self.plan.loss_parameter = parted(loss)[1]
        self.plan.loss_from_z = losses[self.plan.loss].output != NULL
        self.plan.other_label = -1 if losses[self.plan.loss].signed_labels else 0
        return 0

    cdef int _make_layers(self, list layers) except -1:
        cdef Plan *plan = &self.plan
        cdef ChainStep *layer
        cdef Py_ssize_t l, n_layers = len(layers)
        plan.chain = <ChainStep *>allocate(n_layers * sizeof(ChainStep))
        for l in range(n_layers):
            layer = &plan.chain[l]
            layer.n_in, layer.n_out, activation = layers[l]
            read_function(&layer.g, activation)
            # Where z is not kept, a overwrites it. Some losses start from the last layer's z.
            layer.keeps_z = (layer.g.circuit != NULL or l == n_layers - 1
                             or activations[layer.g.activation].keeps != KEEPS_NOTHING)
        plan.n_chain = n_layers
        plan.multiply_adds = plan.n_parameters
        return 0

    cdef bint reads(self, theta) except -1:
        """Whether theta can be read where it lies: contiguous float64 of the right length."""
        cdef cnp.ndarray array
        if not self.is_made:
            raise RuntimeError("this Chain was not made")
        if not cnp.PyArray_CheckExact(theta):       # a masked array says more than its numbers
            return False
        array = <cnp.ndarray>theta
        return (cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT64 and cnp.PyArray_ISCARRAY_RO(array)
                and cnp.PyArray_NDIM(array) == 1
                and cnp.PyArray_DIM(array, 0) == self.plan.n_parameters)

    cdef int check_theta(self, theta) except -1:
        if not self.reads(theta):
            raise TypeError("theta is not a contiguous float64 vector of the network's length")
        return 0

    cdef Py_ssize_t n_in(self) noexcept:
        return self.plan.n_in

    cdef Py_ssize_t n_out(self) noexcept:
        return self.plan.n_out * self.plan.positions


@cython.final
cdef class Workspace:
    """How m samples run through a chain, and the scratch they do it in."""
    cdef Chain chain
    cdef Plan plan
    cdef Scratch scratch
    cdef Evaluation kept            # in the scratch that is kept
    cdef int n_threads
    cdef bint is_packed             # the weights are, in the scratch that is kept
    cdef ProgramLayout layout       # of a program

    def __cinit__(self):
        self.plan.chain = NULL
        self.plan.thetas = NULL
        self.scratch.kept = NULL

    def __dealloc__(self):
        free(self.plan.chain)
        free(self.plan.thetas)
        free_room(self.scratch.kept)

    cdef Py_ssize_t place(self, real *room, Evaluation *run) noexcept:
        """Where in one block of memory a run has all it needs (see plan.pxd); returns how many
        reals that are, which is all that is done without a block (NULL)."""
        cdef Plan *plan = &self.plan
        cdef Py_ssize_t top = 0, packed, theta, scratch, sums, costs, rows, weights
        cdef Py_ssize_t reals = sizeof(double) // sizeof(real), streams = 1 + plan.n_directions
        packed = take(&top, plan.n_packed * streams)
        theta = take(&top, plan.n_given if reals > 1 else 0)
        # Threads beyond the number of chunks only make columns of Delta.
        scratch = take(&top, max(plan.scratch * min(<Py_ssize_t>self.n_threads, plan.cut.n_chunks),
                                 plan.delta_scratch * self.n_threads))
        sums = 0
        if plan.loss >= 0 and plan.window > 0:
            sums = plan.n_cached * streams
        elif plan.loss >= 0 and plan.rows_of in (
                NO_ROWS, GAUSS_NEWTON, GAUSS_NEWTON_PRODUCT, RESIDUAL_TRANSPOSE, SLOPE_COST,
                SLOPE_GRAM, SLOPE_TRANSPOSE, SLOPE_HESSIAN):
            sums = plan.n_delta * plan.cut.n_chunks * (reals if plan.sums_in_double else 1)
        sums = take(&top, sums)
        costs = take(&top, plan.cut.n_chunks * reals)
        rows = take(&top, plan.cut.m * reals if plan.gathers else 0)
        weights = take(&top, plan.cut.m * reals if plan.gathers and plan.weighted else 0)
        if room == NULL:
            return top
        run.work.cut = &plan.cut
        run.work.n_threads = self.n_threads
        run.plan = plan
        run.packed = room + packed
        run.theta = room + theta
        run.scratch = room + scratch
        run.sums = room + sums
        run.partial = <double *>run.sums
        run.cached = run.sums
        run.costs = <double *>(room + costs)
        run.row_numbers = <int64_t *>(room + rows)
        run.row_weights = <double *>(room + weights)
        return top

    cdef real *borrow(self, Evaluation *run) except NULL:
        """Memory for one evaluation, to be given back to the scratch. Whoever borrows it fills in
        the data and what is wanted."""
        cdef real *room = lend(&self.scratch)
        memcpy(run, &self.kept, sizeof(Evaluation))
        if room == self.scratch.kept:
            run.is_packed = self.is_packed
        else:
            self.place(room, run)
        return room

    cdef int run(
        self, Evaluation *run, const double *theta, long long start, double *cost,
    ) except -1:
        run.source = theta
        if sizeof(real) == sizeof(double):
            run.theta = <const real *>theta
        with nogil:
            evaluate(run, start, cost)
        return check_whole(&run.work)


cdef int place_layers(Workspace self, const Data *data) except -1:
    """A plain chain of dense layers; without data for a forward pass."""
    cdef Plan *plan = &self.plan
    cdef size_t size = plan.n_chain * sizeof(ChainStep)
    cdef ThetaBlock *first
    cdef Py_ssize_t l
    plan.chain = <ChainStep *>allocate(size)
    memcpy(plan.chain, self.chain.plan.chain, size)
    new_thetas(plan, &self.chain.code)
    first = plan.thetas
    if data != NULL and not plan.gathers:
        first.shift = reals_to_alignment(data.X, data.x_row)
    for l in range(plan.n_chain):
        plan.chain[l].theta = plan.thetas + l
        plan.thetas[l].columns = round_up(plan.thetas[l].shift + plan.thetas[l].n_in)
        plan.thetas[l].strips = packs_delta(plan.chain + l)
    find_whole(plan, 0 if data == NULL else data.x_row)
    cut_plan(plan)
    if plan.schedule == BY_WINDOWS:
        place_window(plan)
    else:
        place_sums(plan)
    plan.n_delta = plan.n_sums * n_products(plan)
    place_arrays(plan, self.chain.circuit_size)
    return 0


cdef Workspace new_workspace(
    Chain chain, Py_ssize_t m, const Data *data, bint gathers, double l2, bint mean,
    int n_threads, Py_ssize_t n_tangents=0, bint gauss_newton=False, int rows_of=NO_ROWS,
):
    """For m samples of `data`, or m that are gathered from it; without data (NULL) for a forward
    pass of any. n_tangents: for products with so many directions at once, of the Hessian or of the
    Gauss-Newton matrix; or for directions of X. rows_of: what is wanted of each sample."""
    cdef Workspace self = Workspace.__new__(Workspace)
    cdef Plan *plan = &self.plan
    if not chain.is_made:
        raise RuntimeError("this Chain was not made")
    self.chain = chain
    plan[0] = chain.plan
    plan.chain = NULL
    plan.cut.m = m
    plan.gathers = gathers
    plan.l2 = l2
    plan.mean = mean
    if data == NULL:
        plan.loss = -1
    else:
        plan.weighted = data.weights != NULL
        plan.has_lengths = data.lengths != NULL
        plan.has_slopes = data.slopes != NULL
        plan.may_miss = data.may_miss
    plan.n_tangents = n_tangents
    plan.gauss_newton = gauss_newton
    plan.rows_of = rows_of
    if rows_of < FORWARD_PRODUCT:
        plan.n_directions = n_tangents
    elif rows_of == SLOPE_PRODUCT or rows_of == SLOPE_HESSIAN:
        plan.n_directions = 1
    plan.n_given = plan.n_parameters * (1 + plan.n_directions)
    if rows_of != NO_ROWS or n_tangents > 0 and not is_worth_packing(&chain.plan):
        plan.n_chain = 0
    if plan.n_chain > 0:
        place_layers(self, data)
    else:
        place_program(self)
    self.n_threads = threads_worth(
        n_threads, max(plan.cut.n_chunks, window_pieces(plan)),
        <double>m * plan.multiply_adds * (1 + 2 * n_tangents)
        * (1 if rows_of == NO_ROWS else chain.n_out()) / THREAD_WORK)
    keep_scratch(&self.scratch, self.place(NULL, NULL))
    self.place(self.scratch.kept, &self.kept)
    return self


cdef int keep_workspace(dict kept, key, Workspace workspace) except -1:
    """Puts a workspace into `kept`, which holds the last few. Several threads may do so at the same
    time: each step leaves a valid dict, and a workspace lives as long as somebody runs in it."""
    while len(kept) >= SPARE_WORKSPACES:
        kept.pop(next(iter(tuple(kept)), None), None)
    kept[key] = workspace
    return 0
