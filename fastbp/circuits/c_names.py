"""Names in C, by rule: none that a library, a compiler or a later standard may own.

No list of such names is ever complete. So a function has a prefix, the names that the code gives
away itself have the function's name in front, and arguments that are data have an underscore
behind, which makes other words of keywords, macros and functions too: x_, exp_, double_.
"""

import re
from collections.abc import Iterable

from fastbp.words import described

MAX_LENGTH = 63  # characters of a name that every compiler tells apart
# Names with an underscore in front, or two in a row, belong to the compiler.
MORE = "(_[A-Za-z0-9]+)*"
WORDS, IDENTIFIER = f"[A-Za-z0-9]+{MORE}", f"[A-Za-z][A-Za-z0-9]*{MORE}"


def function_name(name: object, prefix: object) -> str:
    """The name of the function: the prefix and `name`.

    Raises
    ------
    TypeError
        If one of them is no str.
    ValueError
        If they are no identifier of that form, or too long.
    """
    for what, word in (("name", name), ("prefix of the name", prefix)):
        if not isinstance(word, str):
            raise TypeError(f"the {what} of a C function must be a str, got {described(word)}")
    if not re.fullmatch(WORDS, str(name)):
        raise ValueError(
            f"the name of a C function is made of letters of the English alphabet, digits and "
            f"single underscores between them, got {name!r}; take another, such as 'neuron'"
        )
    if not re.fullmatch(f"{IDENTIFIER}_", str(prefix)):
        raise ValueError(
            f"the prefix is made of letters and digits, a letter first, and ends with an "
            f"underscore, got {prefix!r}; for example 'mylib_'"
        )
    whole = f"{prefix}{name}"
    if len(whole) > MAX_LENGTH:
        raise ValueError(
            f"{whole!r} has {len(whole)} characters, and a compiler may look at the first "
            f"{MAX_LENGTH} only; take another name for the function, such as 'neuron'"
        )
    return whole


def argument_names(names: Iterable[str]) -> list[str]:
    """Names in C for inputs of these names: x_ for x; data0_, data1_, ... where that is no name."""
    names = list(names)
    taken = {f"{name}_" for name in names}
    result = []
    for i, name in enumerate(names):
        own = f"{name}_"
        if not re.fullmatch(f"{IDENTIFIER}_", own) or len(own) > MAX_LENGTH:
            k = i
            while (own := f"data{k}_") in taken:
                k += 1
            taken.add(own)
        result.append(own)
    return result


def in_comment(name: str) -> str:
    """A name that can do no harm in a C comment: not end it, nor continue the line."""
    return "".join(
        c if re.fullmatch(r"[\w.,:;+\- ()\[\]]", c, re.ASCII) else f"\\u{ord(c):04x}" for c in name
    )
