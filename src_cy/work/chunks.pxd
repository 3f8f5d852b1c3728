"""The one way through samples, for networks and circuits: how they are cut, shared out and summed.

The samples are cut into tiles, and the tiles into chunks, by m and by what is computed alone. Each
chunk has sums of its own, which are added up in a fixed order in the end. Threads only choose who
computes a chunk, so that results have the same bits for every number of threads.

    cut_samples     m samples -> tiles and chunks
    share           the items of some work, chunks or others, shared out among threads
    next_tile       the tiles of one chunk, one after the other; Ctrl-C is looked for in between
    add_in_tree     the sums of the chunks -> one sum
"""
from fastbp._threads cimport item_t, parallel_for
from work.polling cimport Polling, poll, start_polling


cdef struct Cut:
    Py_ssize_t m
    Py_ssize_t tile             # samples that are computed at once
    Py_ssize_t grain            # samples; a chunk begins at a multiple of them
    Py_ssize_t n_grains
    Py_ssize_t n_chunks
    Py_ssize_t poll_tiles       # after so many Ctrl-C is looked for


# What is shared out, of an evaluation that is cut so. Every context of `share` begins with it.
cdef struct Work:
    Polling polling             # first: see polling.pxd
    const Cut *cut
    int n_threads               # at most
    Py_ssize_t missing          # items that were not done, since the process has forked


# A tile of a chunk.
cdef struct Tile:
    Work *work
    int worker
    Py_ssize_t number           # among those of the chunk
    Py_ssize_t start            # its first sample
    Py_ssize_t count            # its samples
    Py_ssize_t end              # the first sample behind the chunk


cdef inline Cut cut_samples(
    Py_ssize_t m, Py_ssize_t tile, Py_ssize_t grain, Py_ssize_t most,
) noexcept nogil:
    """Tiles, and chunks of whole grains, `most` of them at most."""
    cdef Cut cut
    cut.m = m
    cut.tile = tile
    cut.grain = grain
    cut.n_grains = (m + grain - 1) // grain
    cut.n_chunks = min(cut.n_grains, most)
    cut.poll_tiles = 1
    return cut


cdef inline int threads_worth(int asked, Py_ssize_t items, double work) noexcept nogil:
    """How many threads to share items among: 1, and one more for each unit of work."""
    return <int>max(1.0, min(min(<double>asked, <double>items), 1 + work))


cdef inline void start_work(Work *work, long long start) noexcept nogil:
    """It is `start` now, and all is still to be done."""
    start_polling(&work.polling, start)
    work.missing = 0


cdef inline bint is_whole(const Work *work) noexcept nogil:
    """Whether all that was shared out was done: nobody gave up, and the process has not forked."""
    return work.missing == 0 and not work.polling.stopped


cdef inline bint share(
    Work *work, item_t run, Py_ssize_t n_items, int n_threads,
) noexcept nogil:
    """run(work, worker, item) for each item; none if the work is not whole any more. Returns
    whether it is."""
    if not is_whole(work):
        return False
    if n_items == 1:        # not worth asking the pool
        run(work, 0, 0)
    else:
        work.missing = parallel_for(run, poll, work, n_items, n_threads)
    return is_whole(work)


cdef inline void before_tiles(
    Work *work, int worker, Py_ssize_t chunk, Tile *tile,
) noexcept nogil:
    """The place before the first tile of a chunk."""
    cdef const Cut *cut = work.cut
    tile.work = work
    tile.worker = worker
    tile.number = -1
    tile.start = chunk * cut.n_grains // cut.n_chunks * cut.grain
    tile.count = 0
    tile.end = min(cut.m, (chunk + 1) * cut.n_grains // cut.n_chunks * cut.grain)


cdef inline bint next_tile(Tile *tile) noexcept nogil:
    """Goes on to the next tile. False where there is none, or the work was stopped."""
    cdef const Cut *cut = tile.work.cut
    if (tile.worker == 0 and tile.number >= 0 and cut.m > cut.tile
            and tile.number % cut.poll_tiles == 0):
        poll(tile.work)
    tile.number += 1
    tile.start += tile.count
    tile.count = min(cut.tile, tile.end - tile.start)
    return tile.count > 0 and not tile.work.polling.stopped


cdef inline bint is_last(const Tile *tile) noexcept nogil:
    """Whether it is the last of its chunk."""
    return tile.start + tile.count == tile.end


cdef inline void add_in_tree(
    Py_ssize_t n_chunks, Py_ssize_t row, Py_ssize_t n, Py_ssize_t step, double *sums,
) noexcept nogil:
    """sums[i step] += the same of all chunks, which lie `row` apart, for i < n: in a tree that
    depends on the number of chunks alone."""
    cdef Py_ssize_t c, i, width = 1
    while width < n_chunks:
        c = 0
        while c + width < n_chunks:
            for i in range(n):
                sums[c * row + i * step] += sums[(c + width) * row + i * step]
            c += 2 * width
        width *= 2
