"""What dy means: what the derivatives of the outputs by the inputs should be; and their share in
what an objective has beyond cost and gradient."""

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import validate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastbp._core.interface import BoundNetwork
    from fastbp.network import Network


def read(dy: Any, network: "Network", m: int) -> "NDArray[Any] | None":
    """dy as the engine reads it: C-contiguous (m, K n) of the network's dtype, finite.

    It has the shape of `net.input_jacobian(theta, X)`, or, of one output, that of
    `net.input_gradient(theta, X)`; the numbers of a sample and of its outputs may be flat.

    Raises
    ------
    TypeError, ValueError
        If it is no array of finite numbers of such a shape.
    """
    if dy is None:
        return None
    array = validate.numbers(dy, "dy")
    outputs, inputs = network.output_shape, network.input_shape
    K, n = prod(outputs), prod(inputs)
    ways_out = [outputs, (K,)] if K > 1 else [outputs, (K,), ()]
    if array.shape not in {(m, *o, *i) for o in ways_out for i in (inputs, (n,))}:
        shorter = f", or {(m, *inputs)}, as there is one output" if K == 1 else ""
        raise ValueError(
            f"dy has shape {array.shape}; expected {(m, *outputs, *inputs)}, the derivatives of "
            f"the outputs by the inputs as net.input_jacobian(theta, X) gives them{shorter}"
        )
    real = network.dtype
    in_place = array.dtype == real and array.flags.c_contiguous and array.flags.aligned
    return validate.finite_reals(array, real, "dy", bool(in_place), dy).reshape(m, K * n)


def add_products(
    problem: "BoundNetwork", theta: Any, directions: "NDArray[np.float64]", gauss_newton: bool,
    products: "NDArray[np.float64]",
) -> None:  # fmt: skip
    """Adds the share of the slopes to products with the Hessian or, R'R with their Jacobian R by
    theta, the Gauss-Newton matrix."""
    for direction, product in zip(directions, products, strict=True):
        if not gauss_newton:
            product += problem.slope_hessian_product(theta, direction)
            continue
        rows = problem.rows_of(theta, "slope_product", direction)
        product += problem.residual_transpose(theta, rows, True)
