"""A network's program run step by step in NumPy: values, cost, and the gradient by reverse rules.

Written from what the steps mean alone, for any number type: float64, longdouble, and complex128 for
complex steps. It runs whole columns of samples, one row of the program in each row of a matrix, and
shares nothing with the engine nor with the layers that wrote the program.
"""

from dataclasses import dataclass

import numpy as np
import oracle

AFFINE, MAP, GATE, POOL = range(4)


# Functions of complex numbers, as far as complex steps need them: analytic, branches by real part.


def _log_sum_exp(z):
    top = z.real.max(axis=1, keepdims=True)
    return top + np.log(np.exp(z - top).sum(axis=1, keepdims=True))


def _softplus(z):
    flipped = np.where(z.real > 0, -z, z)
    return np.where(z.real > 0, z, 0) + np.log(1 + np.exp(flipped))


COMPLEX_ACTIVATIONS = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "leaky_relu": lambda z: np.where(z.real > 0, z, z / 100),
    "elu": lambda z: np.where(z.real > 0, z, np.exp(z) - 1),
    "softplus": _softplus,
    "silu": lambda z: z / (1 + np.exp(-z)),
    "sin": np.sin,
    "gaussian": lambda z: np.exp(-z * z),
    "softmax": lambda z: np.exp(z - _log_sum_exp(z)),
}
COMPLEX_LOSSES = {
    ("cross_entropy", "softmax"): lambda z, y: y * (_log_sum_exp(z) - z),
    ("cross_entropy", "sigmoid"): lambda z, y: _softplus(z) - y * z,
    ("poisson", "identity"): lambda z, y: np.exp(z) - y * z,
}


def _activate(name, z):
    if np.iscomplexobj(z):
        return COMPLEX_ACTIVATIONS[name](z)
    f = oracle.numbers(z.dtype.type)
    return oracle._softmax(f, z) if name == "softmax" else oracle.ACTIVATIONS[name][0](f, z)


def _slope(name, z):
    return oracle.ACTIVATIONS[name][1](oracle.numbers(z.dtype.type), z)


def _loss(loss, output, z, y):
    """Loss and delta of each output; of complex numbers the loss alone."""
    if not np.iscomplexobj(z):
        return oracle.loss_and_delta(oracle.numbers(z.dtype.type), loss, output, z, y)
    if (loss, output) in COMPLEX_LOSSES:
        return COMPLEX_LOSSES[loss, output](z, y), None
    assert loss == "squared_error"
    return (_activate(output, z) - y) ** 2 / 2, None


# The program


@dataclass
class Reference:
    """A program on data: X (m, n_in), targets (m, positions K), lengths (m,) or None."""

    program: object
    loss: str
    X: np.ndarray
    targets: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    l2: float = 0.0
    mean: bool = True
    lengths: np.ndarray | None = None

    def __post_init__(self):
        p = self.program
        self.firsts = np.concatenate([[0], np.cumsum(p.arrays[:, 0])])
        n = int(self.firsts[-1])
        self.home = np.arange(n + 1)  # whose delta that of a row is; the last row is that of -1
        for number, (size, twin) in enumerate(p.arrays):
            if twin >= 0:
                assert p.arrays[twin, 0] == size
                a, z = self.firsts[number], self.firsts[twin]
                self.home[a : a + size] = np.arange(z, z + size)
        self.n = n

    def matrices(self, theta):
        """Theta of each layer, bias in column 0."""
        start = 0
        for h, w in self.program.thetas.tolist():
            yield theta[start : start + h * (1 + w)].reshape(h, 1 + w)
            start += h * (1 + w)
        assert start == theta.size

    def _values(self, theta, kind):
        """All rows, (n + 1, m); the last is 0."""
        p = self.program
        Thetas = list(self.matrices(np.asarray(theta, kind)))
        m = len(self.X)
        V = np.full((self.n + 1, m), np.nan, kind)  # what nobody writes is not read
        V[-1] = 0
        V[: self.X.shape[1]] = self.X.T
        for kind_of_step, *c in p.steps.tolist():
            if kind_of_step == AFFINE:
                out, W, b, source, flags = self._affine(Thetas, c)
                z = W @ V[source]  # (positions, units, m)
                if flags & 1:
                    z = z + b[:, None]
                z = z.swapaxes(0, 1)
                V[out] = V[out] + z if flags & 2 else z
            elif kind_of_step == MAP:
                function, z, a, n = c[:4]
                V[a : a + n] = _activate(p.functions[function], V[z : z + n].T).T
            elif kind_of_step == GATE:
                op, out, n, a, b, d = c[:6]
                if op == 2:
                    V[out : out + n] = np.where(self._goes_on(d), self._rows(V, a, n),
                                                self._rows(V, b, n))  # fmt: skip
                    continue
                factors = [self._rows(V, row, n) for row in (a, b) if row >= 0]
                value = np.prod(factors, axis=0) if factors else np.zeros((n, m), kind)
                value = -value if op == 1 else value
                V[out : out + n] = value + self._rows(V, d, n)
            else:
                op, out, n, window, at, divisor = c[:6]
                source = p.table[at : at + n * window].reshape(n, window)
                if op == 1:
                    V[out : out + n] = V[source].sum(axis=1) / divisor
                else:
                    V[out : out + n] = np.take_along_axis(
                        V[source], self._winners(V, source)[:, None], axis=1
                    )[:, 0]
        return V

    def _affine(self, Thetas, c):
        theta, unit, n_units, column, depth, at, positions, out, per_unit, per_position, flags = c
        Theta = Thetas[theta][unit : unit + n_units]
        source = self.program.table[at : at + positions * depth].reshape(positions, depth)
        u, q = np.arange(n_units)[:, None], np.arange(positions)
        W = Theta[:, 1 + column : 1 + column + depth]
        assert W.shape[1] == depth
        return out + u * per_unit + q * per_position, W, Theta[:, 0], source, flags

    @staticmethod
    def _rows(V, first, n):
        return V[first : first + n] if first >= 0 else np.zeros_like(V[:n])

    @staticmethod
    def _winners(V, source):
        values = np.where((source < 0)[:, :, None], -np.inf, V[source].real)
        return values.argmax(axis=1)

    def _goes_on(self, t):
        m = len(self.X)
        return np.ones(m, bool) if self.lengths is None else t < np.asarray(self.lengths)

    def _outputs(self, V):
        """z of the outputs, (m positions, K)."""
        p = self.program
        first, size = self.firsts[p.output], p.arrays[p.output, 0]
        return V[first : first + size].T.reshape(len(self.X) * p.positions, -1)

    def forward(self, theta, kind=np.float64):
        """Activations of the outputs, (m, positions, K)."""
        z = self._outputs(self._values(theta, kind))
        a = _activate(self.program.output_function, z)
        return a.reshape(len(self.X), self.program.positions, -1)

    def _factors(self, kind):
        """Weight of each sample at each position, and the m of the mean."""
        m, p = len(self.X), self.program.positions
        weight = np.ones(m, kind) if self.sample_weight is None else self.sample_weight.astype(kind)
        counted = np.ones((m, p), bool)
        if self.lengths is not None and p > 1:
            counted = np.arange(p) < np.asarray(self.lengths)[:, None]
        return (weight[:, None] * counted).reshape(-1), weight.sum() if self.mean else kind(1)

    def _targets(self, z, kind):
        y = np.asarray(self.targets)
        return y.astype(kind).reshape(z.shape)

    def _losses(self, z, kind):
        """Loss and delta of each output; 0 where the target is missing, which is NaN."""
        y, output = self._targets(z, kind), self.program.output_function
        absent = np.isnan(y)
        if not absent.any():
            return _loss(self.loss, output, z, y)
        y = np.where(absent, np.arange(y.shape[1]) == 0, y)
        if output == "softmax" and self.loss != "cross_entropy":
            a = _activate(output, z)
            value, slope = _loss(self.loss, "identity", a, y)
            slope = np.where(absent, 0, slope)
            delta = a * (slope - (slope * a).sum(axis=1, keepdims=True))
            return np.where(absent, 0, value), delta
        value, delta = _loss(self.loss, output, z, y)
        return np.where(absent, 0, value), np.where(absent, 0, delta)

    def cost(self, theta, kind=np.float64):
        """J."""
        z = self._outputs(self._values(theta, kind))
        value, _ = self._losses(z, kind)
        factors, m = self._factors(kind)
        J = (factors[:, None] * value).sum() / m
        for Theta in self.matrices(np.asarray(theta, kind)):
            J = J + self.l2 / (2 * m) * (Theta[:, 1:] ** 2).sum()
        return J

    def gradient(self, theta, kind=np.float64):
        """D by the rules of each step in reverse order."""
        p = self.program
        Thetas = list(self.matrices(np.asarray(theta, kind)))
        D = [np.zeros_like(Theta) for Theta in Thetas]
        V = self._values(theta, kind)
        z = self._outputs(V)
        _, slope = self._losses(z, kind)
        factors, total = self._factors(kind)
        d = np.zeros_like(V)
        first, size = self.firsts[p.output], p.arrays[p.output, 0]
        rows = (factors[:, None] * slope).reshape(len(self.X), -1).T
        np.add.at(d, self.home[first : first + size], rows)
        for kind_of_step, *c in p.steps.tolist()[::-1]:
            if kind_of_step == AFFINE:
                out, W, _, source, flags = self._affine(Thetas, c)
                theta_number, unit, n_units, column, depth = c[:5]
                delta = d[self.home[out]]  # (units, positions, m)
                block = D[theta_number][unit : unit + n_units]
                if flags & 1:
                    block[:, 0] += delta.sum(axis=(1, 2))
                flat = np.moveaxis(V[source], 1, 0).reshape(depth, -1)
                block[:, 1 + column : 1 + column + depth] += delta.reshape(n_units, -1) @ flat.T
                back = W.T @ delta.swapaxes(0, 1)  # (positions, depth, m)
                self._add_back(d, self.home[source], back)
            elif kind_of_step == MAP:
                function, z_row, a, n = c[:4]
                assert (self.home[a : a + n] == np.arange(z_row, z_row + n)).all()
                d[z_row : z_row + n] *= _slope(p.functions[function], V[z_row : z_row + n].T).T
            elif kind_of_step == GATE:
                self._gate_back(V, d, c)
            else:
                op, out_row, n, window, at, divisor = c[:6]
                source = p.table[at : at + n * window].reshape(n, window)
                delta = d[self.home[out_row : out_row + n]]
                if op == 1:
                    np.add.at(d, self.home[source], (delta / divisor)[:, None])
                else:
                    self._maximum_back(V, d, source, delta)
            d[-1] = 0
        for Theta, block in zip(Thetas, D, strict=True):
            block[:, 1:] += self.l2 * Theta[:, 1:]
        return np.concatenate([block.ravel() for block in D]) / total

    def _add_back(self, d, rows, value):
        np.add.at(d, rows, value)

    def _maximum_back(self, V, d, source, delta):
        winners = np.take_along_axis(source, self._winners(V, source), axis=1)
        np.add.at(d, (self.home[winners], np.arange(len(self.X))), delta)

    def _gate_back(self, V, d, c):
        op, out, n, a, b, e = c[:6]
        delta = d[self.home[out : out + n]]

        def add(row, value):
            if row >= 0:
                np.add.at(d, self.home[row : row + n], value)

        if op == 2:
            goes_on = self._goes_on(e)
            add(a, np.where(goes_on, delta, 0))
            add(b, np.where(goes_on, 0, delta))
            return
        add(e, delta)
        delta = -delta if op == 1 else delta
        add(a, delta * self._rows(V, b, n) if b >= 0 else delta)
        add(b, delta * self._rows(V, a, n) if a >= 0 else delta)

    def complex_step(self, theta, h=1e-100):
        """D by complex steps: exact to rounding, independent of the rules above."""
        steps = np.asarray(theta, np.complex128) + 1j * h * np.eye(len(theta))
        return np.array([self.cost(step, np.complex128).imag / h for step in steps])
