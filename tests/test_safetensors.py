"""The safetensors format: bytes of the package of that name, its refusals, and any damage."""

import io
import json
import os
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import fastbp
from fastbp import files, safetensors

package = pytest.importorskip("safetensors")
import safetensors.numpy as reference  # noqa: E402

Z = fastbp.variable("z")
NETS = [
    fastbp.mlp(3, 4, 2, hidden="relu", output="softmax", loss="cross_entropy", l2=0.1),
    fastbp.mlp(2, 2, 1, hidden=fastbp.circuit(Z / (1 + fastbp.circuits.exp(-Z)))),
]
DTYPES = [np.dtype(code) for code in safetensors.DTYPES.values()]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays_of.arrays(
        dtype, arrays_of.array_shapes(min_dims=0, min_side=0, max_side=3)
    )
)


def written(arrays, metadata):
    file = io.BytesIO()
    safetensors.write(file, arrays, metadata)
    return file.getvalue()


def read(path, content):
    path.write_bytes(content)
    with open(path, "rb", buffering=0) as file:
        return safetensors.read(file)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("safetensors") / "file"


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.text(max_size=5), ARRAYS, max_size=4), st.none() | st.text())
def test_bytes_are_those_of_the_package(path, arrays, note):
    arrays.pop("__metadata__", None)
    metadata = {} if note is None else {"note": note}
    if any("\ud800" <= c <= "\udfff" for c in "".join([*arrays, note or ""])):
        return  # no text that a file can have
    content = written(arrays, metadata)
    assert content == reference.save(arrays, metadata or None)
    found, texts = read(path, content)
    assert texts == metadata
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def test_any_memory_order_is_written_in_c_order(path):
    array = np.arange(6, dtype=">f4").reshape(2, 3)
    found, _ = read(path, written({"a": array.T, "b": array[:, ::-1]}, {}))
    assert (found["a"] == array.T).all()
    assert (found["b"] == array[:, ::-1]).all()


def file_of(header, data=b""):
    text = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(text)) + text + data


ONE = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}
REFUSED = {
    "nothing": b"",
    "seven bytes": bytes(7),
    "no header": bytes(8),
    "a header longer than the file": struct.pack("<Q", 2**40) + b"{}",
    "a header of all the numbers": struct.pack("<Q", 2**64 - 1) + b"{}",
    "no JSON": file_of("{'a': 1}"),
    "no text": file_of(b'{"\xff": 1}'),
    "a list": file_of("[]"),
    "a number": file_of("12"),
    "deep": file_of("[" * 100_000),
    "a long number": file_of('{"a": ' + "9" * 10_000 + "}"),
    "nan": file_of('{"a": NaN}'),
    "a name twice": file_of(f'{{"a": {json.dumps(ONE)}, "a": {json.dumps(ONE)}}}', bytes(8)),
    "metadata of numbers": file_of('{"__metadata__": {"a": 1}}'),
    "metadata that is a list": file_of('{"__metadata__": []}'),
    "bytes at the end": file_of(json.dumps({"a": ONE}), bytes(9)),
    "a byte missing": file_of(json.dumps({"a": ONE}), bytes(7)),
    "a hole": file_of(json.dumps({"a": ONE | {"data_offsets": [8, 16]}}), bytes(16)),
    "one over the other": file_of(json.dumps({"a": ONE, "b": ONE}), bytes(8)),
    "a stop before its start": file_of(json.dumps({"a": ONE | {"data_offsets": [8, 0]}}), bytes(8)),
    "another size": file_of(json.dumps({"a": ONE | {"shape": [2]}}), bytes(8)),
    "a shape that overflows": file_of(json.dumps({"a": ONE | {"shape": [2**61, 8]}}), bytes(8)),
    "a negative shape": file_of(json.dumps({"a": ONE | {"shape": [-1]}}), bytes(8)),
    "a shape of halves": file_of(json.dumps({"a": ONE | {"shape": [1.0]}}), bytes(8)),
    "a shape that is true": file_of(json.dumps({"a": ONE | {"shape": [True]}}), bytes(8)),
    "an unknown dtype": file_of(json.dumps({"a": ONE | {"dtype": "F65"}}), bytes(8)),
    "a dtype that is a list": file_of(json.dumps({"a": ONE | {"dtype": []}}), bytes(8)),
    "three offsets": file_of(json.dumps({"a": ONE | {"data_offsets": [0, 8, 8]}}), bytes(8)),
    "no offsets": file_of('{"a": {"dtype": "F64", "shape": [1]}}', bytes(8)),
    "an array that is a number": file_of('{"a": 7}'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_the_rules_is_refused(path, name):
    with pytest.raises((ValueError, RecursionError)):
        read(path, REFUSED[name])
    if name != "a name twice":  # of which the package takes the last
        with pytest.raises(Exception, match=r"."):
            reference.load(REFUSED[name])
    with pytest.raises(ValueError, match=r"file is not a fastbp model or is damaged: \S"):
        files.load(path)


def saved(net, path):
    net.save(path, net.init(seed=1), {"classes": ["a", "b"]})
    return path.read_bytes()


ODD = [
    0,
    1,
    7,
    8,
    -1,
    2**31,
    2**63,
    2**64,
    10**30,
    1.5,
    True,
    None,
    "",
    "F32",
    [],
    [1],
    {},
    "\ud800",
]


def mutated(content, rng):
    """Bytes flipped, cut out, doubled, or an entry of the header replaced."""
    kind = rng.randrange(5)
    length = struct.unpack_from("<Q", content)[0]
    if kind == 4:
        header = json.loads(content[8 : 8 + length])
        parent, key = header, rng.choice([*header])
        while isinstance(parent[key], dict | list) and parent[key] and rng.randrange(3):
            parent = parent[key]
            key = rng.choice([*parent] if isinstance(parent, dict) else range(len(parent)))
        if rng.randrange(4) == 0:
            del parent[key]
        else:
            parent[key] = rng.choice(ODD)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + length :]
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.randrange(len(damaged)) if rng.randrange(2) else rng.randrange(16)
        place = min(place, len(damaged) - 1)
        if kind == 0:
            damaged[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            damaged[place] = rng.randrange(256)
        elif kind == 2 and len(damaged) > 1:
            del damaged[place : place + rng.choice([1, 8, 100])]
        else:
            damaged[place:place] = damaged[place : place + rng.choice([1, 8, 100])]
        if not damaged:
            break
    return bytes(damaged)


@pytest.mark.parametrize("net", NETS, ids=["names", "circuits"])
def test_damage_is_an_error_or_changes_nothing(tmp_path, net):
    path, rng = tmp_path / "model", random.Random(0)
    content, theta = saved(net, path), net.init(seed=1)
    for number in range(3000):
        path.write_bytes(mutated(content, rng))
        try:
            loaded = files.load(path)
        except (ValueError, OSError):
            continue
        assert np.array_equal(loaded.theta, theta), number
        assert isinstance(loaded.extra, dict), number


def test_what_a_file_claims_costs_no_memory(tmp_path):
    import tracemalloc

    path = tmp_path / "model"
    huge = {
        "shape": {"a": {"dtype": "F64", "shape": [10**9], "data_offsets": [0, 8 * 10**9]}},
        "many of nothing": {
            "a": {"dtype": "F64", "shape": [10**9, 0], "data_offsets": [0, 0]},
        },
    }
    for header in huge.values():
        path.write_bytes(file_of(json.dumps(header)))
        tracemalloc.start()
        with pytest.raises(ValueError, match="damaged"):
            files.load(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="Linux only")
def test_a_file_without_an_end_is_refused():
    with pytest.raises(ValueError, match="not a fastbp model"):
        files.load("/dev/zero")
