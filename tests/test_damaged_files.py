"""Damaged and hostile model files: ValueError or OSError, nothing else, at bounded memory.

The mutations know the structure of a file: archive, members, array headers, JSON, description.
"""

import copy
import functools
import io
import json
import os
import random
import struct
import zipfile

import numpy as np
import pytest
from processes import run

import fastbp
from fastbp import files

NET = fastbp.mlp(3, 4, 2, hidden="relu", output="softmax", loss="cross_entropy", l2=0.1)
Z, A, Y = fastbp.variable("z"), *fastbp.variables("a y")
SWISH = fastbp.circuit(Z / (1 + fastbp.circuits.exp(-Z)))
WITH_CIRCUITS = fastbp.mlp(2, 2, 1, hidden=SWISH, loss=fastbp.circuit((A - Y) ** 2 + 0.5, wrt=[A]))


def content_of(net, extra=None):
    """The bytes of a model file."""
    file = io.BytesIO()
    np.savez(file, header=np.array(text_of(net, extra)), theta=net.init(seed=1))
    return file.getvalue()


def text_of(net, extra=None):
    header = {"format": "fastbp-model", "version": 1, "network": net.to_dict()}
    return json.dumps(header | {"extra": extra or {}})


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def archive(compression=zipfile.ZIP_STORED, **members):
    """A zip of members given as bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def model(header=None, theta=None, **other):
    """A model of NET with a member of another content, in bytes."""
    header = npy(np.array(text_of(NET))) if header is None else header
    theta = npy(NET.init(seed=1)) if theta is None else theta
    return archive(header=header, theta=theta, **other)


def claims(shape, dtype="<f8"):
    """The header of an array of so many numbers, and none of them."""
    file = io.BytesIO()
    description = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(file, description)
    return file.getvalue()


def outcome(path, content):
    """None if the file is refused as promised, or read; else what came out."""
    path.write_bytes(content)
    try:
        loaded = files.load(path)
    except (ValueError, OSError) as error:
        return None if str(error) else "no words"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    good = np.isfinite(loaded.theta).all() and loaded.theta.shape == (loaded.network.n_parameters,)
    return None if good and isinstance(loaded.extra, dict) else "half a model"


@pytest.mark.parametrize("net", [NET, WITH_CIRCUITS], ids=["names", "circuits"])
def test_the_files_that_are_damaged_here_are_models(tmp_path, net):
    path = tmp_path / "model"
    path.write_bytes(content_of(net, {"a": 1}))
    assert files.load(path).network == net
    path.write_bytes(model())
    assert files.load(path).network == NET


# One by one

REFUSED = r"model is not a fastbp model or is damaged: \S"

HUGE = {
    "theta": model(theta=claims((10**12,))),
    "theta, bytes and all": model(theta=claims((26,), "<f8") + bytes(8 * 10**6)),
    "theta of other widths": model(theta=npy(np.zeros(10**6))),
    "text": model(header=claims((), "<U1000000000")),
    "text of many": model(header=claims((10**12,), "<U1")),
    "shape that overflows": model(theta=claims((2**62, 2**62, 4))),
    "negative shape": model(theta=claims((-(2**40),))),
}
ODD = {
    "a member that is no array": model(theta=b"text"),
    "an empty member": model(header=b""),
    "no theta": archive(header=npy(np.array(text_of(NET)))),
    "no header": archive(theta=npy(NET.init(seed=1))),
    "objects": model(theta=claims((26,), "|O")),
    "records": model(theta=npy(np.zeros(26, [("a", "<f8")]))),
    "complex theta": model(theta=npy(NET.init(seed=1) + 1j)),
    "text for theta": model(theta=npy(np.array(["1"] * 26))),
    "a theta of nan": model(theta=npy(np.full(26, np.nan))),
    "a matrix": model(theta=npy(NET.init(seed=1)[None])),
    "another version of npy": model(theta=b"\x93NUMPY\x09\x00" + bytes(100)),
    "a header of parentheses": model(theta=b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 10000),
    "a header of tabs": model(theta=b"\x93NUMPY\x01\x00\x10\x27" + b"{\n\t" * 3333 + b" "),
    "a header that promises more": model(theta=b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"),
    "no unicode": model(header=claims((), "<U1") + b"\xff\xff\xff\x7f"),
    "deflated": archive(
        zipfile.ZIP_DEFLATED, header=npy(np.array(text_of(NET))), theta=npy(NET.init(seed=1))
    ),
    "lzma": archive(
        zipfile.ZIP_LZMA, header=npy(np.array(text_of(NET))), theta=npy(NET.init(seed=1))
    ),
}
TEXTS = {
    "deep lists": "[" * 100000,
    "deep dictionaries": '{"a":' * 100000,
    "deep notes": text_of(NET)[:-3] + '{"a": ' * 200_000 + "0" + "}" * 200_000 + "}",
    "a deep loss": text_of(NET).replace('"cross_entropy"', "[" * 950 + "]" * 950),
    "a deep width": text_of(NET).replace('"n_in": 3', '"n_in": ' + "[" * 950 + "]" * 950),
    "a long number": '{"format": ' + "9" * 10**5 + "}",
    "nothing": "",
    "null": "null",
    "a list": "[]",
    "text": '"fastbp-model"',
    "another format": '{"format": "other"}',
    "a layer that is no dictionary": text_of(NET).replace('{"n_in": 3', '7, {"n_in": 3'),
    "notes that are none": text_of(NET).replace('"extra": {}', '"extra": [1]'),
    "no notes": text_of(NET).replace('"extra"', '"other"'),
    "no network": text_of(NET).replace('"network"', '"other"'),
}


@pytest.mark.parametrize("name", [*HUGE, *ODD])
def test_members_that_are_no_model_are_refused(tmp_path, name):
    path = tmp_path / "model"
    path.write_bytes((HUGE | ODD)[name])
    with pytest.raises(ValueError, match=REFUSED):
        files.load(path)


@pytest.mark.parametrize("name", TEXTS)
def test_headers_that_are_no_model_are_refused(tmp_path, name):
    path = tmp_path / "model"
    path.write_bytes(model(header=npy(np.array(TEXTS[name]))))
    with pytest.raises(ValueError, match=REFUSED) as caught:
        files.load(path)
    assert len(str(caught.value)) < 500 + len(str(path))


@pytest.mark.parametrize(
    "way", [["loss"], ["l2"], ["layers", 0, "n_in"], ["layers", 0], ["version"]]
)
def test_descriptions_deeper_than_the_stack_are_refused(way):
    description = parent = NET.to_dict()
    for key in way[:-1]:
        parent = parent[key]
    parent[way[-1]] = functools.reduce(lambda inner, _: [inner], range(100000), 0)
    with pytest.raises(ValueError, match=r"not the description|is written in format"):
        fastbp.Network.from_dict(description)


def test_a_long_table_of_contents_is_not_read(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(archive(**{f"m{i}": b"" for i in range(30000)}))
    with pytest.raises(ValueError, match=r"its table of contents has \d+ bytes"):
        files.load(path)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i4", "|u1", "<f2"])
def test_theta_of_any_real_dtype_is_read(tmp_path, dtype):
    path, theta = tmp_path / "model", np.arange(26).astype(dtype)
    path.write_bytes(model(theta=npy(theta)))
    loaded = files.load(path).theta
    assert loaded.dtype == np.float64
    assert loaded.flags.writeable
    assert np.array_equal(loaded, np.arange(26.0))


# Any byte, any entry


@pytest.mark.parametrize("net", [NET, WITH_CIRCUITS], ids=["names", "circuits"])
def test_no_single_flipped_bit_makes_another_model(tmp_path, net):
    content = content_of(net, {"classes": ["a", "b"]})
    path = tmp_path / "model"
    path.write_bytes(content)
    theta, rng = files.load(path).theta, random.Random(0)
    ends = [*range(120), *range(len(content) - 320, len(content))]
    for place in {*ends, *rng.sample(range(len(content)), 700)}:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randrange(8)
        assert outcome(path, damaged) is None, place
        try:
            loaded = files.load(path)
        except (ValueError, OSError):
            continue
        assert loaded.network == net
        assert np.array_equal(loaded.theta, theta)


JUNK = [
    None, True, 0, -1, 1, 2, 3.5, 2**31, 2**63, 10**400, 1e308, float("nan"), float("inf"),
    "", "x", "tanh", "softmax", "float32", "(2,)f8", {}, [], [[]], {"a": 1}, "\ud800", "z" * 10**5,
    ["constant", 1.0], ["input", "z"], ["multiply", 0, 1], ["add", 0, 10**9], ["exp", -1],
]  # fmt: skip


def places(value, here=()):
    """The places of all entries in nested lists and dictionaries."""
    yield here
    if isinstance(value, dict | list):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield from places(value[key], (*here, key))


def mutated(value, rng):
    """A copy with one entry replaced, deleted, doubled or nested."""
    value = copy.deepcopy(value)
    *way, last = rng.choice([place for place in places(value) if place])
    parent = value
    for key in way:
        parent = parent[key]
    kind = rng.randrange(5)
    if kind == 0:
        del parent[last]
    elif kind == 1 and isinstance(parent, list):
        parent.insert(last, copy.deepcopy(rng.choice(parent)))
    elif kind == 2:
        for _ in range(rng.choice([1, 3, 200])):
            parent[last] = [parent[last]] if rng.randrange(2) else {"circuit": parent[last]}
    else:
        parent[last] = rng.choice(JUNK)
    return value


@pytest.mark.parametrize("net", [NET, WITH_CIRCUITS], ids=["names", "circuits"])
def test_descriptions_with_any_entry_changed(tmp_path, net):
    rng, path, refused = random.Random(1), tmp_path / "model", 0
    header, theta = json.loads(text_of(net, {"notes": [1, "a"]})), npy(net.init(seed=1))
    for _ in range(1500):
        damaged = mutated(header, rng)
        if rng.randrange(3) == 0:
            damaged = mutated(damaged, rng)
        content = model(npy(np.array(json.dumps(damaged))), theta)
        assert outcome(path, content) is None, damaged
        try:
            fastbp.Network.from_dict(damaged.get("network"))
        except ValueError:
            refused += 1
    assert refused > 500


def ragged(content, rng):
    """Bytes overwritten, cut out, doubled, or numbers of the archive replaced by odd ones."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        marks = [content.find(mark) for mark in (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"\x93NUMPY")]
        start = rng.choice([place for place in marks if place >= 0] or [0])
        place = min(start + rng.randrange(60), len(content) - 1)
        kind = rng.randrange(4)
        if kind == 0:
            content[place] = rng.randrange(256)
        elif kind == 1:
            form, odd = rng.choice([("<H", [0, 1, 8, 12, 14, 99, 65535]),
                                    ("<I", [0, 1, 2**20, 2**31, 2**32 - 1])])  # fmt: skip
            piece = struct.pack(form, rng.choice(odd))
            content[place : place + len(piece)] = piece
        elif kind == 2:
            del content[place : place + rng.choice([1, 4, 30, 1000])]
        else:
            content[place:place] = content[place : place + rng.choice([1, 4, 30, 1000])]
    return content


def test_archives_with_any_bytes_changed(tmp_path):
    rng, path, content = random.Random(2), tmp_path / "model", content_of(NET)
    for number in range(3000):
        damaged = ragged(content, rng)
        assert outcome(path, damaged) is None, number


# Memory


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux only")
def test_what_a_file_claims_costs_no_memory(tmp_path):
    zeros = tmp_path / "zeros"
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header.npy", npy(np.array(text_of(NET))))
        with file.open("theta.npy", "w", force_zip64=True) as member:
            member.write(claims((25 * 10**6,)))
            for _ in range(25):
                member.write(bytes(8 * 10**6))
    assert zeros.stat().st_size < 10**6
    contents = dict(HUGE)
    contents["many entries"] = archive(**{f"m{i}": b"" for i in range(30000)})
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    run(f"""
from fastbp import files
names = [os.path.join({str(tmp_path)!r}, name) for name in os.listdir({str(tmp_path)!r})]
files.load  # its imports are done
with open("/proc/self/status") as file:
    peak = lambda: int(next(line for line in file if line.startswith("VmHWM")).split()[1])
    file.seek(0); before = peak()
    undo = limit_memory(200 * 2**20)
    for name in names:
        try:
            files.load(name)
        except ValueError as error:
            assert "MemoryError" not in str(error), error
        else:
            raise AssertionError(name)
    undo()
    file.seek(0)
    assert peak() - before < 80 * 2**10, (before, name)
""")
