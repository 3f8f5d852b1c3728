"""Names in C: which one a function may have, and what the inputs of a circuit are called."""

import re
from collections.abc import Iterable

from fastbp.validate import described


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MAX_LENGTH = 63  # what a compiler must tell apart

KEYWORDS = _words("""
    auto break case char const continue default do double else enum extern float for goto if
    inline int long register restrict return short signed sizeof static struct switch typedef
    union unsigned void volatile while alignas alignof bool constexpr false nullptr
    static_assert thread_local true typeof typeof_unqual asm fortran and and_eq bitand bitor
    catch char8_t char16_t char32_t class compl concept const_cast consteval constinit co_await
    co_return co_yield decltype delete dynamic_cast explicit export friend mutable namespace new
    noexcept not not_eq operator or or_eq private protected public reinterpret_cast requires
    static_cast template this throw try typeid typename using virtual wchar_t xor xor_eq
""")

# Functions of math.h that exist for float and long double too, with f and l behind the name.
_MATHEMATICS = _words("""
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1
    fabs fdim floor fma fmax fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log log10
    log1p log2 logb lrint lround modf nan nearbyint nextafter nexttoward pow remainder remquo
    rint round scalbln scalbn sin sinh sqrt tan tanh tgamma trunc
""")

# What a preprocessor may replace wherever it stands.
MACROS = _words("""
    fpclassify isfinite isinf isnan isnormal signbit isgreater isgreaterequal isless islessequal
    islessgreater isunordered INFINITY NAN HUGE_VAL HUGE_VALF HUGE_VALL NULL DOMAIN SING
    OVERFLOW UNDERFLOW PLOSS TLOSS HUGE errno math_errhandling stdin stdout stderr linux unix
    i386
""")

_LIBRARY = _words("""
    main float_t double_t j0 j1 jn y0 y1 yn gamma signgam drem finite significand scalb exp10
    pow10 sincos isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace
    isupper isxdigit tolower toupper setlocale localeconv setjmp longjmp signal raise clearerr
    fclose feof ferror fflush fgetc fgetpos fgets fopen fprintf fputc fputs fread freopen fscanf
    fseek fsetpos ftell fwrite getc getchar gets perror printf putc putchar puts remove rename
    rewind scanf setbuf setvbuf snprintf sprintf sscanf tmpfile tmpnam ungetc vfprintf vfscanf
    vprintf vscanf vsnprintf vsprintf vsscanf abort abs aligned_alloc at_quick_exit atexit atof
    atoi atol atoll bsearch calloc div exit free getenv labs ldiv llabs lldiv malloc mblen
    mbstowcs mbtowc qsort quick_exit rand realloc srand strtod strtof strtol strtold strtoll
    strtoul strtoull system wcstombs wctomb memchr memcmp memcpy memmove memset strcat strchr
    strcmp strcoll strcpy strcspn strerror strlen strncat strncmp strncpy strpbrk strrchr strspn
    strstr strtok strxfrm asctime clock ctime difftime gmtime localtime mktime strftime time
    timespec_get call_once feclearexcept fegetenv fegetexceptflag fegetround feholdexcept
    feraiseexcept fesetenv fesetexceptflag fesetround fetestexcept feupdateenv cabs cacos cacosh
    carg casin casinh catan catanh ccos ccosh cexp cimag clog conj cpow cproj creal csin csinh
    csqrt ctan ctanh imaxabs imaxdiv strtoimax strtoumax wcstoimax wcstoumax btowc fgetwc fgetws
    fputwc fputws fwide fwprintf fwscanf getwc getwchar mbrlen mbrtowc mbsinit mbsrtowcs putwc
    putwchar swprintf swscanf ungetwc vfwprintf vfwscanf vswprintf vswscanf vwprintf vwscanf
    wcrtomb wcscat wcschr wcscmp wcscoll wcscpy wcscspn wcsftime wcslen wcsncat wcsncmp wcsncpy
    wcspbrk wcsrchr wcsrtombs wcsspn wcsstr wcstod wcstof wcstok wcstol wcstold wcstoll wcstoul
    wcstoull wcsxfrm wctob wmemchr wmemcmp wmemcpy wmemmove wmemset wprintf wscanf iswalnum
    iswalpha iswblank iswcntrl iswctype iswdigit iswgraph iswlower iswprint iswpunct iswspace
    iswupper iswxdigit towctrans towlower towupper wctrans wctype c16rtomb c32rtomb mbrtoc16
    mbrtoc32 va_start va_arg va_end va_copy
""")

MATHEMATICS = frozenset(name + suffix for name in _MATHEMATICS for suffix in ("", "f", "l"))
LIBRARY = _LIBRARY | MATHEMATICS | MACROS


def is_usable(name: str) -> bool:
    """Whether an argument or a variable of a function that calls math.h can be called so."""
    return (
        re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) is not None
        and len(name) <= MAX_LENGTH
        and "__" not in name
        and name not in KEYWORDS
        and name not in MATHEMATICS
        and not is_macro(name)
    )


def is_macro(name: str) -> bool:
    return name in MACROS or re.fullmatch(r"(M|FP|MATH)_[A-Z0-9_]+", name) is not None


def function_name(name: object) -> str:
    """`name` if a function may be called so.

    Raises
    ------
    TypeError
        If it is no str.
    ValueError
        If it is no identifier, a keyword, or a reserved name.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a C function must be a str, got {described(name)}")
    if is_usable(name) and name not in LIBRARY:
        return name
    if name in KEYWORDS:
        why = "is a keyword of C or C++"
    elif name in LIBRARY or is_macro(name):
        why = "is a name of the C library"
    elif len(name) > MAX_LENGTH:
        why = f"has {len(name)} characters, and a compiler may look at the first {MAX_LENGTH} only"
    elif name.startswith("_") or "__" in name:
        why = "has an underscore in front or two in a row, as names of the compiler have"
    else:
        why = "is no name in C: letters of the English alphabet, digits and _, a letter first"
    raise ValueError(f"{name!r} {why}; take another name for the function, such as 'neuron'")


def argument_names(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Names in C for inputs of these names: their own if that works, else data_0, data_1, ..."""
    used = set(taken)
    names = list(names)
    used_later = used | set(names)
    result = []
    for i, name in enumerate(names):
        if not is_usable(name) or name in used:
            k = i
            while (name := f"data_{k}") in used_later:
                k += 1
            used_later.add(name)
        used.add(name)
        result.append(name)
    return result


def in_comment(name: str) -> str:
    """A name that can do no harm in a C comment: not end it, nor continue the line."""
    return "".join(
        c if re.fullmatch(r"[\w.,:;+\- ()\[\]]", c, re.ASCII) else f"\\u{ord(c):04x}" for c in name
    )
