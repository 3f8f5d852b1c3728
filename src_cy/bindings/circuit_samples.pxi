# Circuits of samples as Python sees them.


@cython.no_gc_clear     # the arrays whose memory is read must live as long as the object
cdef class BoundCircuit(Bound):
    """A circuit bound to samples.

    Parameters
    ----------
    tape : SampleTape
    columns : list of ndarray of real, (m,)
        One for each varying input, of any stride.
    fixed : ndarray of float64
        The last of the uniform inputs; a call gives those before them.
    sample_weight : ndarray of float64, (m,), contiguous, or None
    m : int
    mean : bool
    n_threads : int
    alike : (nodes, sums), optional
        The size of a circuit and of its largest result, to be given to all tapes of it whose sums
        shall have the same bits; by default those of this tape.
    """
    cdef CircuitData samples
    cdef SampleTape tape
    cdef Scratch scratch
    cdef CircuitRun kept            # in the scratch that is kept
    cdef object arrays              # keeps the data alive
    cdef object fixed
    cdef Py_ssize_t n_given

    def __cinit__(self):
        memset(&self.samples, 0, sizeof(CircuitData))
        self.scratch.kept = NULL

    def __dealloc__(self):
        free(self.samples.columns)
        free_room(self.scratch.kept)

    def __init__(self, SampleTape tape not None, list columns, fixed, sample_weight, Py_ssize_t m,
                 bint mean, int n_threads, alike=None):
        cdef CircuitData *samples = &self.samples
        cdef const Code *code = &tape.tape.code
        cdef Py_ssize_t rows, size, sums, tile = MAX_COLUMNS
        if samples.columns != NULL:
            raise RuntimeError("a BoundCircuit is bound once")
        self.tape = tape
        samples.tape = &tape.tape
        self._bind(columns, fixed, sample_weight, m)
        samples.mean = mean
        rows = code.n_slots - code.n_numbers
        while tile > MIN_COLUMNS and tile * rows * <Py_ssize_t>sizeof(real) > ROW_BYTES:
            tile //= 2
        size, sums = (code.n_gates + 1, 1) if alike is None else alike
        if size < 1:
            raise ValueError(f"a circuit of {size} nodes")
        self._cut(m, tile, size, max(sums, code.n_outputs))
        samples.cut.poll_tiles = 1 + POLL_WORK // (tile * (code.n_gates + 1))
        samples.stride = row_stride(whole_registers(min(tile, m)))
        samples.stream = code.n_outputs * m * <Py_ssize_t>sizeof(real) > STREAM_BYTES
        samples.scratch = (rows + 2) * samples.stride + count_sums(samples) * PARTS
        self.threads_used = threads_worth(
            n_threads, samples.cut.n_chunks,
            <double>m * (code.n_gates + code.n_outputs) / GATE_SAMPLES)
        keep_scratch(&self.scratch, self._place(NULL, NULL))
        self._place(self.scratch.kept, &self.kept)

    cdef void _cut(self, Py_ssize_t m, Py_ssize_t tile, Py_ssize_t size, Py_ssize_t sums) noexcept:
        """The samples into chunks: the order of the sums follows from m and these two alone.

        A circuit of `size` nodes has half as many rows in the tape of value and gradient: chunks
        are of whole tiles of it. Fewer than threads could make use of would be of no use.

        What bounds their sums halves the number of chunks here and divides it in `cut_chunks`: by
        one rule either circuits or networks of many sums would have other chunks, and other bits.
        """
        cdef Cut *cut = &self.samples.cut
        cdef Py_ssize_t grain = MAX_COLUMNS
        while (grain > MIN_COLUMNS
               and grain * size * <Py_ssize_t>sizeof(real) > 2 * ROW_BYTES):
            grain //= 2
        cut[0] = cut_samples(
            m, tile, grain, min(<Py_ssize_t>MAX_CHUNKS, 1 + m * size // <Py_ssize_t>CHUNK_WORK))
        while cut.n_chunks > MIN_CHUNKS and cut.n_chunks * sums * PARTS > CHUNK_DOUBLES:
            cut.n_chunks //= 2

    cdef int _bind(self, list columns, fixed, sample_weight, Py_ssize_t m) except -1:
        cdef CircuitData *samples = &self.samples
        cdef const double[::1] fixed_view = fixed
        cdef const Code *code = &samples.tape.code
        cdef const real[:] column
        cdef const double[::1] weights
        cdef Py_ssize_t i
        if m < 1:
            raise ValueError(f"{m} samples")
        if len(columns) != code.n_columns:
            raise ValueError(f"{len(columns)} columns, the program has {code.n_columns}")
        self.n_given = code.n_inputs - code.n_columns - fixed_view.shape[0]
        if self.n_given < 0:
            raise ValueError(f"{fixed_view.shape[0]} fixed inputs are too many")
        samples.columns = <Column *>allocate(code.n_columns * sizeof(Column))
        self.arrays = (columns[:], sample_weight)
        samples.adjacent = True
        self.fixed = fixed
        for i in range(code.n_columns):
            column = columns[i]
            if column.shape[0] != m or column.strides[0] % <Py_ssize_t>sizeof(real) != 0:
                raise ValueError(f"column {i} is not {m} numbers, whole strides apart")
            samples.columns[i].at = &column[0]
            samples.columns[i].step = column.strides[0] // <Py_ssize_t>sizeof(real)
            samples.adjacent = samples.adjacent and samples.columns[i].step == 1
        if sample_weight is not None:
            weights = sample_weight
            if weights.shape[0] != m:
                raise ValueError(f"{weights.shape[0]} weights for {m} samples")
            samples.weights = &weights[0]
            samples.weight_factor = wide_factor(np.max(sample_weight))
        return 0

    cdef Py_ssize_t _place(self, real *room, CircuitRun *run) noexcept:
        """Where in one block of memory a run has all it needs: numbers and their registers, rows
        of the threads, partial sums; returns how many reals that are, as `Workspace.place`."""
        cdef const Code *code = &self.samples.tape.code
        cdef Py_ssize_t top = 0, splats, rows, scratch, partial, sums
        cdef Py_ssize_t reals = sizeof(double) // sizeof(real)
        take(&top, code.n_numbers)
        splats = take(&top, code.n_numbers * LANES)
        rows = take(
            &top, self.threads_used * code.n_slots * <Py_ssize_t>(sizeof(Row) // sizeof(real)))
        scratch = take(&top, self.threads_used * self.samples.scratch)
        partial = take(&top, count_sums(&self.samples) * PARTS * self.samples.cut.n_chunks * reals)
        sums = take(&top, code.n_outputs * reals)
        if room == NULL:
            return top
        run.work.cut = &self.samples.cut
        run.work.n_threads = self.threads_used
        run.samples = &self.samples
        run.numbers = room
        run.splats = room + splats
        run.rows = <Row *>(room + rows)
        run.scratch = room + scratch
        run.partial = <double *>(room + partial)
        run.sums = <double *>(room + sums)
        run.weight_factor = self.samples.weight_factor
        return top

    cdef const Code *_code(self) except NULL:
        if self.scratch.kept == NULL:
            raise RuntimeError("this BoundCircuit is not bound to data")
        return &self.samples.tape.code

    cdef int _run(self, inputs, real *values, double *first, double *rest) except -1:
        """Values of the samples; or the sum of the first output, and those of the others."""
        cdef CircuitRun run
        cdef real *room
        cdef const Code *code = self._code()
        cdef Py_ssize_t i, n = self.n_given
        cdef Py_ssize_t n_fixed = code.n_inputs - code.n_columns - n
        cdef const double *source
        cdef const double *fixed
        cdef long long start = now()
        if not is_vector(inputs, n):
            raise TypeError(f"expected a contiguous float64 vector of {n} inputs")
        room = lend(&self.scratch)
        if room == self.scratch.kept:
            run = self.kept
        else:
            self._place(room, &run)
        source = <const double *>cnp.PyArray_DATA(<cnp.ndarray>inputs)
        fixed = <const double *>cnp.PyArray_DATA(<cnp.ndarray>self.fixed)
        with nogil:
            for i in range(n):
                run.numbers[i] = <real>source[i]
            for i in range(n_fixed):
                run.numbers[n + i] = <real>fixed[i]
            for i in range(code.n_constants):
                run.numbers[n + n_fixed + i] = code.constants[i]
            run.values = values
            run_samples(&run, start)
            if values == NULL and is_whole(&run.work):
                first[0] = run.sums[0]
                for i in range(1, code.n_outputs):
                    rest[i - 1] = run.sums[i]
                if room == self.scratch.kept:   # of which no other run can know
                    self.kept.weight_factor = run.weight_factor
        give_back(&self.scratch, room)
        check_whole(&run.work)
        self.count(start)
        return 0

    def evaluate(self, inputs):
        """The sum, or mean, of the first output over the samples and a fresh vector of the others;
        `inputs`: the uniform inputs that are not fixed, a contiguous float64 vector. None, and
        nothing done, where they are anything else."""
        cdef cnp.npy_intp n = self._code().n_outputs - 1
        cdef double first = 0
        if not is_vector(inputs, self.n_given):
            return None
        out = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_FLOAT64)
        self._run(inputs, NULL, &first, <double *>cnp.PyArray_DATA(<cnp.ndarray>out))
        return first, out

    def evaluate_into(self, inputs, out):
        """As `evaluate`, but the others are written to `out`, a contiguous float64 vector."""
        cdef double first = 0
        if not is_vector(out, self._code().n_outputs - 1) or not cnp.PyArray_ISWRITEABLE(
                <cnp.ndarray>out):
            raise TypeError("out is not a writable float64 vector of their number")
        self._run(inputs, NULL, &first, <double *>cnp.PyArray_DATA(<cnp.ndarray>out))
        return first

    def values(self, inputs):
        """The outputs of each sample, (n_outputs, m)."""
        cdef cnp.npy_intp shape[2]
        shape[0] = self._code().n_outputs
        shape[1] = self.samples.cut.m
        out = cnp.PyArray_SimpleNew(2, shape, REAL_TYPE)
        self._run(inputs, <real *>cnp.PyArray_DATA(<cnp.ndarray>out), NULL, NULL)
        return out
