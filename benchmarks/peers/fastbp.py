"""fastbp: the objective itself is the callable; threads come from FASTBP_NUM_THREADS."""

from layouts import bias_first as ORDER  # noqa: F401

import fastbp


def prepare(case):
    net = fastbp.mlp(
        *case.widths,
        hidden=case.hidden,
        output=case.output,
        loss=case.loss,
        l2=case.l2,
        dtype=case.dtype,
    )
    return net.objective(case.X, case.targets if case.labels is None else case.labels)
