"""Names in C source code: which a user may give, and which nobody owns."""

import re

import c_functions
import numpy as np
import pytest
from c_functions import Function, by_engine, library
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbp import circuit, circuits, variable, variables
from fastbp.circuits import c_names

compiled = pytest.mark.skipif(c_functions.MISSING is not None, reason=str(c_functions.MISSING))

A, B, C = variables("a b c")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("c")


# Names

BAD_NAMES = ["", "f g", "f-1", "größe", "f\n", "_f", "f_", "f__g", "f" * 64, "f" * 57, "٣"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_no_words(name):
    with pytest.raises(ValueError, match=r"single underscores between|characters, and a compiler"):
        circuit(A).to_c(name)


@pytest.mark.parametrize("prefix", ["", "mylib", "_", "_m_", "my__lib_", "3_", "ä_", "a b_"])
def test_prefixes_that_are_no_words(prefix):
    with pytest.raises(ValueError, match=r"ends with an underscore.*'mylib_'"):
        circuit(A).to_c("f", prefix)


def test_names_must_be_str():
    with pytest.raises(TypeError, match=r"the name of a C function must be a str, got 3"):
        circuit(A).to_c(3)
    with pytest.raises(TypeError, match=r"the prefix of the name of a C function must be a str"):
        circuit(A).to_c("f", None)


# What compilers and libraries own: built in, in math.h, in standards to come, keywords, macros.
OWNED = """
    j0f y1f jnf lgamma_r lgammaf_r gammaf gammal isnanf isinff finitef dreml drem significand scalbf
    exp10f pow10 roundeven fmaximum fminimum_mag_num exp2m1 sinpi rootn rsqrt compoundn llogb
    canonicalize totalorder issignaling setpayload daddl fromfp ufromfpx nextup exp sin main printf
    memset write read open exit y0 j1 abs signgam double int class auto restrict typeof nullptr
    constexpr true bool thread_local static_assert asm far near NAN INFINITY HUGE_VAL M_PI FP_NAN
    EOF linux unix i386 errno stdin NULL DOMAIN OVERFLOW I complex strfoo memfoo isfoo tofoo wcsfoo
    atomic_x mtx_lock size_t float_t int8_t E2BIG LC_ALL SIGINT 3d
"""
STANDARDS = [["-std=gnu17"], ["-std=c11"], ["-std=c17"], ["-std=c2x"], ["-std=gnu2x"]]
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wpedantic", "-Wshadow"]


@compiled
@pytest.mark.parametrize("standard", [[], *STANDARDS], ids=str)
def test_names_that_a_library_owns(standard, folder):
    """As functions and as data: with every standard, without a warning, beside the headers."""
    f = circuit(circuits.sigmoid(A * B) + circuits.exp(circuits.sin(A)) * B, wrt=[A])
    headers = "".join(f"#include <{h}.h>\n" for h in ("stdio", "stdlib", "string", "complex"))
    source = headers + "".join(f.to_c(name) for name in OWNED.split())
    made = [variable(name) for name in OWNED.split()]
    source += circuit(circuits.exp(sum(v * A for v in made)), wrt=[A]).to_c("all")
    c_functions.built(source, folder, strict=[*standard, *WARNINGS], as_object=True)


IDENTIFIERS = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,9}(_[A-Za-z0-9]{1,5}){0,2}", fullmatch=True)


@compiled
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(st.lists(IDENTIFIERS | st.text("a_é0-", min_size=1, max_size=5).map(str.strip), min_size=1,
                max_size=30, unique=True))  # fmt: skip
def test_any_identifiers(folder, names):
    made = [variable(name) for name in names if name]
    parameter = variable("the parameter")
    f = circuit(circuits.sigmoid(sum((v * parameter for v in made), parameter)), wrt=[parameter])
    source = "".join(f.to_c(name) for name in names if re.fullmatch(c_names.WORDS, name))
    c_functions.built(f.to_c("f") + source.replace("#include <math.h>", ""), folder, "-Wshadow")
    arguments = c_names.argument_names(names)
    assert len({*arguments}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z]\w*[^_]_", name, re.ASCII) or len(name) == 2
               for name in arguments)  # fmt: skip


@compiled
def test_data_of_any_name(folder):
    """A name that would be no C, mean something else or end the comment, gets another in C."""
    names = ["x", "exp", "double", "p", "s", "gradient", "t0", "f", "f_sigmoid",
             "data_1", "ä", "y1",
             "f_parts", "a*/int b;/*", "??/", "NAN", "back\\", "for", "i", "work", "value",
             "linux"]  # fmt: skip
    made = [variable(name) for name in names]
    e = circuits.sigmoid(sum((k + 1.0) * v for k, v in enumerate(made)) * A)
    f = circuit(e, wrt=[A])
    source = f.to_c("f")
    assert source.isascii()
    for flags in (["-O1"], ["-std=gnu11"]):
        function = Function(library(source, folder, *flags), "f", f)
        values = np.linspace(-1, 1, len(names))
        value, slopes = function([0.3], *values)
        expected_value, expected = by_engine(f, [0.3], *values)
        np.testing.assert_allclose(value, expected_value, 1e-15)
        np.testing.assert_allclose(slopes, expected, 1e-15)
    assert "    x_                    x (data)" in source
    assert "    data_1_               data_1 (data)" in source


def test_the_comment_says_what_is_where():
    a, d = variables("a d")
    W, v = variables("W", (2, 3)), variables("v", 4)
    source = circuit(circuits.sum(W) * a + v[1] * d, wrt=[W, a]).to_c("f")
    comment = source[: source.index("*/")]
    for line in (
        "double fastbp_f(const double *p, double d_, const double *v_, double *gradient);",
        "p[0] ... p[5]         W[2, 3]",
        "p[6]                  a",
        "v_[0] ... v_[3]       v[4] (data)",
        "d_                    d (data)",
        "gradient[0] ... gradient[6], unless gradient is NULL: d value / d p[i].",
    ):
        assert f" {line}" in comment
