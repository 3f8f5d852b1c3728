"""scikit-learn: the objective inside MLPClassifier/MLPRegressor(solver="lbfgs").

It is private, so this file reaches into the estimator the way its own fit does.
"""

import itertools

import numpy as np
from layouts import coefs_then_intercepts as ORDER  # noqa: F401
from sklearn.neural_network import MLPRegressor

from peers import Unsupported, dense_only

HIDDEN = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
OUTPUT = {
    ("sigmoid", "cross_entropy"): ("logistic", "log_loss"),
    ("softmax", "cross_entropy"): ("softmax", "log_loss"),
    ("identity", "squared_error"): ("identity", "squared_error"),
}


def prepare(case):
    dense_only(case)
    widths, dtype = case.widths, np.dtype(case.dtype)
    if (case.output, case.loss) not in OUTPUT:
        raise Unsupported(f"no {case.output} output with {case.loss}")
    if case.loss == "squared_error" and widths[-1] > 1:
        raise Unsupported("its squared error is a mean over outputs")
    model = MLPRegressor(widths[1:-1], activation=HIDDEN[case.hidden], alpha=case.l2)
    model._random_state = np.random.RandomState(0)
    model._initialize(case.targets, list(widths), dtype)
    model.out_activation_, model.loss = OUTPUT[case.output, case.loss]
    model._coef_indptr, model._intercept_indptr = [], []
    start = 0
    for shape in itertools.pairwise(widths):
        model._coef_indptr.append((start, start + shape[0] * shape[1], shape))
        start += shape[0] * shape[1]
    for width in widths[1:]:
        model._intercept_indptr.append((start, start + width))
        start += width
    depth = len(widths) - 1
    activations, deltas = [case.X] + [None] * depth, [None] * depth
    coef_grads, intercept_grads = [None] * depth, [None] * depth

    def evaluate(theta):
        cost, gradient = model._loss_grad_lbfgs(
            theta.astype(dtype, copy=False),
            case.X,
            case.targets,
            None,
            activations,
            deltas,
            coef_grads,
            intercept_grads,
        )
        return float(cost), gradient.astype(np.float64, copy=False)

    return evaluate
