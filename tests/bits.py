"""Print, as JSON, a digest of cost and gradient of many problems at this process's CPU level.

test_engine.py runs this under FASTBP_CPU=v3 and v4 and compares. Whoever changes the engine and
means to keep its bits records them before and after: `python tests/bits.py record before.json`,
and `python tests/bits.py compare before.json` says which problems differ.
"""

import hashlib
import itertools
import json
import sys
from pathlib import Path

import numpy as np
from chains import dense_chain
from layer_cases import CASES, SEQUENCES, data
from problems import DTYPES, LARGE, SAMPLES, WIDE, Case, hidden_names, name_of, table

import fastbp
from fastbp import circuits
from fastbp._core import core

# Sizes of a tile and of the partial sums must not depend on the length of a register: these walk
# past the points where they change.
TILES = [((n, 20, 5), 700) for n in range(120, 280)]
SUMS = [((n, 40), 3001) for n in range(296, 320)]
# One and two samples go another way; their sums too are longer than a panel.
FEW = [((4, n, 200, 2), m) for n in (33, 37) for m in (1, 2)]
# Products along directions in tiles, and in windows.
CHAINS = [(33, 40, 37, 5), (64, 25, 10), (9, 530, 520, 2)]
STRIPS = [(widths, m) for widths in WIDE for m in SAMPLES]

# What is read of the public objects: networks of every kind of layer that the engine treats
# differently, at numbers of samples around the sizes of registers, tiles and chunks.
NETWORKS = [
    {"widths": (5, 3)},
    {"widths": (33, 17, 7, 2), "hidden": "tanh"},
    {"widths": (7, 70, 33, 10), "output": "softmax", "loss": "cross_entropy"},
    {"widths": (10, 300, 60, 300, 2), "hidden": "silu", "loss": "huber(0.5)"},
    {"widths": (401, 50, 10), "output": "sigmoid", "loss": "cross_entropy"},
    {"widths": (20, 24, 1), "hidden": "elu(1.5)", "loss": "quantile(0.3)", "reduction": "sum"},
    {"widths": (9, 12, 4), "hidden": "own", "loss": "own"},
    {"widths": (700, 300, 260, 3), "hidden": "relu"},
]
NUMBERS_OF_SAMPLES = (1, 2, 3, 5, 33, 129, 257, 1000)
THREADS = (1, 2, 3)


def settings(dtype):
    yield from table(dtype)
    for widths, m in (*TILES, *SUMS, *FEW, *STRIPS, ((30, 20, 20, 1), 20011), *LARGE):
        names = {"loss": "squared_error", "output": "identity", "hidden": "tanh"}
        yield {**names, "widths": widths, "m": m, "dtype": dtype, "kind": 1}


def own(names):
    """The names, with circuits in the place of "own"."""
    z, a, y = fastbp.variables("z a y")
    made = {
        "hidden": fastbp.circuit(circuits.tanh(z) + 0.1 * z * circuits.exp(-z * z)),
        "loss": fastbp.circuit(circuits.sqrt(1 + (a - y) ** 2)),
    }
    return {key: made[key] if name == "own" else name for key, name in names.items()}


def rows_of(m):
    """Rows of m samples, in every way of saying them."""
    rng = np.random.default_rng(m)
    yield slice(m // 3, None)
    yield slice(None, None, -2)
    yield rng.integers(-m, m, 1 + m // 2)
    yield rng.permutation(m)[: 1 + m // 5]


def public(dtype):
    """(name, bytes) of objectives, of outputs and of rows, with weights and without."""
    for number, names in enumerate(NETWORKS):
        widths = names["widths"]
        rest = own({key: name for key, name in names.items() if key != "widths"})
        net = fastbp.mlp(*widths, l2=(0.0, 0.7)[number % 2], dtype=dtype, **rest)
        theta = net.init(seed=number)
        for m, weighted in itertools.product(NUMBERS_OF_SAMPLES, (False, True)):
            rng = np.random.default_rng(m)
            X = rng.standard_normal((m, widths[0]))
            y = rng.random((m, widths[-1]))
            if "softmax" in names.values() or (m % 2 and widths[-1] > 1):
                y = rng.integers(0, widths[-1], m)
            weight = rng.random(m) * (np.arange(m) % 3 != 1) if weighted else None
            name = f"{'-'.join(map(str, widths))}-{m}{'-weighted' * weighted}-{dtype}"
            for n_threads in THREADS:
                objective = net.objective(X, y, sample_weight=weight, n_threads=n_threads)
                yield f"{name}-{n_threads}", numbers(*objective(theta), objective.cost(theta))
            for i, rows in enumerate(rows_of(m)):
                if weight is None or weight[rows].any():
                    yield f"{name}-rows{i}", numbers(*objective(theta, rows=rows))
            if not weighted:
                outputs = net.forward(theta, X), net.bind(theta)(X)
                yield f"{name}-outputs", b"".join(output.tobytes() for output in outputs)


def of_layers(dtype):
    """(name, bytes) of networks of every kind of layer, with weights, lengths and rows."""
    for name, (layers, shape) in CASES.items():
        net = fastbp.Network(layers, l2=0.3, dtype=dtype, input_shape=shape)
        for m in (1, 33, 257):
            theta, X, y, lengths = data(net, m)
            weight = np.arange(m) % 3 + 0.5
            for ends in (None, lengths) if name in SEQUENCES else (None,):
                label = f"{name}-{m}{'-lengths' * (ends is not None)}-{dtype}"
                for n_threads in range(1, 9) if m == 257 else (1, 2):
                    objective = net.objective(X, y, sample_weight=weight, lengths=ends,
                                              n_threads=n_threads)  # fmt: skip
                    yield f"{label}-{n_threads}", numbers(*objective(theta), objective.cost(theta))
                yield f"{label}-rows", numbers(*objective(theta, rows=slice(None, None, -2)))
                yield f"{label}-outputs", net.forward(theta, X, ends).tobytes()


def of_derivatives(dtype):
    """(name, bytes) of derivatives beyond the gradient: of every kind of layer, and of every loss
    and activation on many samples."""
    for name, (layers, shape) in CASES.items():
        net = fastbp.Network(layers, l2=0.3, dtype=dtype, input_shape=shape)
        for m in (1, 33, 257):
            theta, X, y, _ = data(net, m)
            objective = net.objective(X, y, sample_weight=np.arange(m) % 3 + 0.5)
            V = np.random.default_rng(m).standard_normal((net.n_parameters, 3))
            found = [objective.hessp(theta, V), objective.gauss_newton_product(theta, V)]
            found += [objective.residuals(theta), net.vjp(theta, X, y), net.jvp(theta, X, X)]
            if m == 33:
                found += [objective.jacobian(theta), objective.sample_gradients(theta)]
                found += [net.input_jacobian(theta, X), objective._gauss_newton_matrix(theta)]
            for i, array in enumerate(found):
                yield f"{name}-{m}-{dtype}-derivative{i}", array.tobytes()
    for widths, m in itertools.product(CHAINS, (1, 65, 700)):
        net = fastbp.mlp(*widths, hidden="tanh", l2=0.3, dtype=dtype)
        theta, X, y, _ = data(net, m)
        V = np.random.default_rng(m).standard_normal((net.n_parameters, 3))
        objective = net.objective(X, y)
        for name in ("hessp", "gauss_newton_product"):
            label = f"{'-'.join(map(str, widths))}-{m}-{dtype}-{name}"
            yield label, getattr(objective, name)(theta, V).tobytes()
    engine = core(dtype)
    for loss, outputs in engine.LOSSES.items():
        for i, output in enumerate(outputs or engine.ACTIVATIONS):
            hidden = engine.ACTIVATIONS[i % (len(engine.ACTIVATIONS) - 1)]
            net = fastbp.mlp(5, 9, 3, hidden=hidden, output=output, loss=loss, dtype=dtype)
            rng = np.random.default_rng(0)
            X, theta = rng.normal(size=(3000, 5)) * 2, net.init(seed=0) * 4
            y = np.eye(3)[rng.integers(0, 3, 3000)]
            y = 2 * y - 1 if loss in engine.SIGNED_LOSSES else y
            y = y + 0.5 if loss.startswith("gamma") else y  # it takes numbers > 0
            objective = net.objective(X, y)
            V = rng.standard_normal((net.n_parameters, 2))
            found = [objective.hessp(theta, V), objective.gauss_newton_product(theta, V)]
            found += [objective.sample_gradients(theta), objective._gauss_newton_matrix(theta)]
            found.append(net.input_hessian(theta, X[:200]))
            for j, array in enumerate(found):
                yield f"{loss}-{output}-{dtype}-derivative{j}", array.tobytes()


def of_collocations(dtype):
    """(name, bytes) of residuals of derivatives by inputs: every kind of layer, all activations."""
    nets = {
        name: fastbp.Network(layers, dtype=dtype, input_shape=shape, loss="squared_error")
        for name, (layers, shape) in CASES.items()
    } | {
        name: fastbp.mlp(3, 9, 7, 2, hidden=name, output="identity", dtype=dtype)
        for name in hidden_names()
    }
    for name, net in nets.items():
        x, u = net.symbols("x", "u")
        x, u = np.asarray(x).ravel().tolist(), np.ravel(u).tolist()
        residuals = [u[0].d(x[0]) + u[0] * u[-1].d(x[-1], x[-1]), u[-1].d(x[0], x[-1]) - x[0]]
        for m in (1, 33, 257):
            theta, X, *_ = data(net, m)
            weight = np.arange(m) % 3 + 0.5
            problem = net.collocation(X, residuals, sample_weight=weight, l2=0.3)
            found = [numbers(*problem(theta)), numbers(*problem(theta, rows=slice(None, None, -2)))]
            for each in (problem.residuals(theta), problem.gauss_newton_product(theta, theta)):
                found.append(each.tobytes())
            if m == 33:
                found += [problem.jacobian(theta).tobytes()]
                found += [problem._gauss_newton_matrix(theta).tobytes()]
            for i, values in enumerate(found):
                yield f"{name}-{m}-{dtype}-collocation{i}", values


def numbers(cost, gradient, *others):
    return np.append(gradient, [cost, *others]).tobytes()


def digest(values):
    return hashlib.sha256(values).hexdigest()[:16]


def losses(dtype):
    """Of many samples at once: a product that one build does not fuse shows in few of them."""
    engine = core(dtype)
    rng = np.random.default_rng(0)
    for loss, outputs in engine.LOSSES.items():
        for output in outputs or engine.ACTIVATIONS:
            for K in (1, 3, 10):
                z = rng.normal(size=(20000, K)) * rng.choice([0.1, 1, 5, 30], size=(20000, 1))
                y = np.zeros((20000, K))
                y[np.arange(20000), rng.integers(0, K, 20000)] = 1
                y = 2 * y - 1 if loss in engine.SIGNED_LOSSES else y
                results = engine.output_delta(loss, output, z.astype(dtype), y.astype(dtype))
                for name, values in zip(("cost", "delta"), results, strict=True):
                    yield f"{loss}-{output}-{K}-{name}-{dtype}", digest(values.tobytes())


def digests():
    for dtype in DTYPES:
        for row in settings(dtype):
            yield name_of(row), digest(Case(**row).bits(2))
        for name, values in (*public(dtype), *of_layers(dtype), *of_derivatives(dtype)):
            yield name, digest(values)
        for name, values in of_collocations(dtype):
            yield name, digest(values)
        for n in (4, 8, 12):  # products that underflow: the sign of a zero too
            shape = ((1, n, 1), ("tanh", "identity"), "squared_error")
            one = np.ones((1, 1), dtype)
            chain = dense_chain(core(dtype), *shape)
            problem = core(dtype).BoundNetwork(chain, one, None, 0 * one, None, 0.0, True, 1)
            theta = np.zeros(3 * n + 1)
            theta[2 * n] = np.finfo(dtype).tiny ** 0.7
            theta[2 * n + 1 :] = -theta[2 * n]
            yield f"underflow-{n}-{dtype}", digest(problem.evaluate(theta, True)[1].tobytes())
        yield from losses(dtype)
        z = np.linspace(-50, 50, 4001).astype(dtype)
        for name in hidden_names():
            for order in range(4):
                values = core(dtype).apply_activation(name, z, order)
                yield f"{name}-{order}-{dtype}", digest(values.tobytes())
        yield from elementary(dtype)


def digest_numbers(values):
    """A NaN is a NaN: its sign follows from the order of operands of an instruction."""
    return digest(np.where(np.isnan(values), np.nan, values).tobytes())


def elementary(dtype):
    """Functions of registers, and gates on numbers and on samples."""
    rng = np.random.default_rng(0)
    x, y = (4 * rng.standard_normal((2, 1001))).astype(dtype)
    for name in core(dtype).ELEMENTARY:
        values = core(dtype).apply_elementary(name, x, y)
        yield f"elementary-{name}-{dtype}", digest_numbers(values)
    a, b, c = fastbp.variables("a b c")
    for name in circuits.__all__:
        for operands in ((a,), (a, b), (a < b, a, b)):
            try:
                expression = getattr(circuits, name)(*operands)
                of_numbers, of_samples = (
                    fastbp.circuit(expression),
                    fastbp.circuit(c * expression, c),
                )
            except (TypeError, ValueError):  # the function has another number of operands
                continue
            columns = {"a": x, "b": y}
            data = {key: columns[key] for key in of_samples.data}
            objective = of_samples.objective(data, "sum", dtype=dtype, n_threads=2)
            found = [*objective([3.0]), of_samples(3.0, **data)]
            for point in zip(*(data[key][:50] for key in of_numbers.parameters), strict=True):
                found += of_numbers.value_and_gradient(np.array(point, float))
            yield f"gate-{name}-{len(operands)}-{dtype}", digest_numbers(np.hstack(found))


def main(command="", path=""):
    found = dict(digests())
    if command == "record":
        Path(path).write_text(json.dumps(found))
    elif command == "compare":
        before = json.loads(Path(path).read_text())
        differ = sorted(name for name in before if before[name] != found.get(name))
        print(*differ, f"{len(differ)} of {len(before)} differ", sep="\n")
        return len(differ) > 0
    else:
        json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
