# A program laid out: where the rows of a tile lie, what each step reads and writes, which columns
# of positions are adjacent.

cdef class ProgramLayout:
    """The steps of a program laid out for tiles of S samples."""
    cdef Step *steps
    cdef Run *runs
    cdef int32_t *offsets
    cdef Cleared *clears
    cdef char *is_cleared
    cdef Py_ssize_t n_runs, n_offsets, n_clears     # taken
    cdef Py_ssize_t S
    cdef bint has_tangents
    cdef bint wants_inputs                  # their deltas, and tangents, too
    cdef Py_ssize_t n_values, n_deltas      # reals of a tile
    cdef Py_ssize_t *value_at               # of each array
    cdef Py_ssize_t *delta_at
    cdef Py_ssize_t zeros_at, dropped_at

    def __dealloc__(self):
        free(self.steps)
        free(self.runs)
        free(self.offsets)
        free(self.clears)
        free(self.is_cleared)
        free(self.value_at)
        free(self.delta_at)

    cdef Py_ssize_t value(self, const ProgramCode *code, Py_ssize_t row) noexcept:
        """Where a row's values begin."""
        cdef Py_ssize_t array
        if row < 0:
            return self.zeros_at
        array = array_of(code, row)
        return self.value_at[array] + (row - code.first[array]) * self.S

    cdef Py_ssize_t delta(self, const ProgramCode *code, Py_ssize_t row) noexcept:
        """Where its deltas do; -1 if nobody wants them."""
        cdef Py_ssize_t array
        if row < 0:
            return -1
        array = array_of(code, row)
        if self.delta_at[array] < 0:
            return -1
        return self.delta_at[array] + (row - code.first[array]) * self.S

    cdef int32_t dropped(self, const ProgramCode *code, Py_ssize_t row) noexcept:
        """The same; what nobody wants is added up somewhere."""
        cdef Py_ssize_t at = self.delta(code, row)
        return <int32_t>(at if at >= 0 else self.dropped_at)


cdef bint follows(
    const ProgramCode *code, const int32_t *rows, const int32_t *before, Py_ssize_t n,
) noexcept:
    """Whether all rows of a position lie one further on than those of the position before: in
    the same array, since the next array may be anywhere."""
    cdef Py_ssize_t k
    for k in range(n):
        if rows[k] != (before[k] + 1 if before[k] >= 0 else -1):
            return False
        if rows[k] >= 0 and rows[k] == code.first[array_of(code, rows[k])]:
            return False
    return True


cdef Py_ssize_t run_length(const ProgramCode *code, const int32_t *s, Py_ssize_t p) noexcept:
    """How many positions from p on are one run."""
    cdef const int32_t *rows = code.table + s[6] + p * s[5]
    cdef Py_ssize_t n = 1
    while p + n < s[7] and s[10] == 1 and follows(
            code, rows + n * s[5], rows + (n - 1) * s[5], s[5]):
        n += 1
    return n


cdef bint shares_weights(const int32_t *s, const int32_t *other) noexcept:
    """Whether two AFFINE steps have one Delta."""
    cdef int i
    for i in range(1, 6):
        if s[i] != other[i]:
            return False
    return (s[0] == AFFINE and other[0] == AFFINE and s[9] == other[9]
            and (s[11] & WITH_BIAS) == (other[11] & WITH_BIAS))


cdef bint is_in_place(const ProgramCode *code, Py_ssize_t array, bint has_tangents) noexcept:
    """Whether a twin may take the place of its z: no map into it needs z, or its tangent,
    afterwards."""
    cdef const int32_t *s
    cdef const Function *g
    cdef Py_ssize_t i
    if has_tangents:
        return False
    for i in range(code.n_steps):
        s = code.steps + i * STEP_COLUMNS
        if s[0] == MAP and array_of(code, s[3]) == array:
            g = code.functions + s[1]
            if g.circuit != NULL or activations[g.activation].keeps != KEEPS_NOTHING:
                return False
    return True


cdef Py_ssize_t program_reals(const ProgramCode *code, bint has_tangents) except -1:
    """Numbers of a sample: all values and deltas."""
    cdef Py_ssize_t i, out = 0
    for i in range(code.n_arrays):
        if code.arrays[2 * i + 1] < 0:
            out += code.arrays[2 * i] * (1 if i == 0 else 2)
        elif not is_in_place(code, i, has_tangents):
            out += code.arrays[2 * i]
    return out


cdef int place_values(ProgramLayout self, const ProgramCode *code, Py_ssize_t longest) except -1:
    """Where every array is, in values and in deltas."""
    cdef Py_ssize_t i, twin
    self.value_at = <Py_ssize_t *>allocate(code.n_arrays * sizeof(Py_ssize_t))
    self.delta_at = <Py_ssize_t *>allocate(code.n_arrays * sizeof(Py_ssize_t))
    for i in range(code.n_arrays):
        twin = code.arrays[2 * i + 1]
        if twin >= 0 and is_in_place(code, i, self.has_tangents):
            self.value_at[i] = self.value_at[twin]
        else:
            self.value_at[i] = take(&self.n_values, code.arrays[2 * i] * self.S)
        if i == 0 and not self.wants_inputs:
            self.delta_at[i] = -1
        elif twin >= 0:
            self.delta_at[i] = self.delta_at[twin]
        else:
            self.delta_at[i] = take(&self.n_deltas, code.arrays[2 * i] * self.S)
    self.zeros_at = take(&self.n_values, longest)
    self.dropped_at = take(&self.n_deltas, longest)
    if max(self.n_values, self.n_deltas) > MAX_OFFSET:
        raise MemoryError("a tile of this network has more than 2**31 numbers")
    return 0


cdef int lay_affine(
    ProgramLayout self, const ProgramCode *code, const ThetaBlock *thetas, Py_ssize_t number,
) except -1:
    cdef const int32_t *s = code.steps + number * STEP_COLUMNS
    cdef Step *step = self.steps + number
    cdef const ThetaBlock *theta = thetas + s[1]
    cdef const int32_t *rows
    cdef int32_t *inputs
    cdef Run *run
    cdef Py_ssize_t p = 0, k, n
    step.row = theta.n_in + 1
    step.bias = theta.at + s[2] * step.row
    step.weights = step.bias + 1 + s[4]
    step.n_units = s[3]
    step.depth = step.first_wanted = step.first_hidden = s[5]
    step.unit_row = s[9] * self.S
    step.flags = s[11]
    step.runs = self.runs + self.n_runs
    while p < s[7]:
        n = run_length(code, s, p)
        run = self.runs + self.n_runs
        self.n_runs += 1
        step.n_runs += 1
        rows = code.table + s[6] + p * s[5]
        inputs = self.offsets + self.n_offsets
        self.n_offsets += 2 * step.depth
        for k in range(step.depth):
            inputs[k] = <int32_t>self.value(code, rows[k])
            inputs[step.depth + k] = self.dropped(code, rows[k])
            if self.delta(code, rows[k]) >= 0:
                step.first_wanted = min(step.first_wanted, k)
                if rows[k] >= code.arrays[0]:
                    step.first_hidden = min(step.first_hidden, k)
        run.inputs = inputs
        run.input_deltas = inputs + step.depth
        run.out = self.value(code, s[8] + p * s[10])
        run.out_delta = self.delta(code, s[8] + p * s[10])
        run.columns = n * self.S
        run.apart = n == 1
        p += n
    step.delta_weights = theta.delta_at + s[2] * theta.columns + s[4]
    step.delta_bias = theta.bias_at + s[2]
    step.delta_row = theta.columns
    return 0


cdef void gather_runs(ProgramLayout self, const ProgramCode *code, Py_ssize_t number) noexcept:
    """The first of the steps that share weights makes Delta of all of them."""
    cdef const int32_t *s = code.steps + number * STEP_COLUMNS
    cdef Step *step = self.steps + number
    cdef Py_ssize_t i, r
    for i in range(number):
        if shares_weights(s, code.steps + i * STEP_COLUMNS):
            return
    step.all_runs = self.runs + self.n_runs
    step.first_tangent = step.depth
    for i in range(number, code.n_steps):
        if shares_weights(s, code.steps + i * STEP_COLUMNS):
            step.first_tangent = min(step.first_tangent, self.steps[i].first_wanted)
            for r in range(self.steps[i].n_runs):
                step.all_runs[step.n_all_runs + r] = self.steps[i].runs[r]
            step.n_all_runs += self.steps[i].n_runs
    self.n_runs += step.n_all_runs


cdef void lay_rows_of_step(ProgramLayout self, const ProgramCode *code, Py_ssize_t number) noexcept:
    """A step that is not AFFINE."""
    cdef const int32_t *s = code.steps + number * STEP_COLUMNS
    cdef Step *step = self.steps + number
    cdef int32_t *rows
    cdef Py_ssize_t i
    step.a = step.b = step.d = step.a_delta = step.b_delta = step.d_delta = -1
    step.op = s[1]
    if step.kind == MAP:
        step.g = code.functions[s[1]]
        step.n = s[4]
        step.a = self.value(code, s[2])
        step.out = self.value(code, s[3])
        step.out_delta = self.delta(code, s[3])
        step.keeps_z = step.a != step.out
        return
    step.out = self.value(code, s[2])
    step.out_delta = self.delta(code, s[2])
    step.n = s[3]
    if step.kind == GATE:
        if s[4] >= 0:
            step.a, step.a_delta = self.value(code, s[4]), self.delta(code, s[4])
        if s[5] >= 0:
            step.b, step.b_delta = self.value(code, s[5]), self.delta(code, s[5])
        if step.op == WITHIN:
            step.d = s[6]
        elif s[6] >= 0:
            step.d, step.d_delta = self.value(code, s[6]), self.delta(code, s[6])
        return
    step.window = s[4]
    step.factor = <real>(1.0 / max(s[6], 1))
    rows = self.offsets + self.n_offsets
    self.n_offsets += 2 * step.n * step.window
    step.rows = rows
    step.row_deltas = rows + step.n * step.window
    for i in range(step.n * step.window):
        rows[i] = <int32_t>(self.value(code, code.table[s[5] + i])
                            if code.table[s[5] + i] >= 0 else -1)
        rows[step.n * step.window + i] = self.dropped(code, code.table[s[5] + i])
        if step.op == AVERAGE and code.table[s[5] + i] < 0:
            rows[step.n * step.window + i] = -1


cdef void clear(ProgramLayout self, const ProgramCode *code, Py_ssize_t row,
                Py_ssize_t number) noexcept:
    """Deltas of the array that has this row are set to 0 before the step, if none did it yet."""
    cdef Py_ssize_t array
    cdef Step *step = self.steps + number
    if row < 0:
        return
    array = array_of(code, row)
    while code.arrays[2 * array + 1] >= 0:
        array = code.arrays[2 * array + 1]
    # The loss sets those of the output.
    if (self.is_cleared[array] or self.delta_at[array] < 0
            or code.first[array] == code.output):
        return
    self.is_cleared[array] = True
    self.clears[self.n_clears] = Cleared(self.delta_at[array], code.arrays[2 * array] * self.S)
    self.n_clears += 1
    step.n_clears += 1


cdef void clear_deltas(ProgramLayout self, const ProgramCode *code, Py_ssize_t number) noexcept:
    """All that this step adds to, and what it takes its delta from if nobody has added to that."""
    cdef const int32_t *s = code.steps + number * STEP_COLUMNS
    cdef Py_ssize_t i, at = 5 if s[0] == POOL else 6, n = s[3] * s[4]
    self.steps[number].clears = self.clears + self.n_clears
    if s[0] == AFFINE:
        clear(self, code, s[8], number)
        n = s[5] * s[7]
    elif s[0] == MAP:
        clear(self, code, s[3], number)
        return
    else:
        clear(self, code, s[2], number)
    if s[0] == GATE:
        clear(self, code, s[4], number)
        clear(self, code, s[5], number)
        if s[1] != WITHIN:
            clear(self, code, s[6], number)
        return
    for i in range(n):
        clear(self, code, code.table[s[at] + i], number)


cdef ProgramLayout lay_program(
    const ProgramCode *code, const ThetaBlock *thetas, Py_ssize_t S, bint has_tangents,
    bint wants_inputs,
):
    """The whole program for tiles of S samples."""
    cdef ProgramLayout self = ProgramLayout.__new__(ProgramLayout)
    cdef const int32_t *s
    cdef Py_ssize_t i, p, n, longest = S, n_runs = 0, n_offsets = 0
    self.S = S
    self.has_tangents = has_tangents
    self.wants_inputs = wants_inputs
    for i in range(code.n_steps):
        s = code.steps + i * STEP_COLUMNS
        p = 0
        while s[0] == AFFINE and p < s[7]:
            n = run_length(code, s, p)
            longest = max(longest, n * S)
            n_runs += 1
            n_offsets += 2 * s[5]
            p += n
        if s[0] == POOL:
            n_offsets += 2 * <Py_ssize_t>s[3] * s[4]
    self.steps = <Step *>allocate(code.n_steps * sizeof(Step))
    self.runs = <Run *>allocate(2 * n_runs * sizeof(Run))
    self.offsets = <int32_t *>allocate(n_offsets * sizeof(int32_t))
    self.clears = <Cleared *>allocate(code.n_arrays * sizeof(Cleared))
    self.is_cleared = <char *>allocate(code.n_arrays)
    place_values(self, code, longest)
    for i in range(code.n_steps):
        self.steps[i].kind = code.steps[i * STEP_COLUMNS]
        if self.steps[i].kind == AFFINE:
            lay_affine(self, code, thetas, i)
        else:
            lay_rows_of_step(self, code, i)
    for i in range(code.n_steps):
        if self.steps[i].kind == AFFINE:
            gather_runs(self, code, i)
    for i in range(code.n_steps - 1, -1, -1):
        clear_deltas(self, code, i)
    return self
