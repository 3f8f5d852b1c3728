"""What do classes weigh: one weight for each sample, of the class that y says it is of."""

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fastbp import validate
from fastbp.missing import NO_LABEL
from fastbp.targets import CLASSIFIERS, name_of
from fastbp.words import listed, where

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp.network import Network

FORMS = "class_weight is 'balanced', or a dict of label: weight"


def sample_weight(
    given: Any,
    network: "Network",
    labels: "NDArray[np.int64] | None",
    targets: "NDArray[Any] | None",
    weights: Any,
) -> Any:
    """Sample weights, (m,) of float64, times the weight of each sample's class.

        w_i = v_i c(y_i),   "balanced": c(k) = m / (K n_k)

    with the K classes that there are in y, n_k samples of class k, and m of all of them (as
    scikit-learn has it). c = 1 for a class that a dict does not name, and where a label is missing.

    given : what the caller calls class_weight; None leaves the weights as they are
    labels, targets : y as the engine reads it
    weights : v, what the caller gives as sample_weight, or None
    """
    if given is None:
        return weights
    classes = _classes(network, labels, targets)
    # Of one output y is -1 and 1 before hinge, whether the caller has written -1 or 0.
    n_classes = max(2, network._outputs_shape[-1])
    if isinstance(given, str) and given == "balanced":
        counts = np.bincount(classes[classes != NO_LABEL], minlength=n_classes)
        with np.errstate(divide="ignore"):
            each = counts.sum() / (np.count_nonzero(counts) * counts.astype(np.float64))
    elif isinstance(given, dict):
        each = _of_dict(given, network, n_classes)
    else:
        _refuse(given)
    own = np.where(classes == NO_LABEL, 1.0, each[classes])
    base = validate.sample_weight(weights, len(classes))
    return own if base is None else own * base


def _classes(
    network: "Network", labels: "NDArray[np.int64] | None", targets: "NDArray[Any] | None"
) -> "NDArray[np.int64]":
    """The class of each sample, NO_LABEL where it is missing."""
    if labels is not None and labels.ndim == 1:
        return labels
    if labels is not None or len(network._outputs_shape) > 1:
        raise ValueError(
            "class_weight is of whole samples, and y has a label for each step of a sequence; "
            "weigh the samples by sample_weight="
        )
    assert targets is not None
    if targets.shape[1] > 1 or name_of(network) not in CLASSIFIERS:
        advice = f"loss {network.loss!r} takes no classes; weigh the samples by sample_weight="
        if name_of(network) in CLASSIFIERS:
            advice = "give labels 0..K-1, one for each sample, or weigh the samples by"
            advice += " sample_weight="
        raise ValueError(f"class_weight needs labels, and y has targets; {advice}")
    flat = targets[:, 0]
    known = ~np.isnan(flat)
    low = -1 if np.any(flat[known] < 0) else 0
    wrong = known & (flat != low) & (flat != 1)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"class_weight needs labels 0 and 1, and y is {flat[row]:g} at {where((row,))}, a "
            "probability; weigh the samples by sample_weight="
        )
    return np.where(known, flat == 1, NO_LABEL).astype(np.int64)


def _of_dict(given: dict[Any, Any], network: "Network", n_classes: int) -> "NDArray[np.float64]":
    each = np.ones(n_classes)
    signed = n_classes == 2 and -1 in given and network._outputs_shape[-1] == 1
    known = [-1, 1] if signed else list(range(n_classes))
    for label, weight in given.items():
        if isinstance(label, bool) or not isinstance(label, int | np.integer):
            raise TypeError(
                f"class_weight has the key {label!r}; labels are integers, here "
                f"{listed(list(map(str, known)))}"
            )
        if label not in known:
            raise ValueError(
                f"class_weight has label {label}, but the network's classes are "
                f"{listed(list(map(str, known)))}"
            )
        each[known.index(int(label))] = validate.non_negative(weight, f"class_weight[{label}]")
    return each


def _refuse(given: Any) -> NoReturn:
    if isinstance(given, str):
        raise ValueError(f"unknown class_weight {given!r}; {FORMS}")
    advice = ""
    if isinstance(given, list | tuple | np.ndarray):
        advice = "; for a list of weights, label by label: dict(enumerate(weights))"
    raise TypeError(f"{FORMS}, got {validate.described(given)}{advice}")
