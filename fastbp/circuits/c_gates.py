"""What each gate is in C: an expression, or a function of its own."""

# Operands are names and numbers, never expressions. Comparisons choose as those of the engine do,
# also between equal operands and NaN.
EXPRESSIONS = {
    "negative": "-{a}",
    "absolute": "fabs({a})",
    "sqrt": "sqrt({a})",
    "exp": "exp({a})",
    "expm1": "expm1({a})",
    "log": "log({a})",
    "log1p": "log1p({a})",
    "sin": "sin({a})",
    "cos": "cos({a})",
    "tan": "tan({a})",
    "tanh": "tanh({a})",
    "erf": "erf({a})",
    "floor": "floor({a})",
    "round": "rint({a})",
    "arcsin": "asin({a})",
    "arccos": "acos({a})",
    "arcsinh": "asinh({a})",
    "arccosh": "acosh({a})",
    "arctanh": "atanh({a})",
    "one_minus_square": "(1.0 - {a}) * (1.0 + {a})",
    "gammaln": "lgamma({a})",
    "add": "{a} + {b}",
    "subtract": "{a} - {b}",
    "multiply": "{a} * {b}",
    "divide": "{a} / {b}",
    "power": "pow({a}, {b})",
    "hypot": "hypot({a}, {b})",
    "atan2": "atan2({a}, {b})",
    "less": "{a} < {b} ? 1.0 : 0.0",
    "less_equal": "{a} <= {b} ? 1.0 : 0.0",
    "equal": "{a} == {b} ? 1.0 : 0.0",
    "not_equal": "{a} == {b} ? 0.0 : 1.0",
    "select": "{a} == 0 ? {c} : {b}",
    "masked_multiply": "{a} == 0 ? 0.0 : {a} * {b}",
    "masked_product": "{a} == 0 || {b} == 0 ? 0.0 : {a} * {b}",
    "masked_divide": "{a} == 0 ? 0.0 : {a} / {b}",
}
# Gates that C has no function for.
HELPERS = {
    "sigmoid": """(double z)
{
    const double e = exp(-fabs(z));
    return (z < 0 ? e : 1.0) / (1.0 + e);
}""",
    "sigmoid_slope": """(double z)
{
    const double e = exp(-fabs(z));
    return e / ((1.0 + e) * (1.0 + e));
}""",
    "softplus": """(double z)
{
    return (z > 0 ? z : 0.0) + log1p(exp(-fabs(z)));
}""",
    "relu": """(double z)
{
    return 0 > z ? 0.0 : z;
}""",
    "sign": """(double z)
{
    return z > 0 ? 1.0 : z < 0 ? -1.0 : z;
}""",
    "gaussian": """(double z)
{
    /* exp(-square - rest): what z * z loses in rounding would be lost many times over */
    const double square = z * z;
    const double e = exp(-square);
    return e > 0 ? e - e * fma(z, z, -square) : e;
}""",
    "digamma": """(double z)
{
    const double pi = 3.14159265358979323846;
    double sum = 0.0, w;
    if (z < 0) {
        /* digamma(z) = digamma(1 - z) - pi / tan(pi z) */
        const double r = z - rint(z);
        sum = r == 0 ? NAN : -pi / tan(pi * r);
        z = 1.0 - z;
    }
    for (; z < 12.0; z += 1.0)
        sum -= 1.0 / z;
    w = 1.0 / (z * z);
    w *= 1.0 / 12 - w * (1.0 / 120 - w * (1.0 / 252 - w * (1.0 / 240 - w * (5.0 / 660
        - w * (691.0 / 32760 - w * (1.0 / 12))))));
    return sum + (log(z) - 0.5 / z - w);
}""",
    "polygamma": """(double a, double b)
{
    /* (-1)^(a + 1) a! times the sum of (b + k)^-(a + 1) over k = 0, 1, ... */
    static const double terms[] = {
        1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160,
        -691.0 / 1307674368000, 1.0 / 74724249600, -3617.0 / 10670622842880000};
    const double s = a + 1.0;
    double sum = 0.0, below = 0.0, factor = 1.0, power, term;
    if (!(a >= 1 && a <= 170 && a == floor(a)))
        return NAN;
    for (double n = 2.0; n <= a; n += 1.0)
        factor *= -n;
    if (b < 0) {
        /* over all integers, from the nearest of b, without what is below b */
        const double r = b - rint(b);
        const double sign = fmod(s, 2.0) == 0 ? 1.0 : -1.0;
        double low = 1.0 - r;
        below = pow(r, -s);
        for (; low < 1.0 - b; low += 1.0)
            below += sign * pow(low, -s);
        b = 1.0 + r;
    }
    for (; b < 14.0; b += 1.0)
        sum += pow(b, -s);
    power = pow(b, -s);
    sum += pow(b, -a) / a + 0.5 * power;
    term = s * power / b;
    for (int j = 0; j < 8; j++) {
        sum += term * terms[j];
        term *= (s + 2 * j + 1) * (s + 2 * j + 2) / (b * b);
    }
    return factor * (below + sum);
}""",
    "mod": """(double a, double b)
{
    const double r = fmod(a, b);
    return r == 0 ? copysign(0.0, b) : (r < 0) != (b < 0) ? r + b : r;
}""",
    "logaddexp": """(double a, double b)
{
    const double larger = a != a || a > b ? a : b;
    return larger + (a == b ? 0.69314718055994530942 : log1p(exp(-fabs(a - b))));
}""",
    "minimum": """(double a, double b)
{
    return a != a || a < b ? a : b;
}""",
    "maximum": """(double a, double b)
{
    return a != a || a > b ? a : b;
}""",
}
