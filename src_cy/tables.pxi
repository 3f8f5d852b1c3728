# The activations and losses there are, by the names the sources give them.

cdef Activation activations[<int>N_ACTIVATIONS]
cdef Loss losses[<int>N_LOSSES]
activation_table(activations)
loss_table(losses)


def _losses():
    """Name -> output activations it is computed with from z; None: any."""
    out = {}
    for i in range(<int>N_LOSSES):
        name = losses[i].name.decode()
        if losses[i].output == NULL:
            out[name] = None
        else:
            out[name] = (*out.get(name, ()), losses[i].output.decode())
    return out


ACTIVATIONS = tuple([activations[i].name.decode() for i in range(<int>N_ACTIVATIONS)])
OUTPUT_ONLY = tuple([activations[i].name.decode() for i in range(<int>N_ACTIVATIONS)
                     if activations[i].output_only])
INCREASING = tuple([activations[i].name.decode() for i in range(<int>N_ACTIVATIONS)
                    if activations[i].increasing])
LOSSES = _losses()
SIGNED_LOSSES = tuple([losses[i].name.decode() for i in range(<int>N_LOSSES)
                       if losses[i].signed_labels])


cdef int find_loss(loss, output) except -1:
    """The row that computes this loss for this output activation."""
    cdef int i
    for i in range(N_LOSSES):
        if losses[i].name.decode() == loss and (
                losses[i].output == NULL or losses[i].output.decode() == output):
            return i
    raise ValueError(f"no loss {loss!r} of a {output!r} output")
