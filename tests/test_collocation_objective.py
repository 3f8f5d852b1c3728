"""What a collocation keeps as an objective: bits, rows, weights, sums, pickles, errors."""

import copy
import math
import pickle

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize
from test_collocation import close, every_kind, net_of, theta_of

import fastbp
from fastbp import Dense, Network

RNG = np.random.default_rng(4)
NET = net_of("tanh", widths=(2, 9, 5, 2))
P = NET.n_parameters
POINTS = RNG.normal(size=(700, 2))
P_Q = fastbp.variables("p q")
THETA = theta_of(NET, 2)
WEIGHTS = RNG.integers(0, 4, 700).astype(float)


def problem(points=POINTS, net=NET, **settings):
    return net.collocation(points, every_kind(net, P_Q), **settings)


def same(found, expected):
    assert found[0] == expected[0]
    assert np.array_equal(found[1], expected[1])


# Bits


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [5, 700])
def test_bits_do_not_depend_on_the_number_of_threads(m, dtype):
    net = net_of("tanh", widths=(2, 9, 5, 2), dtype=dtype)
    points = np.tile(POINTS, (6, 1))[: m * 6]
    alone = problem(points, net, n_threads=1)
    V = np.ascontiguousarray(RNG.normal(size=(len(THETA), 3)))
    for n_threads in range(2, 9):
        other = problem(points, net, n_threads=n_threads)
        same(other(THETA), alone(THETA))
        assert np.array_equal(other.residuals(THETA), alone.residuals(THETA))
        assert np.array_equal(other.jacobian(THETA), alone.jacobian(THETA))
        assert np.array_equal(other._gauss_newton_matrix(THETA), alone._gauss_newton_matrix(THETA))
        assert np.array_equal(
            other.gauss_newton_product(THETA, V), alone.gauss_newton_product(THETA, V)
        )


def test_every_way_of_asking_gives_the_same():
    J, D = problem()(THETA)
    objective = problem()
    out = np.empty_like(THETA)
    assert type(J) is float
    assert D.dtype == np.float64
    assert D is not objective(THETA)[1]
    assert objective.cost(THETA) == objective.fun(THETA) == objective.into(THETA, out) == J
    assert np.array_equal(objective.jac(THETA), D)
    assert np.array_equal(out, D)
    same(objective(THETA.tolist()), (J, D))
    same(objective(THETA[::-1].copy()[::-1]), (J, D))
    assert objective.n_evaluations > 0 < objective.seconds


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(way):
    objective = problem(sample_weight=WEIGHTS, l2=0.3, data=None)
    other = way(objective)
    same(other(THETA), objective(THETA))
    assert other.parameters == ("p", "q")
    x, t, u, v = NET.symbols("x t", "u v")
    residual = u.d(x, t) - v
    again = pickle.loads(pickle.dumps([residual, u, x, t]))
    assert again[1].d(again[2], again[3]) is again[1].d(again[3], again[2])
    same(NET.collocation(POINTS, again[0] + again[1].d(again[2], again[3]))(THETA[:-2]),
         NET.collocation(POINTS, residual + u.d(x, t))(THETA[:-2]))  # fmt: skip


# Rows, weights, data


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "rows", [slice(3, 90), slice(None, None, -7), [5, -1, 5, 300], np.arange(700) % 3 == 0]
)
def test_rows_are_a_collocation_of_their_points(rows, weighted):
    w = WEIGHTS + 1 if weighted else None
    column = np.cos(POINTS[:, 0])

    def of(points, weights, values):
        x, t, u, v = NET.symbols("x t", "u v")
        return NET.collocation(
            points, u.d(x, x) + v.d(t) - fastbp.variable("f"), {"f": values}, sample_weight=weights
        )

    whole, theta = of(POINTS, w, column), THETA[:-2]
    part = of(POINTS[rows], None if w is None else w[rows], column[rows])
    same(whole(theta, rows), part(theta))
    assert whole.fun(theta, rows) == part.fun(theta)
    assert whole.parameters == ()


def test_weights_are_repetitions():
    weighted = problem(sample_weight=WEIGHTS)
    repeated = problem(np.repeat(POINTS, WEIGHTS.astype(int), axis=0))
    for found, expected in zip(weighted(THETA), repeated(THETA), strict=True):
        close(found, expected)
    close(weighted._gauss_newton_matrix(THETA), repeated._gauss_newton_matrix(THETA))


def test_a_weight_of_0_leaves_its_point_out():
    points, weights = POINTS.copy(), np.ones(700)
    points[13], weights[13] = 1e300, 0
    x, t, u, v = NET.symbols("x t", "u v")
    residuals = [u.d(x, x) * x**3 + v.d(x, t), v.d(t)]
    found = NET.collocation(points, residuals, sample_weight=weights)
    rest = NET.collocation(np.delete(points, 13, axis=0), residuals)
    theta = THETA[:-2]
    for one, other in zip(found(theta), rest(theta), strict=True):
        close(one, other)
    r, R = found.residuals(theta), found.jacobian(theta)
    assert np.isfinite(r).all()
    assert np.isfinite(R).all()
    close(np.delete(R, [26, 27], axis=0), rest.jacobian(theta))
    close(found._gauss_newton_matrix(theta), rest._gauss_newton_matrix(theta))


def test_data_is_columns_by_name_or_variable():
    x, t, u, v = NET.symbols("x t", "u v")
    f, g = fastbp.variables("f g")
    theta, values = THETA[:-2], np.sin(POINTS)
    written = NET.collocation(POINTS, u.d(x) * np.sin(x) - np.sin(t) + v)
    for data in ({"f": values[:, 0], "g": values[:, 1:]}, {f: values[:, 0], g: values[:, 1]}):
        found = NET.collocation(POINTS, u.d(x) * f - g + v, data)
        for one, other in zip(found(theta), written(theta), strict=True):
            close(one, other)
        same(pickle.loads(pickle.dumps(found))(theta), found(theta))


def test_overflow_is_no_exception():
    J, D = problem()(np.full(len(THETA), 1e200))
    assert not math.isfinite(J)
    assert D.shape == THETA.shape


def test_points_may_change():
    points = POINTS[:50].copy()
    objective = problem(points)
    before = objective.fun(THETA)
    points[0] += 1
    assert objective.fun(THETA) == problem(points)(THETA)[0] != before


# Sums


def test_a_sum_has_the_further_parameters_of_all_parts():
    x, _, u, v = NET.symbols("x t", "u v")
    p, q = P_Q
    a = NET.collocation(POINTS[:9], u.d(x) - q)
    b = NET.collocation(POINTS[:30], [v.d(x, x) * p - u, q * v])
    o = NET.objective(POINTS[:5], POINTS[:5] ** 2, l2=0.1)
    total = o + 10 * a + b / 2
    assert total.parameters == ("q", "p")
    assert total.n_parameters == P + 2
    theta = np.append(THETA[:-2], [0.7, -0.2])
    parts = [(1, o, np.arange(P)), (10, a, np.arange(P + 1)), (0.5, b, [*range(P), P + 1, P])]
    J = sum(factor * part(theta[at])[0] for factor, part, at in parts)
    D = np.zeros(P + 2)
    for factor, part, at in parts:
        D[at] += factor * part(theta[at])[1]
    found = total(theta)
    close(found[0], J)
    close(found[1], D)
    assert total.fun(theta) == total.cost(theta) == found[0]
    assert np.array_equal(total.jac(theta), found[1])
    assert [block.name for block in total.blocks()[-2:]] == ["q", "p"]
    report = fastbp.check_gradient(total, theta)
    assert report
    assert "q " in str(report)
    assert "p " in str(report)
    same(pickle.loads(pickle.dumps(total))(theta), found)
    G = total._gauss_newton_matrix(theta)
    close(total.gauss_newton_product(theta, theta), G @ theta)
    r, R = total.residuals(theta), total.jacobian(theta)
    close(0.5 * r @ r, J)
    close(R.T @ r, D)
    close(R.T @ R, G)
    with pytest.raises(AttributeError, match="no hessp: a part has none"):
        _ = total.hessp
    again = total + NET.collocation(POINTS[:4], u * fastbp.variable("s"))
    assert again.parameters == ("q", "p", "s")
    assert again.bounds(s=(0, 1), q=(None, 2))[-3:] == [(None, 2), (None, None), (0, 1)]
    same((a + o)(theta[:-1]), (a(theta[:-1])[0] + o(theta[:P])[0], (o + a).jac(theta[:-1])))


def test_frozen_and_penalised():
    objective = problem()
    held = objective.frozen(["q"], THETA)
    J, D = objective(THETA)
    assert held(held.reduce(THETA))[0] == J
    assert np.array_equal(held(held.reduce(THETA))[1], D[:-1])
    found = objective.with_penalty(l2=0.7)(THETA)[0]
    weights = np.concatenate([b.indices for b in objective.blocks() if b.kind != "bias"])
    close(found, J + 0.7 / 1400 * np.sum(THETA[weights] ** 2))


def test_sums_of_other_networks_are_refused():
    other = net_of("tanh", widths=(2, 3, 2))
    with pytest.raises(ValueError, match="objectives are added up on one theta"):
        problem() + other.objective(POINTS, POINTS)


# Optimisers


def test_the_optimisers_find_a_solution():
    net = net_of("tanh", widths=(1, 10, 1))
    x, u = net.symbols("x", "u")
    points = np.linspace(0, 2, 40)[:, None]
    omega = fastbp.variable("omega")
    inside = net.collocation(points, u.d(x, x) + omega**2 * u)
    data = net.objective(points, np.cos(1.5 * points))
    total = inside + data
    start = np.append(net.init(seed=1, scheme="glorot"), 1.0)
    fit = minimize(
        total, start, jac=True, method="L-BFGS-B", bounds=total.bounds(omega=(0.5, 3)),
        options={"maxiter": 200},
    )  # fmt: skip
    assert fit.fun < 1e-3
    fit = fastbp.levenberg_marquardt(total, fit.x, maxiter=300)
    assert fit.fun < 1e-9
    assert abs(fit.x[-1] - 1.5) < 1e-3
    alone = least_squares(inside.residuals, start, jac=inside.jacobian, method="lm", max_nfev=50)
    assert alone.cost < inside(start)[0]


# Refusals


def test_messages():
    x, t, u, v = NET.symbols("x t", "u v")
    y = fastbp.variable("y")
    bad = POINTS.copy()
    bad[7, 1] = np.nan
    clash = fastbp.variable("x")
    for make, kind, words in [
        (lambda: u.d(), TypeError, "d needs inputs"),
        (lambda: u.d(y), TypeError, "derivatives are by inputs of the network, got y"),
        (lambda: u.d(v), TypeError, "derivatives are by inputs of the network, got v"),
        (lambda: u.d(1.0), TypeError, "by inputs of the network, got 1.0"),
        (lambda: u.d(x, x, t), ValueError, r"u.d\(x, x\) by t is a third derivative"),
        (lambda: (u.d(x, t) * u).d(x), ValueError, "third derivative"),
        (lambda: u.d(NET.symbols("x t", "u v")[0]), ValueError, "symbols of two calls"),
        (lambda: NET.symbols("x", 3), TypeError, "names of outputs must be one str"),
        (lambda: NET.symbols("x y z", "u v"), ValueError, "3 names of inputs, .* has 2"),
        (lambda: NET.symbols("x x", "u v"), ValueError, "a name comes twice in 'x x'"),
        (lambda: NET.symbols("x t", "u x"), ValueError, "'x' is the name of an input and"),
        (lambda: NET.collocation(POINTS, x * y), ValueError, r"x\*y has no output of the network"),
        (lambda: NET.collocation(POINTS, [u, x]), ValueError, "the residual x has no output"),
        (lambda: NET.collocation(POINTS, []), ValueError, "there is no residual"),
        (lambda: NET.collocation(POINTS, 3.0), TypeError, "a residual is an expression"),
        (lambda: NET.collocation(POINTS, [u, "v"]), TypeError, "got 'v'"),
        (lambda: NET.collocation(POINTS, clash * u.d(x) + x), ValueError, "named 'x'"),
        (lambda: NET.collocation(POINTS[:, :1], u), ValueError, "has 2 inputs"),
        (lambda: NET.collocation(POINTS[:0], u), ValueError, "no samples"),
        (lambda: NET.collocation(bad, u), ValueError, "nan at row 7, column 1"),
        (lambda: NET.collocation(POINTS, u, {"f": POINTS[:, 0]}), ValueError, "has 'f', which no"),
        (lambda: NET.collocation(POINTS, u - y, {"y": [1.0]}), ValueError, r"expected \(700,\)"),
        (lambda: NET.collocation(POINTS, u - y, {"y": bad[:, 1]}), ValueError, "y is nan"),
        (lambda: NET.collocation(POINTS, u * x, {"x": bad[:, 1] * 0 + 1}), ValueError, "x is nan"),
        (lambda: NET.collocation(POINTS, u * x, {"x": POINTS[:, 1]}), ValueError, "is a symbol"),
        (lambda: NET.collocation(POINTS, u, [1]), TypeError, "data must be a mapping"),
        (lambda: NET.collocation(POINTS, u, l2=-1), ValueError, "l2"),
        (lambda: NET.collocation(POINTS, u, sample_weight=[1]), ValueError, "sample_weight"),
        (lambda: problem()(THETA[:-1]), ValueError,
         r"(?s)expected \(91,\), as theta.*behind it: p, q"),
        (lambda: problem().hessp(THETA, THETA), AttributeError, "fastbp.levenberg_marquardt"),
        (lambda: problem().sample_gradients(THETA), AttributeError, "jacobian has a row"),
        (lambda: problem().bounds(r=(0, 1)), ValueError, "r"),
        (lambda: problem().bounds(p=3), TypeError, "a pair"),
        (lambda: net_of("tanh", widths=(3, 2)).collocation(POINTS, u), ValueError,
         "X has shape|network of 2 inputs"),
        (lambda: Network([Dense(2, 3)]).collocation(POINTS, u), ValueError,
         "a network of 2 inputs and 2 outputs; this one has 2 and 3"),
    ]:  # fmt: skip
        with pytest.raises(kind, match=words):
            make()


def test_a_word_about_itself():
    text = repr(problem())
    assert "2-9-5-2 and p, q, 2 residuals, 700 samples" in text
    assert problem().n_residuals == 2
    assert problem().n_samples == 700
