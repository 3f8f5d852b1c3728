"""One module per library: derivatives beyond the gradient. Each has

    product(case, V)        -> a callable: theta -> the Hessian of the cost times V, of the shape of
                               V: one direction (P,), or k of them in columns (P, k)
    input_gradient(case)    -> a callable: theta -> da/dX of a network of one output, like X
    burgers(case)           -> a callable: theta -> the gradient of the mean of half the squares of
                               u_t + u u_x - nu u_xx at X = (x, t), and ten times that of u - y
                               at the edge
    jacobian(case)          -> a callable: theta -> that of the residuals by theta, (m, P)

theta and its directions are in the library's own order, as in `peers`; what is returned is NumPy's.
"""

NAMES = ("fastbp", "jax", "torch")
