"""What other libraries call what is here, and where it is: names, keywords, attributes.

Imported when something is not found. Keys are names as `folded` gives them: lower case, letters and
digits alone.
"""

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from fastbp.words import folded


def _named(table: dict[str, str]) -> dict[str, str]:
    """Ours by each of the other names, given as ours -> "their names"."""
    return {folded(name): ours for ours, names in table.items() for name in names.split()}


# Names of activations, losses and schemes

ACTIVATIONS = _named(
    {
        "identity": "linear none purelin lin no_activation",
        "sigmoid": "logistic logsig expit logit log_sigmoid sig",
        "tanh": "tansig hyperbolic_tangent tanhyp",
        "relu": "rectifier rectified_linear rect poslin ramp",
        "leaky_relu": "lrelu prelu leaky leaky_rectifier",
        "elu": "celu exponential_linear",
        "softplus": "soft_relu smooth_relu log1pexp",
        "silu": "swish",
        "gelu": "gaussian_error_linear",
        "sin": "sine siren",
        "gaussian": "rbf radbas gauss radial_basis",
        "softmax": "log_softmax multinomial normalized_exponential",
    }
)
LOSSES = _named(
    {
        "cross_entropy": """log_loss log logistic logistic_loss bce bce_loss bce_with_logits
            bce_with_logits_loss binary_cross_entropy binary_cross_entropy_with_logits ce ce_loss
            cross_entropy_loss categorical_crossentropy sparse_categorical_crossentropy xent nll
            nll_loss negative_log_likelihood softmax_cross_entropy sigmoid_cross_entropy deviance
            kl_div kl_divergence bernoulli multinomial entropy softmax""",
        "squared_error": """mse mse_loss mean_squared_error l2 l2_loss least_squares quadratic sse
            sum_squared_error squared squared_loss rmse ols gaussian half_mse""",
        "absolute_error": "mae mae_loss mean_absolute_error l1 l1_loss absolute lad",
        "quantile": "quantile_loss pinball pinball_loss check_loss tilted tilted_loss",
        "huber": "huber_loss smooth_l1 smooth_l1_loss",
        "log_cosh": "log_cosh_loss",
        "poisson": "poisson_nll poisson_nll_loss poisson_deviance poisson_loss half_poisson_loss",
        "gamma": "gamma_deviance gamma_loss half_gamma_loss gamma_nll reg_gamma",
        "negative_binomial": "nb nb2 neg_binomial negbin negative_binomial_nll nbinom",
        "focal": "focal_loss binary_focal binary_focal_crossentropy sigmoid_focal_loss",
        "hinge": "hinge_loss svm margin max_margin",
        "squared_hinge": "squared_hinge_loss l2_svm hinge_squared",
        "multiclass_hinge": "crammer_singer categorical_hinge",
        "weston_watkins": "multi_margin multi_margin_loss multiclass_svm svm_loss",
    }
)
SCHEMES = _named(
    {
        "uniform": "random rand random_uniform rand_init randinitializeweights",
        "glorot": "xavier glorot_init xavier_init",
        "glorot_uniform": "xavier_uniform",
        "glorot_normal": "xavier_normal",
        "he": "kaiming msra",
        "he_uniform": "kaiming_uniform",
        "he_normal": "kaiming_normal",
    }
)
NAMES = {"activation": ACTIVATIONS, "loss": LOSSES, "scheme": SCHEMES}

# Names of fastbp that mean something else in other libraries, and what they mean here.
FORMULAS = {
    "squared_error": "1/2 ||a - y||^2",
    "absolute_error": "|a - y| summed over the outputs",
    "cross_entropy": "output 'sigmoid' or 'softmax' beside it",
    "multiclass_hinge": "the largest margin, of Crammer and Singer; the sum is 'weston_watkins'",
    "weston_watkins": "the sum over the other classes, not divided by their number",
    "quantile": "'quantile(0.9)' for the 90 % quantile",
    "gamma": "a is the logarithm of the mean",
    "negative_binomial": "'negative_binomial(alpha)': a is the logarithm of the mean, its variance "
    "mean + alpha mean^2",
    "focal": "'focal(gamma)', output 'sigmoid'",
}

# Functions that fastbp has under no name, as circuits of z, or of a and y.
CIRCUITS = {
    "activation": {
        "softsign": "z / (1 + abs(z))",
        "exp": "circuits.exp(z)",
        "exponential": "circuits.exp(z)",
        "square": "z * z",
        "cos": "circuits.cos(z)",
        "mish": "z * circuits.tanh(circuits.softplus(z))",
        "selu": "1.05070099 * circuits.where(z > 0, z, 1.67326324 * circuits.expm1(z))",
        "relu6": "circuits.minimum(circuits.maximum(z, 0), 6)",
        "hardtanh": "circuits.minimum(circuits.maximum(z, -1), 1)",
        "hardsigmoid": "circuits.minimum(circuits.maximum(z / 6 + 0.5, 0), 1)",
    },
    "loss": {
        "tweedie": "circuits.exp(a / 2) * 2 + 2 * y * circuits.exp(-a / 2)",
    },
}


def name_hint(kind: str, value: Any, known: Iterable[str]) -> str:
    """Which of the `known` names of a `kind` a name of another library, or a slip, may mean.

    As it follows in a message: "; here it is called ...", or "".
    """
    name = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
    key, ours = folded(name), {folded(each): each for each in known}
    theirs = NAMES.get(kind, {}).get(key, "")
    if theirs in ours.values():
        formula = f" ({FORMULAS[theirs]})" if theirs in FORMULAS else ""
        return f"; here it is called {theirs!r}{formula}."
    if key in ours:
        return f"; did you mean {ours[key]!r}?"
    if key in CIRCUITS.get(kind, {}):
        variables = (
            "a, y = fastbp.variables('a y')" if kind == "loss" else "z = fastbp.variable('z')"
        )
        made = f"from fastbp import circuits; {variables}; fastbp.circuit({CIRCUITS[kind][key]})"
        return f"; it can be a circuit: {made}."
    if isinstance(value, str):
        from difflib import get_close_matches

        close = get_close_matches(key, ours, n=1)
        return f"; did you mean {ours[close[0]]!r}?" if close else ""
    return ""


# Keywords

_WIDTHS = "the widths are separate arguments, inputs first: mlp(400, 25, 10)"
_TRAINING = (
    "scipy.optimize.minimize(net.objective(X, y), net.init(seed=0), jac=True, method='L-BFGS-B') "
    "trains a network"
)
# Where our keywords are taken.
PLACES = {
    "hidden": "mlp(..., hidden=...)",
    "output": "mlp(..., output=...)",
    "activation": "Dense(n_in, n_out, activation)",
    "loss": "mlp(..., loss=...)",
    "l2": "mlp(..., l2=...), and net.objective(X, y, l2=...)",
    "dtype": "mlp(..., dtype=...)",
    "reduction": "mlp(..., reduction=...)",
    "seed": "net.init(seed=...)",
    "scheme": "net.init(scheme=...)",
    "epsilon": "net.init(epsilon=...)",
    "sample_weight": "net.objective(X, y, sample_weight=...)",
    "n_threads": "net.objective(X, y, n_threads=...)",
    "class_weight": "net.objective(X, y, class_weight=...)",
    "missing": "net.objective(X, y, missing='ignore')",
}
# Keywords of other libraries -> those of fastbp, of which the first that a function has is meant.
KEYWORDS = {
    folded(name): tuple(ours.split())
    for ours, names in {
        "hidden activation nonlinearity": """activation activations act nonlinearity
            hidden_activation activation_function act_fn hidden_activations transfer_function
            hidden""",
        "output activation": """output_activation out_activation output_nonlinearity
            final_activation last_activation out_act output""",
        "loss": "criterion loss_function loss_fn cost cost_function error error_function loss",
        "l2": """alpha weight_decay lambda lambda_ lmbda lam reg regularization regularizer decay
            regularisation l2_reg l2_regularization kernel_regularizer penalty l2 reg_lambda""",
        "dtype": "precision float_type dtype",
        "reduction": "size_average average reduce mean reduction",
        "seed": "random_state random_seed rng generator rng_seed seed key",
        "scheme": """initializer init initialization kernel_initializer weight_init method mode
            init_method distribution scheme""",
        "epsilon": "eps init_epsilon epsilon_init bound scale std stddev gain epsilon",
        "sample_weight": "weights weight sample_weights w sample_weight",
        "class_weight": "class_weights class_weight weight_by_class pos_weight",
        "missing": "missing missing_values ignore_index ignore_nan nan_policy",
        "n_threads": "n_jobs threads num_threads workers nthreads jobs n_threads",
        "n_in input_size in_channels": """in_features input_dim n_inputs inputs fan_in input_size
            in_dim n_in in_channels channels""",
        "n_out hidden_size out_channels": """units out_features n_outputs output_dim outputs fan_out
            output_size n_out filters hidden_size n_hidden out_channels num_units""",
        "kernel_size": "kernel filter_size window pool_size pool kernel_shape window_size",
        "stride": "strides step subsample",
        "dilation": "dilation_rate dilations",
        "padding": "pad border_mode padding_mode",
        "forget_bias": "unit_forget_bias",
    }.items()
    for name in names.split()
}
# Keywords of other libraries -> what to do, where no keyword of fastbp means the same.
ADVICE = {
    folded(name): advice
    for names, advice in {
        """hidden_layer_sizes hidden_sizes layers layer_sizes sizes hidden_units hidden_layers
        hidden_dims widths layer_dims n_hidden units input_dim n_inputs n_outputs in_features
        out_features input_size output_size n_in n_out""": _WIDTHS,
        """optimizer solver learning_rate lr max_iter maxiter epochs max_epochs batch_size tol
        n_iter momentum early_stopping verbose callbacks""": _TRAINING,
        "num_layers n_layers": "stack layers: all but the last with return_sequences=True",
        "batch_first time_major": "X is (m, steps, features) always",
        "return_state stateful": "the last state is the output, unless return_sequences=True",
        "bias use_bias fit_intercept": "every layer has a bias: column 0 of its Theta",
        "order": "net.pack and net.unpack take order='F'",
    }.items()
    for name in names.split()
}


def keyword_hint(keyword: str, names: list[str]) -> str:
    """What is meant by a keyword that is none of `names`, as it follows in a message."""
    key = folded(keyword)
    meant = KEYWORDS.get(key, ())
    for ours in meant:
        if ours in names:
            both = " (output= is the last layer's)" if ours == "hidden" else ""
            return f"; here it is {ours}={both}"
    if key in ADVICE:
        return f"; {ADVICE[key]}"
    for ours in meant:
        if ours in PLACES:
            return f"; it belongs to {PLACES[ours]}"
    from difflib import get_close_matches

    close = get_close_matches(keyword.lower(), names, n=1)
    return f"; did you mean {close[0]}=?" if close else f"; it has {', '.join(names)}"


def hidden_error(widths: tuple[int, ...], hidden: Any, output: Any) -> TypeError:
    """For hidden=[...] or hidden=25 of mlp: widths of hidden layers, or an activation for each."""
    each = hidden if isinstance(hidden, list | tuple) else [hidden]
    if each and all(isinstance(width, int) for width in each):
        all_widths = ", ".join(map(str, (*widths[:1], *each, *widths[1:][-1:])))
        return TypeError(
            f"hidden={hidden!r}: hidden is the activation of the hidden layers; the widths are "
            f"separate arguments: fastbp.mlp({all_widths})"
        )
    text = f"hidden={hidden!r}: mlp has one activation for all hidden layers"
    if len(each) != len(widths) - 2:
        return TypeError(
            f"{text}; for others give Network a list of Dense(n_in, n_out, activation)"
        )
    layers = ", ".join(
        f"fastbp.Dense({n_in}, {n_out}, {activation!r})"
        for n_in, n_out, activation in zip(widths, widths[1:], [*each, output], strict=False)
    )
    return TypeError(f"{text}; for one for each use fastbp.Network([{layers}], ...)")


# Attributes

_SECOND = (
    "net.objective(X, y) has hessp(theta, v), hessian(theta) and gauss_newton_product(theta, v)"
)
_PARAMETERS = "a network holds no parameters: they are theta, and net.unpack(theta) its matrices"
_GRADIENT = "net.gradient(theta, X, y), or net.cost_and_gradient(theta, X, y)"
_TO_C = "circuits are exported as C: net.circuit(theta).to_c(name)"
_MINIMIZE = "scipy.optimize.minimize(objective, theta, jac=True, method='L-BFGS-B')"
_FILE = "net.save(path, theta)"
# A class of fastbp, or "module" -> attributes of other libraries -> what has the same meaning here.
ATTRIBUTES = {
    "Network": {
        "hessp hess hessian hvp": _SECOND,
        "fit train partial_fit minimize optimize": _TRAINING,
        "dump to_file to_json": _FILE,
        "load from_file load_state_dict load_weights": "fastbp.load(path)",
        "to_c c_source to_onnx": _TO_C,
        "coefs_ coefs coef_ intercepts_ weights biases get_weights": _PARAMETERS,
        "parameters state_dict params theta": _PARAMETERS,
        "set_weights set_params": "net.pack([Theta1, Theta2, ...]) makes theta of matrices",
        "score evaluate accuracy": "np.mean(net.predict(theta, X) == y), or net.cost(theta, X, y)",
        "grad grads backward backprop backpropagate value_and_grad": _GRADIENT,
        "fun jac": "net.objective(X, y) has both; by themselves net.cost and net.gradient",
        "summary describe": "print(net) shows the layers",
        "check_gradient check_grad": "fastbp.check_gradient(net.objective(X, y), theta)",
        "n_params num_params num_parameters count_params size": "net.n_parameters",
        "initialize reset_parameters random init_weights": "net.init(seed=0) makes theta",
        "decision_function transform call apply": "net.forward(theta, X)",
        "predict_log_proba": "np.log(net.predict_proba(theta, X))",
        "hidden output": "net.activations has those of all layers",
        "loss_ criterion": "net.loss is its name; net.cost(theta, X, y) its value",
        "n_layers depth": "len(net.layers)",
        "sizes layer_sizes": "net.widths",
        "n_features_in_ in_features": "net.widths[0]",
        "n_outputs_ out_features": "net.widths[-1]",
        "eval zero_grad step": "a network has no state: theta is an argument of every call",
        "to cpu cuda float double half": (
            "a network computes on the CPU, in the dtype given when it is made: dtype='float32'"
        ),
        "compile": "there is nothing to compile: loss= is given when the network is made, and "
        + _TRAINING,
        "add append": "a network is immutable; fastbp.Network([*net.layers, ...]) is another one",
        "copy clone": "a network is immutable, and need not be copied",
        "plot draw": "docs/curve_fitting.md draws what a network computes",
        "export": _TO_C,
    },
    "Objective": {
        "hess": "objective.hessian(theta), or objective.hessp(theta, v)",
        "hvp hessian_product": "objective.hessp(theta, v)",
        "gnvp ggn": "objective.gauss_newton_product(theta, v)",
        "grad gradient": "objective.jac(theta), or objective(theta) for cost and gradient",
        "cost_and_gradient value_and_gradient value_and_grad": "objective(theta) gives both",
        "fit train minimize optimize": _MINIMIZE,
        "predict forward predict_proba init unpack pack": "objective.network has it",
        "X y data": "an objective does not give its data back: keep X and y",
        "m": "objective.n_samples",
        "save": "objective.network.save(path, theta), or pickle",
    },
    "CircuitObjective": {
        "grad gradient": "objective.jac(p), or objective(p) for value and gradient",
        "value value_and_gradient cost_and_gradient": "objective(p) gives value and gradient",
        "hess": "objective.hessian(p), or objective.hessp(p, v)",
        "fit train minimize optimize": "scipy.optimize.minimize(objective, p, jac=True)",
        "data": "an objective does not give its data back: keep it",
        "network": "this objective is one of a circuit: objective.circuit",
    },
    "Circuit": {
        "grad": "circuit.gradient(p), or circuit.value_and_gradient(p)",
        "value_and_grad": "circuit.value_and_gradient(p)",
        "hess": "circuit.hessian(p), or circuit.hessp(p, v)",
        "jac": "circuit.jacobian(p), or circuit.objective(data).jac",
        "fun cost": "circuit(p), or circuit.objective(data).fun",
        "backward backprop": "circuit.gradient(p); circuit.wires() has the slope of every gate",
        "fit train minimize optimize": (
            "scipy.optimize.minimize(circuit.objective(data), p, jac=True)"
        ),
        "compile jit": "a circuit is compiled when it is first called",
        "save": "pickle.dumps(circuit)",
        "inputs variables": "circuit.parameters and circuit.data",
        "c_source export": "circuit.to_c(name)",
    },
    "Dense": {
        "weights bias W b Theta weight get_weights": _PARAMETERS,
        "units out_features": "layer.n_out",
        "in_features input_dim": "layer.n_in",
        "forward backward": "fastbp.kernels has the formulas of a layer by themselves",
        "g": "layer.activation",
    },
    "module": {
        "save": _FILE,
        "fit train minimize": _TRAINING,
        "MLPClassifier MLPRegressor MLP NeuralNetwork Sequential": "fastbp.mlp(400, 25, 10)",
        "grad jacobian hessian value_and_grad": "derivatives of expressions: fastbp.circuit(...)",
        "check_grad gradcheck": "fastbp.check_gradient",
        "Linear Layer": "fastbp.Dense(n_in, n_out, activation)",
        "Conv Convolution Conv3d": "fastbp.Conv1d and fastbp.Conv2d",
        "MaxPool AvgPool MaxPooling2D AveragePooling2D": "fastbp.MaxPool2d and fastbp.AvgPool2d",
        "Bidirectional SimpleRNN": "fastbp.RNN, fastbp.GRU and fastbp.LSTM take bidirectional=True",
        "load_digits digits": "fastbp.datasets.load_digits()",
        "exp log sqrt cos where maximum minimum": "fastbp.circuits has it",
        "symbols Variable symbol": "fastbp.variable and fastbp.variables",
        "init": "net.init(seed=0)",
    },
}


def missing(owner: Any, name: str) -> AttributeError:
    """The error for an attribute that `owner`, an instance or a module, does not have."""
    module = isinstance(owner, ModuleType)
    kind = "module" if module else type(owner).__name__
    what = f"module {owner.__name__!r}" if module else f"{kind!r} object"
    text = f"{what} has no attribute {name!r}"
    for names, advice in ATTRIBUTES.get(kind, {}).items():
        if name in names.split():
            return AttributeError(f"{text}; {advice}")
    if module:
        from fastbp.names import activations, losses

        for one, known in (("an activation", activations()), ("a loss", losses())):
            if name in known:
                return AttributeError(f"{text}; {one} is given by its name: {name!r}")
    return AttributeError(text, name=name, obj=owner)
