"""Names that a type checker must refuse, marked, and names that it must take.

mypy --strict and pyright say so of a mark without an error as well as of an error without a mark.
"""

import fastbp

net = fastbp.mlp(2, 1)

fastbp.mlp(2, 1, loss="crossentropy")  # type: ignore[arg-type]
fastbp.mlp(2, 1, loss="mse")  # type: ignore[arg-type]
fastbp.mlp(2, 1, hidden="softmax")  # type: ignore[arg-type]
fastbp.mlp(2, 1, hidden="logistic")  # type: ignore[arg-type]
fastbp.mlp(2, 1, output="linear")  # type: ignore[arg-type]
fastbp.mlp(2, 1, reduction="average")  # type: ignore[arg-type]
fastbp.mlp(2, 1, activation="relu")  # type: ignore[call-arg]
fastbp.Dense(2, 1, "logistic")  # type: ignore[arg-type]
fastbp.Network([fastbp.Dense(2, 1)], "mse")  # type: ignore[arg-type]
net.init(scheme="xavier")  # type: ignore[arg-type]
net.unpack([0.0], order="matlab")  # type: ignore[arg-type]
net.pack([], order="fortran")  # type: ignore[arg-type]
net.fit  # type: ignore[attr-defined]  # noqa: B018
net.dump  # type: ignore[attr-defined]  # noqa: B018

fastbp.mlp(2, 3, 1, hidden="relu", output="softplus", loss="poisson", reduction="sum")
fastbp.Network([fastbp.Dense(2, 1, "softmax")], "cross_entropy").init(scheme="he")
fastbp.mlp(2, 1, loss=net.loss, output=net.activations[-1], reduction=net.reduction)
net.unpack([0.0], order="F")
net.pack([], order="F")
