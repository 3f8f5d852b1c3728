"""fastbp: the objective itself is the callable; threads come from FASTBP_NUM_THREADS."""

from layouts import bias_first as ORDER  # noqa: F401

import fastbp


def layered(case):
    """The network of a LayerCase."""
    two = len(case.input_shape) == 3
    conv = fastbp.Conv2d if two else fastbp.Conv1d
    pool = fastbp.MaxPool2d if two else fastbp.MaxPool1d
    made = []
    for kind, size, *rest in case.layers:
        if kind == "conv":
            made.append(conv(None, size, *rest, activation="relu"))
        elif kind == "pool":
            made.append(pool(size))
        elif kind == "dense":
            made += [fastbp.Flatten(), fastbp.Dense(None, size, case.output)]
        else:
            made.append((fastbp.RNN if kind == "rnn" else fastbp.LSTM)(None, size))
    settings = {"loss": case.loss, "l2": case.l2, "dtype": case.dtype}
    return fastbp.Network(made, input_shape=case.input_shape, **settings)


def prepare(case):
    if case.layers:
        net = layered(case)
        return net.objective(case.X, case.targets if case.labels is None else case.labels)
    net = fastbp.mlp(
        *case.widths,
        hidden=case.hidden,
        output=case.output,
        loss=case.loss,
        l2=case.l2,
        dtype=case.dtype,
    )
    return net.objective(case.X, case.targets if case.labels is None else case.labels)
