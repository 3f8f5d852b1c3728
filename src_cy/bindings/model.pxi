# A network with its parameters: X in, a(L) out, and nothing done twice.


@cython.final
cdef class Model:
    """A chain with its parameters.

    Parameters
    ----------
    chain : Chain
    theta : ndarray of float64, (n_parameters,), contiguous; nobody may change it
    n_threads : int
    """
    cdef Chain chain
    cdef object theta
    cdef int n_threads
    cdef dict workspaces            # by the number of samples, with their weights packed

    def __init__(self, Chain chain not None, theta, int n_threads):
        if self.chain is not None:
            raise RuntimeError("a Model is bound once")
        chain.check_theta(theta)
        self.theta = theta
        self.n_threads = n_threads
        self.workspaces = {}
        self.chain = chain

    def run(self, X, out=None, bint z=False, bint is_checked=False):
        """a(L), or z(L), of X in `out` or a fresh array, (m, s_0) -> (m, s_L), (s_0,) -> (s_L,).

        None, and nothing done, where X is no ndarray in C order of finite reals and of the right
        shape, or `out` is none of the result's shape; `is_checked`: X is known to be finite.
        """
        cdef Data data
        cdef Py_ssize_t m
        if self.chain is None:
            raise RuntimeError("this Model is not bound to parameters")
        m = read_samples(X, self.chain.n_in(), is_checked, &data)
        if m == 0:
            return None
        if out is None:
            out = new_output(X, m, self.chain.n_out())
        elif not takes_output(out, X, self.theta, self.chain.n_out()):
            return None
        workspace = self.workspaces.get(m)
        if workspace is None:
            workspace = new_workspace(self.chain, m, NULL, False, 0, False, self.n_threads)
            keep_workspace(self.workspaces, m, workspace)
        run_forward(<Workspace>workspace, &data, self.theta, out, z, True)
        return out


def forward(Chain chain not None, theta, X, int n_threads, bint z=False, bint is_checked=False,
            lengths=None):
    """a(L), or z(L), of X, (m, s_L); None as `Model.run`, or where theta is no contiguous float64
    vector of the right length; lengths: of sequences."""
    cdef Data data
    cdef Py_ssize_t m
    if not chain.reads(theta) or not cnp.PyArray_Check(X) or cnp.PyArray_NDIM(<cnp.ndarray>X) != 2:
        return None
    m = read_samples(X, chain.n_in(), is_checked, &data)
    if m == 0:
        return None
    bind_lengths(lengths, m, chain.plan.n_steps_in, &data)
    out = new_output(X, m, chain.n_out())
    run_forward(new_workspace(chain, m, NULL, False, 0, False, n_threads), &data, theta, out,
                z, False)
    return out


cdef int run_forward(Workspace workspace, const Data *data, theta, out, bint z,
                     bint keeps) except -1:
    """`keeps`: the next run is with the same theta, whose packed weights will do."""
    cdef Evaluation run
    cdef double cost = 0
    cdef real *room = workspace.borrow(&run)
    try:
        run.data = data[0]
        run.rows = NULL
        run.gradient = NULL
        run.from_z = z
        run.output = <real *>cnp.PyArray_DATA(<cnp.ndarray>out)
        workspace.run(
            &run, <const double *>cnp.PyArray_DATA(<cnp.ndarray>theta), now(), &cost)
        if room == workspace.scratch.kept:
            workspace.is_packed = keeps
    finally:
        give_back(&workspace.scratch, room)
    return 0


cdef Py_ssize_t read_samples(X, Py_ssize_t n_in, bint is_checked, Data *data) except -1:
    """How many samples X has, and where; 0 if it is not to be read as it is."""
    cdef cnp.ndarray array
    cdef Py_ssize_t m = 1
    cdef bint finite = True
    if is_checked and cnp.PyArray_Check(X) and cnp.PyArray_NDIM(<cnp.ndarray>X) == 2:
        return bind_samples(X, n_in, data)
    if not (is_plain(X, REAL_TYPE, 2) or is_plain(X, REAL_TYPE, 1)):
        return 0
    array = <cnp.ndarray>X
    if cnp.PyArray_NDIM(array) == 2:
        m = cnp.PyArray_DIM(array, 0)
    if m == 0 or cnp.PyArray_DIM(array, cnp.PyArray_NDIM(array) - 1) != n_in:
        return 0
    memset(data, 0, sizeof(Data))
    data.X = <const real *>cnp.PyArray_DATA(array)
    data.x_row = n_in
    if not is_checked:
        with nogil:
            finite = all_finite(m * n_in, data.X)
    return m if finite else 0


cdef object new_output(X, Py_ssize_t m, Py_ssize_t n_out):
    """(m, s_L), or (s_L,) where X is one sample."""
    cdef cnp.npy_intp shape[2]
    shape[0] = m
    shape[1] = n_out
    if cnp.PyArray_NDIM(<cnp.ndarray>X) == 1:
        return cnp.PyArray_SimpleNew(1, shape + 1, REAL_TYPE)
    return cnp.PyArray_SimpleNew(2, shape, REAL_TYPE)


cdef bint takes_output(out, X, theta, Py_ssize_t n_out) noexcept:
    """Whether a(L) of X can be written to `out`, with nothing else that is in the same memory."""
    cdef int n_dimensions = cnp.PyArray_NDIM(<cnp.ndarray>X)
    return (is_plain(out, REAL_TYPE, n_dimensions)
            and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out)
            and cnp.PyArray_DIM(<cnp.ndarray>out, n_dimensions - 1) == n_out
            and (n_dimensions == 1 or cnp.PyArray_DIM(<cnp.ndarray>out, 0)
                 == cnp.PyArray_DIM(<cnp.ndarray>X, 0))
            and are_apart(out, X) and are_apart(out, theta))


cdef bint are_apart(out, other) noexcept:
    """Whether no byte of one array can be of the other, whose rows may be spread out."""
    cdef cnp.ndarray a = <cnp.ndarray>out, b = <cnp.ndarray>other
    cdef const char *low = <const char *>cnp.PyArray_DATA(b)
    cdef const char *high = low + cnp.PyArray_ITEMSIZE(b)
    cdef const char *start = <const char *>cnp.PyArray_DATA(a)
    cdef Py_ssize_t reach
    cdef int i
    for i in range(cnp.PyArray_NDIM(b)):
        reach = (cnp.PyArray_DIM(b, i) - 1) * cnp.PyArray_STRIDE(b, i)
        if reach < 0:
            low += reach
        else:
            high += reach
    return high <= start or start + cnp.PyArray_NBYTES(a) <= low
