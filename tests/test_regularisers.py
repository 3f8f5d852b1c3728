"""Every regulariser of the table, against mpmath and complex steps; what is made of them."""

import pickle

import mpmath
import numpy as np
import pytest
from scipy.optimize import least_squares, minimize

import fastbp
from fastbp.regularisers import REGULARISERS

RNG = np.random.default_rng(0)
NET = fastbp.mlp(4, 3, 5, 2, hidden="tanh")
X, Y = RNG.standard_normal((30, 4)), RNG.standard_normal((30, 2))
OBJECTIVE = NET.objective(X, Y, sample_weight=np.linspace(0.5, 2, 30))
M = np.linspace(0.5, 2, 30).sum()
P = NET.n_parameters
THETA = RNG.standard_normal(P)
TOWARDS = RNG.standard_normal(P)
STRENGTHS = {"number": (0.7, [0.7, 0.7, 0.7]), "sequence": ([0.3, 0.0, 2.0], [0.3, 0.0, 2.0]),
             "dict": ({2: 1.5}, [0.0, 1.5, 0.0])}  # fmt: skip


def groups(name, biases):
    """Index arrays of theta, layer by layer, written from the matrices."""
    places = NET.unpack(np.arange(P))
    for layer, Theta in enumerate(places):
        block = Theta if biases else Theta[:, 1:]
        if name == "group_inputs":
            yield from ((layer, column) for column in block.T)
        elif name == "group_units":
            yield from ((layer, row) for row in block)
        else:
            yield from ((layer, np.array([j])) for j in block.ravel())


def value(name, theta, towards, eps, strength, biases, root):
    """P of one regulariser, with numbers that `root` understands."""
    total = 0
    for layer, places in groups(name, biases):
        squares = sum((theta[int(j)] - towards[int(j)]) ** 2 for j in places)
        if strength[layer]:
            p = squares / 2 if name == "l2" else root(squares + eps * eps) - eps
            total = total + strength[layer] * p
    return total / M


@pytest.mark.parametrize("how", STRENGTHS)
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("eps", [0.0, 1e-3, 0.5])
@pytest.mark.parametrize("name", REGULARISERS)
def test_value_slope_and_curvature(name, eps, biases, how):
    given, strength = STRENGTHS[how]
    objective = OBJECTIVE.with_penalty(**{name: given}, biases=biases, smooth=eps, towards=TOWARDS)
    penalty = objective.terms[1][1]
    J, D = penalty(THETA)
    with mpmath.workdps(40):
        numbers = [mpmath.mpf(float(x)) for x in THETA]
        towards = [mpmath.mpf(float(x)) for x in TOWARDS]
        exact = value(name, numbers, towards, mpmath.mpf(eps), strength, biases, mpmath.sqrt)
        assert abs(J - exact) <= 1e-14 * abs(exact)
        v = [mpmath.mpf(float(x)) for x in RNG.standard_normal(P)]

        def along(h):
            moved = [a + h * b for a, b in zip(numbers, v, strict=True)]
            return value(name, moved, towards, mpmath.mpf(eps), strength, biases, mpmath.sqrt)

        slope, curvature = mpmath.diff(along, 0), mpmath.diff(along, 0, 2)
    direction = np.array([float(x) for x in v])
    assert abs(D @ direction - float(slope)) <= 1e-12 * np.abs(D * direction).sum()
    H = penalty.hessian(THETA)
    assert abs(direction @ H @ direction - float(curvature)) <= 1e-11 * (1 + abs(float(curvature)))
    assert (H == H.T).all()
    assert np.linalg.eigvalsh(H).min() >= -1e-14 * max(1, np.abs(H).max())
    assert np.allclose(np.diag(H), penalty.hessian_diagonal(THETA), rtol=1e-13, atol=1e-15)
    V = RNG.standard_normal((P, 3))
    assert np.allclose(penalty.hessp(THETA, V), H @ V, rtol=1e-12, atol=1e-14)
    assert np.allclose(penalty.hessp(THETA, V[:, 0]), H @ V[:, 0], rtol=1e-12, atol=1e-14)
    for j in range(P):  # complex steps, exact where lengths are not 0
        step = THETA.astype(complex)
        step[j] += 1e-100j
        found = np.imag(value(name, step, TOWARDS, eps, strength, biases, _root)) / 1e-100
        assert abs(D[j] - found) <= 1e-13 * (1 + abs(found))
    again = pickle.loads(pickle.dumps(objective))
    assert again(THETA)[0] == objective(THETA)[0]


def _root(z):
    return np.sqrt(z + 0j)


@pytest.mark.parametrize("name", REGULARISERS)
def test_at_the_kink(name):
    """At d = 0 the slope is the subgradient of least norm, 0; nothing is nan, nothing warns."""
    for eps in (0.0, 1e-3):
        penalty = OBJECTIVE.with_penalty(**{name: 2.0}, smooth=eps, towards=THETA).terms[1][1]
        J, D = penalty(THETA)
        assert J == 0
        assert (D == 0).all()
        assert np.isfinite(penalty.hessian(THETA)).all()
        assert np.isfinite(penalty.hessp(THETA, THETA)).all()
    tiny = np.where(np.arange(P) == 2, 1e-200, 0)
    penalty = OBJECTIVE.with_penalty(**{name: 2.0}).terms[1][1]
    assert abs(penalty(tiny)[1][2]) == pytest.approx(2e-200 / M if name == "l2" else 2 / M)
    huge = penalty(np.full(P, 1e200))
    assert huge[0] == (np.inf if name == "l2" else pytest.approx(huge[0]))
    assert np.isfinite(huge[1]).all()


def test_groups_are_left_out_as_a_whole():
    net = fastbp.mlp(5, 1)
    x = RNG.standard_normal((200, 5))
    y = x[:, 0] - 2 * x[:, 3]
    for smooth in (1e-4, 0):
        objective = net.objective(x, y).with_penalty(group_inputs=20.0, smooth=smooth)
        best = minimize(objective, net.init(seed=0), jac=True, method="L-BFGS-B").x
        W = net.unpack(best)[0][0, 1:]
        assert (abs(W[[1, 2, 4]]) < 1e-3).all()
        assert (abs(W[[0, 3]]) > 0.5).all()


def test_elastic_net_is_both():
    J, D = OBJECTIVE.with_penalty(l2=0.4, l1=0.3)(THETA)
    J2, D2 = OBJECTIVE.with_penalty(l2=0.4)(THETA)
    J1, D1 = OBJECTIVE.with_penalty(l1=0.3)(THETA)
    J0, D0 = OBJECTIVE(THETA)
    assert np.isclose(J - J0, (J1 - J0) + (J2 - J0))
    assert np.allclose(D - D0, (D1 - D0) + (D2 - D0))


def test_all_of_it_composed():
    total = (OBJECTIVE + 0.5 * OBJECTIVE).with_penalty(
        l2=[1, 2, 3], l1=0.1, group_units={1: 0.2}, group_inputs=0.3, smooth=0.01
    )
    part = total.frozen("layer 2 weights", THETA)
    for objective, at in ((total, THETA), (part, part.reduce(THETA))):
        assert fastbp.check_gradient(objective, at)
        assert fastbp.check_hessp(objective, at)
        n = objective.n_parameters
        H = objective.hessian(at)
        assert np.allclose(objective.hessp(at, np.eye(n)), H, rtol=1e-11, atol=1e-13)
        assert np.allclose(objective.hessian_diagonal(at), np.diag(H), rtol=1e-11, atol=1e-13)
        G = objective.gauss_newton_product(at, np.eye(n))
        assert np.linalg.eigvalsh(0.5 * (G + G.T)).min() >= -1e-12
    fit = fastbp.levenberg_marquardt(total, THETA)
    assert np.abs(total(fit.x)[1]).max() < 1e-5


def test_residuals_of_what_is_a_square():
    total = (2 * OBJECTIVE).with_penalty(l2={1: 0.5, 3: 2.0}, towards=TOWARDS, biases=True)
    part = total.frozen("layer 1 bias", THETA)
    for objective, at in ((total, THETA), (part, part.reduce(THETA))):
        r, R = objective.residuals(at), objective.jacobian(at)
        J, D = objective(at)
        assert np.isclose(r @ r / 2, J, rtol=1e-13)
        assert np.allclose(R.T @ r, D, rtol=1e-11, atol=1e-13)
        assert R.shape == (len(r), objective.n_parameters)
        assert fastbp.check_jacobian(objective, at)
    fit = least_squares(total.residuals, THETA, jac=total.jacobian, max_nfev=4)
    assert np.isclose(fit.cost, total.cost(fit.x), rtol=1e-12)
    assert fit.cost < 0.5 * total.cost(THETA)
    smooth = OBJECTIVE.with_penalty(l2=1, l1=0.1, group_units=1)
    with pytest.raises(ValueError, match="the penalty l1 and group_units is no square"):
        smooth.residuals(THETA)
    with pytest.raises(ValueError, match="the penalty l1 and group_units is no square"):
        smooth.jacobian(THETA)
    assert not hasattr(OBJECTIVE - OBJECTIVE, "residuals")
    with pytest.raises(AttributeError, match="what is taken away is no square"):
        (OBJECTIVE - 2 * OBJECTIVE).residuals  # noqa: B018
    with pytest.raises(AttributeError, match="no residuals: a part has none"):
        (OBJECTIVE + (lambda theta: (0.0, theta))).residuals  # noqa: B018


def test_recurrent_and_convolutional_layers():
    net = fastbp.Network(
        [fastbp.LSTM(2, 3, bidirectional=True), fastbp.Dense(None, 2)], input_shape=(4, 2)
    )
    x, y = RNG.standard_normal((5, 4, 2)), RNG.standard_normal((5, 2))
    theta = net.init(seed=0)
    J = net.objective(x, y, l2=0).with_penalty(group_units=[1, 0])(theta)[0]
    expected = sum(np.linalg.norm(Theta[:, 1:], axis=1).sum() for Theta in net.unpack(theta)[:2])
    assert np.isclose(J - net.objective(x, y, l2=0).cost(theta), expected / 5)


def test_refusals():
    for given, kind, text in (
        ({"l2": -1}, ValueError, "l2 must be a finite number >= 0"),
        ({"l1": "a"}, TypeError, "l1 must be one number"),
        ({"l2": [1, 2]}, ValueError, r"l2 has 2 strengths for 3 layers .*layers 1, 2, 3"),
        ({"l2": {4: 1}}, ValueError, "l2 has layer 4; those with parameters are 1, 2, 3"),
        ({"l2": {"1": 1}}, TypeError, "l2 has the key '1'; layers are numbers"),
        ({"l1": {1: -2}}, ValueError, "l1 of layer 1 must be a finite number >= 0"),
        ({"l1": 1, "smooth": -1}, ValueError, "smooth must be a finite number >= 0"),
        ({"group_units": np.nan}, ValueError, "group_units must be a finite number >= 0"),
    ):
        with pytest.raises(kind, match=text):
            OBJECTIVE.with_penalty(**given)
    w = fastbp.variables("w", 3)
    circuit = fastbp.circuit(np.sum(w**2), wrt=[w]).objective()
    with pytest.raises(ValueError, match="this objective has no layers: give one number"):
        circuit.with_penalty(l2=[1, 2])
    with pytest.raises(ValueError, match="group_units is of the units of whole layers"):
        circuit.with_penalty(group_units=1)
    torn = np.zeros(P, bool)
    torn[3] = True
    with pytest.raises(ValueError, match="penalise the network's objective before it is frozen"):
        OBJECTIVE.frozen(torn).with_penalty(group_inputs=1)
    assert "l1=[1, 2, 3]" in repr(OBJECTIVE.with_penalty(l1=[1, 2, 3]))
