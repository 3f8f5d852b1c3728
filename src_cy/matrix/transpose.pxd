"""Matrices transposed, a block of registers at a time (see transpose.h)."""
from matrix.layout cimport Strips, column
from matrix.sizes cimport STRIP
from simd.lanes cimport (
    LANES, kernel_void, lanes_load_part, lanes_splat, lanes_store, lanes_t, real,
)


cdef extern from "matrix/transpose.h" nogil:
    void shuffle(int rows, lanes_t *a)
    void transpose_block(
        const real *source, Py_ssize_t source_row, real *out, Py_ssize_t out_row)
    void pack_lanes(int R, const real *p, Py_ssize_t p_row, real *out)


cdef inline kernel_void transpose_strips(
    Py_ssize_t rows, Py_ssize_t columns, Strips source, Strips out,
) noexcept nogil:
    """out[c, r] = source[r, c] for rows and columns rounded up to whole registers, a strip of
    either at a time."""
    cdef Py_ssize_t top = 0, left, r, c
    cdef const real *a
    cdef real *b
    while top < rows:
        left = 0
        while left < columns:
            a = column(source, left) + top * source.row
            b = column(out, top) + left * out.row
            r = 0
            while r < min(STRIP, rows - top):
                c = 0
                while c < min(STRIP, columns - left):
                    transpose_block(a + r * source.row + c, source.row,
                                    b + c * out.row + r, out.row)
                    c += LANES
                r += LANES
            left += STRIP
        top += STRIP


cdef inline void transpose_part(
    Py_ssize_t height, Py_ssize_t width, const real *source, Py_ssize_t source_row,
    real *out, Py_ssize_t out_row, bint padded,
) noexcept nogil:
    """As transpose_block, for a block that is not full."""
    cdef lanes_t a[16]
    cdef real corner[16]
    cdef int i, k
    for i in range(LANES):
        if i >= height:
            a[i] = lanes_splat(0)
        else:
            a[i] = lanes_load_part(source + i * source_row, width)
    shuffle(LANES, a)
    for i in range(width):
        if padded or height == LANES:
            lanes_store(out + i * out_row, a[i])
        else:
            lanes_store(corner, a[i])
            for k in range(height):
                out[i * out_row + k] = corner[k]


cdef inline kernel_void transpose(
    Py_ssize_t rows, Py_ssize_t columns, const real *source, Py_ssize_t source_row,
    real *out, Py_ssize_t out_row, bint padded,
) noexcept nogil:
    """out[c, r] = source[r, c]. Nothing is read outside these elements, nor written, unless the
    rows of `out` are padded to whole registers, with zeros.

    The last block is a whole one that begins in the block before, if there is one.
    """
    cdef Py_ssize_t r, c, height, width, i
    r = 0
    while r < rows:
        height = min(rows - r, <Py_ssize_t>LANES)
        if height < LANES <= rows and not padded:
            r, height = rows - LANES, LANES
        c = 0
        while c < columns:
            width = min(columns - c, <Py_ssize_t>LANES)
            if width < LANES <= columns:
                c, width = columns - LANES, LANES
            if height == LANES and width == LANES:
                transpose_block(source + r * source_row + c, source_row,
                                out + c * out_row + r, out_row)
            elif height == 1:
                for i in range(width):
                    out[(c + i) * out_row + r] = source[r * source_row + c + i]
            elif width == 1:
                for i in range(height):
                    out[c * out_row + r + i] = source[(r + i) * source_row + c]
            else:
                transpose_part(height, width, source + r * source_row + c, source_row,
                               out + c * out_row + r, out_row, padded)
            c += width
        r += height


cdef inline void transpose_to_strips(
    Py_ssize_t rows, Py_ssize_t columns, const real *source, Py_ssize_t source_row, Strips out,
) noexcept nogil:
    """out[c, r] = source[r, c], the rows of `out` padded to whole registers."""
    cdef Py_ssize_t r = 0
    while r < rows:
        transpose(min(rows - r, STRIP), columns, source + r * source_row, source_row,
                  column(out, r), out.row, True)
        r += STRIP
