"""An independent reference for cost and gradient: plain formulas, sample by row, any number type.

The same code runs in float64, in np.longdouble (for large problems) and on object arrays of
mpmath.mpf (for exact answers: 50 digits). It shares nothing with the compiled kernels: other
formulas where there is a choice, other order of work, whole matrices instead of tiles.
test_oracle.py checks its gradient against differences of its cost at 50 digits.
"""

from dataclasses import dataclass

import numpy as np
from loss_formulas import focal, gamma_of_log_mean, negative_binomial
from number_types import _pi, numbers

SIGNED = ("hinge", "squared_hinge")  # losses of targets -1 and +1
KINKED_ACTIVATIONS = ("relu", "leaky_relu")


# Activations -------------------------------------------------------------------------------------


def _sigmoid(f, z):
    e = f.exp(-abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _softplus(f, z):
    return np.maximum(z, 0) + f.log1p(f.exp(-abs(z)))


def _cumulative(f, z):
    """The normal distribution function."""
    half = f.array(0.5)
    return half * (1 + f.erf(z * np.sqrt(half)))


def _density(f, z):
    return f.exp(-z * z / 2) / np.sqrt(2 * f.array(_pi(z)))


def _one(f, z):
    return f.array(np.ones(z.shape))


def _zero(f, z):
    return f.array(np.zeros(z.shape))


def _tanh_slope(f, z):
    e = f.exp(-2 * abs(z))
    return 4 * e / (1 + e) ** 2


def _sigmoid_slope(f, z):
    e = f.exp(-abs(z))
    return e / (1 + e) ** 2


class WithParameter(dict):
    """What is known by name; of "huber(2)" what `of_parameter` makes of 2."""

    def __init__(self, known, of_parameter):
        super().__init__(known)
        self.of_parameter = of_parameter

    def __missing__(self, text):
        name, bracket, value = text.partition("(")
        if not bracket:
            raise KeyError(text)
        return self.of_parameter[name](float(value.strip(")")))


def base(text):
    """The name without its parameter."""
    return text.partition("(")[0]


def _leaky_relu(s):
    return (
        lambda f, z: np.where(z > 0, z, f.array(s) * z),
        lambda f, z: np.where(z > 0, _one(f, z), _one(f, z) * f.array(s)),
        _zero,
    )


def _elu(alpha):
    return (
        lambda f, z: np.where(z > 0, z, f.array(alpha) * f.expm1(np.minimum(z, 0))),
        lambda f, z: np.where(z > 0, _one(f, z), f.array(alpha) * f.exp(np.minimum(z, 0))),
        lambda f, z: np.where(z > 0, _zero(f, z), f.array(alpha) * f.exp(np.minimum(z, 0))),
    )


# name: (g, g', g''), each a function of (number type, z)
ACTIVATIONS = {
    "identity": (lambda f, z: z, _one, _zero),
    "sigmoid": (
        _sigmoid,
        _sigmoid_slope,
        lambda f, z: _sigmoid_slope(f, z) * (1 - 2 * _sigmoid(f, z)),
    ),
    "tanh": (
        lambda f, z: f.tanh(z),
        _tanh_slope,
        lambda f, z: -2 * f.tanh(z) * _tanh_slope(f, z),
    ),
    "relu": (
        lambda f, z: np.where(z < 0, _zero(f, z), z),  # NaN stays
        lambda f, z: np.where(z > 0, _one(f, z), _zero(f, z)),
        _zero,
    ),
    "leaky_relu": (
        lambda f, z: np.where(z > 0, z, z / 100),
        lambda f, z: np.where(z > 0, _one(f, z), _one(f, z) / 100),
        _zero,
    ),
    "elu": (
        lambda f, z: np.where(z > 0, z, f.expm1(np.minimum(z, 0))),
        lambda f, z: f.exp(np.minimum(z, 0)),
        lambda f, z: np.where(z > 0, _zero(f, z), f.exp(np.minimum(z, 0))),
    ),
    "softplus": (_softplus, _sigmoid, _sigmoid_slope),
    "silu": (
        lambda f, z: z * _sigmoid(f, z),
        lambda f, z: _sigmoid(f, z) + z * _sigmoid_slope(f, z),
        lambda f, z: _sigmoid_slope(f, z) * (2 + z * (1 - 2 * _sigmoid(f, z))),
    ),
    "gelu": (
        lambda f, z: z * _cumulative(f, z),
        lambda f, z: _cumulative(f, z) + z * _density(f, z),
        lambda f, z: (2 - z * z) * _density(f, z),
    ),
    "sin": (lambda f, z: f.sin(z), lambda f, z: f.cos(z), lambda f, z: -f.sin(z)),
    "gaussian": (
        lambda f, z: f.exp(-z * z),
        lambda f, z: -2 * z * f.exp(-z * z),
        lambda f, z: (4 * z * z - 2) * f.exp(-z * z),
    ),
}
ACTIVATIONS = WithParameter(ACTIVATIONS, {"leaky_relu": _leaky_relu, "elu": _elu})


def _softmax(f, z):
    e = f.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# Losses ------------------------------------------------------------------------------------------
# Each takes (number type, a, y) and gives (loss, dloss/da), element by element.


def _huber(delta):
    def huber(f, a, y):
        r, d = a - y, f.array(delta)
        loss = np.where(abs(r) <= d, r * r / 2, d * (abs(r) - d / 2))
        return loss, np.where(abs(r) <= d, r, d * np.sign(r))

    return huber


def _quantile(tau):
    def quantile(f, a, y):
        r, t = a - y, f.array(tau)
        slope = np.where(r > 0, _one(f, r) - t, np.where(r < 0, -t * _one(f, r), _zero(f, r)))
        return slope * r, slope

    return quantile


def _log_cosh(f, a, y):
    r = abs(a - y)
    return r + f.log1p(f.exp(-2 * r)) - f.log(f.array(2)), f.tanh(a - y)


def _hinge(f, a, y):
    margin = 1 - y * a
    return np.where(margin < 0, _zero(f, margin), margin), np.where(margin > 0, -y, 0 * y)


def _squared_hinge(f, a, y):
    margin, slope = _hinge(f, a, y)
    return margin * margin, 2 * margin * slope


OF_OUTPUT = {
    "squared_error": lambda f, a, y: ((a - y) ** 2 / 2, a - y),
    "absolute_error": lambda f, a, y: (abs(a - y), np.sign(f.array(a - y))),
    "quantile": _quantile(0.5),
    "huber": _huber(1.0),
    "log_cosh": _log_cosh,
    "hinge": _hinge,
    "squared_hinge": _squared_hinge,
}
OF_OUTPUT = WithParameter(OF_OUTPUT, {"quantile": _quantile, "huber": _huber})


# These take (number type, z, y) and give (loss, dloss/dz).


def _sigmoid_cross_entropy(f, z, y):
    """-y log(sigmoid(z)) - (1-y) log(1 - sigmoid(z)) = y softplus(-z) + (1-y) softplus(z)"""
    slope = (1 - y) * _sigmoid(f, z) - y * _sigmoid(f, -z)
    return y * _softplus(f, -z) + (1 - y) * _softplus(f, z), slope


def _softmax_cross_entropy(f, z, y):
    """-y log(softmax(z))"""
    top = z.max(axis=1, keepdims=True)
    log_sum = top + f.log(f.exp(z - top).sum(axis=1, keepdims=True))
    return y * (log_sum - z), y.sum(axis=1, keepdims=True) * _softmax(f, z) - y


def _poisson_of_log_rate(f, z, y):
    return f.exp(z) - y * z, f.exp(z) - y


def _poisson_of_softplus(f, z, y):
    """a - y log a with a = log(1 + e^z); for very negative z, a = e^z and log a = z"""
    tail = z < -60
    body = np.where(tail, 0 * z, z)
    a = _softplus(f, z)
    log_a = np.where(tail, z, f.log(_softplus(f, body)))
    slope_over_a = np.where(tail, _one(f, z), _sigmoid(f, body) / _softplus(f, body))
    return a - y * log_a, _sigmoid(f, z) - y * slope_over_a


def _multiclass_hinge(f, z, y):
    """max(0, 1 + max of the other z - z of the label); y is largest at the label"""
    rows = np.arange(len(z))
    label = np.argmax(y, axis=1)
    others = np.array(z)
    others[rows, label] = -np.inf
    rival = np.argmax(others, axis=1)
    margin = 1 + z[rows, rival] - z[rows, label]
    active = np.where(margin > 0, 1, 0)
    loss, slope = _zero(f, z), _zero(f, z)
    loss[rows, label] = margin * active
    slope[rows, rival] += active
    slope[rows, label] -= active
    return loss, slope


def _weston_watkins(f, z, y):
    """sum over the other classes of max(0, 1 + z - z of the label)"""
    rows = np.arange(len(z))
    label = np.argmax(y, axis=1)
    margin = 1 + z - z[rows, label][:, None]
    margin[rows, label] = -1 * _one(f, z)[rows, label]
    hit = np.where(margin > 0, _one(f, z), _zero(f, z))
    slope = np.array(hit)
    slope[rows, label] = -hit.sum(axis=1)
    return np.where(margin <= 0, _zero(f, z), margin), slope  # a margin that is NaN stays


OF_PARAMETER = {"negative_binomial": negative_binomial, "focal": focal}
OF_PREACTIVATION = {
    ("gamma", "identity"): gamma_of_log_mean,
    ("negative_binomial", "identity"): negative_binomial(1),
    ("focal", "sigmoid"): focal(2),
    ("cross_entropy", "sigmoid"): _sigmoid_cross_entropy,
    ("cross_entropy", "softmax"): _softmax_cross_entropy,
    ("poisson", "identity"): _poisson_of_log_rate,
    ("poisson", "softplus"): _poisson_of_softplus,
    ("multiclass_hinge", "identity"): _multiclass_hinge,
    ("weston_watkins", "identity"): _weston_watkins,
}


def loss_and_delta(f, loss, output, z, y):
    """Per sample and output: the loss, and dloss/dz."""
    if (loss, output) in OF_PREACTIVATION:
        return OF_PREACTIVATION[loss, output](f, z, y)
    if base(loss) in OF_PARAMETER:
        return OF_PARAMETER[base(loss)](float(loss.partition("(")[2].strip(")")))(f, z, y)
    if output == "softmax":
        p = _softmax(f, z)
        value, slope = OF_OUTPUT[loss](f, p, y)
        return value, p * (slope - (slope * p).sum(axis=1, keepdims=True))
    g, slope_of_g, _ = ACTIVATIONS[output]
    value, slope = OF_OUTPUT[loss](f, g(f, z), y)
    return value, slope * slope_of_g(f, z)


# The network -------------------------------------------------------------------------------------


@dataclass
class Oracle:
    """A problem as the engine gets it, with dense targets (+-1 where the loss is SIGNED)."""

    widths: tuple
    activations: tuple
    loss: str
    X: np.ndarray
    targets: np.ndarray
    sample_weight: np.ndarray | None = None
    l2: float = 0.0
    mean: bool = True

    def matrices(self, theta):
        """Theta[l], (s_out, 1 + s_in), bias in column 0."""
        start = 0
        for n_in, n_out in zip(self.widths[:-1], self.widths[1:], strict=True):
            stop = start + n_out * (1 + n_in)
            yield theta[start:stop].reshape(n_out, 1 + n_in)
            start = stop

    def _forward(self, f, theta):
        """Preactivations and activations of all layers."""
        a, z = [f.array(self.X)], [None]
        layers = zip(self.matrices(f.array(theta)), self.activations, strict=True)
        for matrix, name in layers:
            z.append(a[-1] @ matrix[:, 1:].T + matrix[:, 0])
            a.append(_softmax(f, z[-1]) if name == "softmax" else ACTIVATIONS[name][0](f, z[-1]))
        return z, a

    def forward(self, theta, kind=np.longdouble):
        """The output activations, (m, K)."""
        return self._forward(numbers(kind), theta)[1][-1]

    def cost(self, theta, kind=np.longdouble):
        return self.cost_and_gradient(theta, kind)[0]

    def cost_and_gradient(self, theta, kind=np.longdouble):
        """DESIGN section 2, in the number type ``kind``."""
        f = numbers(kind)
        z, a = self._forward(f, theta)
        y = f.array(self.targets)
        value, delta = loss_and_delta(f, self.loss, self.activations[-1], z[-1], y)
        weight = _one(f, value[:, 0])
        if self.sample_weight is not None:
            weight = f.array(self.sample_weight)
        m = weight.sum() if self.mean else f.array(1.0)[()]
        l2 = f.array(self.l2)[()]
        cost = (weight[:, None] * value).sum() / m
        delta = weight[:, None] * delta
        blocks = []
        matrices = list(self.matrices(f.array(theta)))
        for n in range(len(matrices), 0, -1):
            W = matrices[n - 1][:, 1:]
            bias = delta.sum(axis=0) / m
            weights = delta.T @ a[n - 1] / m
            if self.l2:  # 0 times infinity is no part of a cost without a penalty
                weights = weights + l2 * W / m
                cost = cost + l2 * (W * W).sum() / (2 * m)
            blocks.append(np.concatenate([bias[:, None], weights], axis=1).ravel())
            if n > 1:
                delta = (delta @ W) * ACTIVATIONS[self.activations[n - 2]][1](f, z[n - 1])
        return cost, np.concatenate(blocks[::-1])

    def blocks(self):
        """Index arrays of theta, for bias and weights of each layer: the unit of comparison."""
        for matrix in self.matrices(np.arange(self.n_parameters)):
            yield matrix[:, 0]
            yield matrix[:, 1:].ravel()

    @property
    def n_parameters(self):
        pairs = zip(self.widths[:-1], self.widths[1:], strict=True)
        return sum((1 + n_in) * n_out for n_in, n_out in pairs)

    def distance_to_kink(self, theta):
        """How near any sample comes to a point where the slope jumps; inf if it nowhere does."""
        losses = ("absolute_error", "quantile", "hinge", "multiclass_hinge", "weston_watkins")
        kinked = [n for n, g in enumerate(self.activations, 1) if base(g) in KINKED_ACTIVATIONS]
        if base(self.loss) not in losses and not kinked:
            return np.inf
        z, a = self._forward(numbers(np.float64), theta)
        gaps = [abs(z[n]).min() for n in kinked]
        if base(self.loss) in ("absolute_error", "quantile"):
            gaps.append(abs(a[-1] - self.targets).min())
        elif self.loss == "hinge":
            gaps.append(abs(1 - a[-1] * self.targets).min())
        elif self.loss in ("multiclass_hinge", "weston_watkins"):
            own = (z[-1] * (self.targets > 0)).sum(axis=1)
            rivals = np.sort(np.where(self.targets > 0, -np.inf, z[-1]), axis=1)
            if self.loss == "weston_watkins":
                gaps.append(abs(1 + rivals[:, 1:] - own[:, None]).min())
            else:
                gaps.append(abs(1 + rivals[:, -1] - own).min())
                if rivals.shape[1] > 2:
                    gaps.append((rivals[:, -1] - rivals[:, -2]).min())
        return min(gaps, default=np.inf)


def one_hot(labels, n_classes, loss):
    """Dense targets of labels as the engine makes them: 0/1, or -1/+1 if SIGNED."""
    targets = np.zeros((len(labels), n_classes))
    targets[np.arange(len(labels)), labels] = 1
    return 2 * targets - 1 if loss in SIGNED else targets
