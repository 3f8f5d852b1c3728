"""One module per library. Each has some of

call(case)      -> a callable: float64 vector -> (float, fresh float64 gradient)
buffers(case)   -> (run, p, value, gradient): run() reads the buffer p and writes the others
each(x, y)      -> a callable: (a, b, c) -> values and gradients of the neuron at every sample,
                   (m,) and (3, m)
mean(x, y)      -> a callable: (a, b, c) -> float, (3,): the mean of these
each_in_place, mean_in_place   -> the same in another way

Conversions that a user of the library would need are inside the callables.
"""

NAMES = ("fastbp", "casadi", "jax", "autograd", "micrograd", "numpy")
