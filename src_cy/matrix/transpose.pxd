"""Transposition in registers: rows exchange single lanes, then pairs, then fours, ..."""
from libc.string cimport memcpy

from matrix.layout cimport Strips, column
from matrix.sizes cimport STRIP
from simd.lanes cimport (
    LANES, kernel_void, lanes_even_1, lanes_even_2, lanes_even_4, lanes_even_8, lanes_load,
    lanes_odd_1, lanes_odd_2, lanes_odd_4, lanes_odd_8, lanes_splat, lanes_store, lanes_t, real,
)


cdef inline void shuffle(const int rows, lanes_t *a) noexcept nogil:
    """The registers of `a` as rows of a matrix, transposed: log2(rows) rounds.

    With fewer rows than lanes, register i of the result holds columns i, i + rows, ...
    """
    cdef lanes_t b
    cdef int i
    for i in range(rows // 2):
        b = lanes_even_1(a[2 * i], a[2 * i + 1])
        a[2 * i + 1] = lanes_odd_1(a[2 * i], a[2 * i + 1])
        a[2 * i] = b
    if rows > 2:
        for i in range(rows):
            if i & 2 == 0:
                b = lanes_even_2(a[i], a[i + 2])
                a[i + 2] = lanes_odd_2(a[i], a[i + 2])
                a[i] = b
    if rows > 4:
        for i in range(rows):
            if i & 4 == 0:
                b = lanes_even_4(a[i], a[i + 4])
                a[i + 4] = lanes_odd_4(a[i], a[i + 4])
                a[i] = b
    if rows > 8:
        for i in range(8):
            b = lanes_even_8(a[i], a[i + 8])
            a[i + 8] = lanes_odd_8(a[i], a[i + 8])
            a[i] = b


cdef inline void transpose_block(
    const real *source, Py_ssize_t source_row, real *out, Py_ssize_t out_row,
) noexcept nogil:
    """out[c, r] = source[r, c], LANES x LANES."""
    cdef lanes_t a[16]
    cdef int i
    for i in range(LANES):
        a[i] = lanes_load(source + i * source_row)
    shuffle(LANES, a)
    for i in range(LANES):
        lanes_store(out + i * out_row, a[i])


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
        elif width == LANES:
            a[i] = lanes_load(source + i * source_row)
        else:
            memcpy(corner, source + i * source_row, width * sizeof(real))
            a[i] = lanes_load(corner)
    shuffle(LANES, a)
    for i in range(width):
        if padded:
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
    rows of `out` are padded to whole registers."""
    cdef Py_ssize_t r, c, height, width, i
    r = 0
    while r < rows:
        height = min(rows - r, <Py_ssize_t>LANES)
        c = 0
        while c < columns:
            width = min(columns - c, <Py_ssize_t>LANES)
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
