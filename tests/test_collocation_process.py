"""Collocations and processes: Ctrl-C in the middle, forked children, memory, many threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from processes import POSIX, run
from test_collocation_objective import POINTS, THETA, problem

MAKE = """
def bind_points(m, n_threads, width=60):
    net = fastbp.mlp(3, width, width, 1, hidden="tanh")
    x, y, z, u = net.symbols("x y z", "u")
    nu = fastbp.variable("nu")
    points = np.resize(np.random.default_rng(0).normal(size=(1000, 3)), (m, 3))
    residuals = [u.d(x) + u * u.d(y, y) - nu * u.d(x, z), u.d(z, z) - u]
    return net.collocation(points, residuals, n_threads=n_threads), np.append(net.init(seed=0), 0.3)
"""


@POSIX
@pytest.mark.parametrize("name", ["__call__", "cost", "residuals", "_gauss_newton_matrix"])
def test_ctrl_c_stops_it_in_the_middle(name):
    run(f"""{MAKE}
def make(m):
    global objective, theta
    objective, theta = bind_points(m, 2, 10 if "matrix" in "{name}" else 60)
    function = getattr(objective, "{name}")
    return lambda: function(theta), lambda: objective.n_evaluations
m = stop_in_the_middle(make, 2_000)
fresh, _ = bind_points(m, 2, 10 if "matrix" in "{name}" else 60)
assert bits(objective, theta) == bits(fresh, theta)
""")


@POSIX
def test_a_forked_child_goes_on():
    run(f"""{MAKE}
objective, theta = bind_points(3000, 2)
want = bits(objective, theta)
child = os.fork()
if child == 0:
    os._exit(bits(objective, theta) != want)
finish(child)
assert bits(objective, theta) == want
""")


@POSIX
def test_memory_does_not_grow_with_the_points():
    run(f"""{MAKE}
objective, theta = bind_points(300_000, 2, 20)
objective(theta), objective._gauss_newton_matrix(theta)
objective.gauss_newton_product(theta, theta)
restore = limit_memory(50 * 2**20)        # R has 2.6 GB
objective(theta), objective._gauss_newton_matrix(theta)
objective.gauss_newton_product(theta, theta)
restore()
""")


def test_many_threads_share_a_collocation():
    objective = problem(POINTS, n_threads=2)
    thetas = [THETA + 0.01 * k for k in range(8)]
    want = [objective(theta) for theta in thetas]
    matrix = objective._gauss_newton_matrix(THETA)

    def work(k):
        for _ in range(20):
            J, D = objective(thetas[k])
            assert want[k][0] == J
            assert np.array_equal(D, want[k][1])
            assert np.array_equal(objective._gauss_newton_matrix(THETA), matrix)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
