"""A network written down gate by gate, so that it need not be written again."""

from typing import TYPE_CHECKING, Any, cast

from fastbp.names import Advising

if TYPE_CHECKING:
    from fastbp.circuits.circuit import Circuit
    from fastbp.network import Network


class AsExpressions(Advising):
    """What a network is in the language of circuits, which are imported only here."""

    __slots__ = ()

    def expressions(self, theta: Any, inputs: Any) -> Any:
        """The activations of the last layer as expressions, gate by gate.

            x = fastbp.variables("x", 2)
            u, = net.expressions(theta, x)
            slope = fastbp.circuits.derivative(u, x[0])

        Parameters
        ----------
        theta : array_like or ExpressionArray, shape (n_parameters,)
            Numbers, or variables and expressions of them: a network inside a larger circuit.
        inputs : array_like or ExpressionArray, shape (s_0,) or (m, s_0)
            Numbers, or expressions; also of the input shape, or (m, *input_shape).

        Returns
        -------
        ExpressionArray, shape output_shape or (m, *output_shape); of numbers alone an ndarray
            In float64, whatever the network's dtype, and to rounding what `forward` gives.

        Raises
        ------
        TypeError, ValueError
            If theta or the inputs do not fit the network.
        """
        from fastbp.circuits.networks import expressions

        return expressions(_network(self), theta, inputs)

    def circuit(self, theta: Any) -> "Circuit":
        """The network with these parameters as a circuit of its inputs, a vector x of the numbers
        of one sample.

            f = net.circuit(theta)
            f(x), f.gradient(x), f.hessian(x), f.to_c("surrogate")

        With one output the circuit has a single value, else an array of K. Where theta holds
        variables, they are data of the circuit, given by name.

        Parameters
        ----------
        theta : array_like or ExpressionArray, shape (n_parameters,)

        Raises
        ------
        TypeError, ValueError
            If theta does not fit the network.
        """
        from fastbp.circuits.networks import network_circuit

        return network_circuit(_network(self), theta)


def _network(self: AsExpressions) -> "Network":
    """The network that this is a part of."""
    return cast("Network", self)
