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


cdef object _parameter(const Parameter *parameter):
    """(name, usual value, low, high, whether it may be low), as in parameter.pxd."""
    return (parameter.name.decode(), parameter.usual, parameter.low, parameter.high,
            parameter.low_too)


ACTIVATIONS = tuple([activations[i].name.decode() for i in range(<int>N_ACTIVATIONS)])
OUTPUT_ONLY = tuple([activations[i].name.decode() for i in range(<int>N_ACTIVATIONS)
                     if activations[i].output_only])
INCREASING = tuple([activations[i].name.decode() for i in range(<int>N_ACTIVATIONS)
                    if activations[i].increasing])
cdef dict ACTIVATION_ROWS = {name: i for i, name in enumerate(ACTIVATIONS)}
LOSSES = _losses()
# (name, output activation; or None: any) -> row of the table
cdef dict LOSS_ROWS = {
    (losses[i].name.decode(), losses[i].output.decode() if losses[i].output else None): i
    for i in range(<int>N_LOSSES)}
SIGNED_LOSSES = tuple([losses[i].name.decode() for i in range(<int>N_LOSSES)
                       if losses[i].signed_labels])


# Name -> the parameter of an activation or a loss
PARAMETERS = {
    **{activations[i].name.decode(): _parameter(&activations[i].parameter)
       for i in range(<int>N_ACTIVATIONS) if activations[i].parameter.name},
    **{losses[i].name.decode(): _parameter(&losses[i].parameter)
       for i in range(<int>N_LOSSES) if losses[i].parameter.name},
}


cdef tuple parted(function):
    """A name, and the value of its parameter: "huber(2)" is "huber", 2. None where it is neither a
    name nor that."""
    if not isinstance(function, str):
        return None, 0.0
    name, bracket, rest = function.partition("(")
    if not bracket:
        return name, PARAMETERS.get(name, (None, 0.0))[1]
    if name not in PARAMETERS or not rest.endswith(")"):
        return None, 0.0
    try:
        value = float(rest.removesuffix(")"))
    except ValueError:
        return None, 0.0
    _, _, low, high, low_too = PARAMETERS[name]
    if not ((low <= value if low_too else low < value) and value <= high and value - value == 0):
        return None, 0.0
    return name, value


cdef object loss_row(loss, output):
    """The number of the row that computes this loss for this output activation, or None."""
    loss, output = parted(loss)[0], parted(output)[0]
    return LOSS_ROWS.get((loss, output), LOSS_ROWS.get((loss, None)))


cdef int find_loss(loss, output) except -1:
    row = loss_row(loss, output)
    if row is not None:
        return row
    raise ValueError(f"no loss {loss!r} of a {output!r} output")
