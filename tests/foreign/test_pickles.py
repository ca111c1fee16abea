import collections
import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse
import torch

from pyface3d.foreign.pickles import as_array, load_pickle
from pyface3d.morphable import load_model


class Command:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def chumpy(monkeypatch):
    """A stand-in for the chumpy package, as far as pickling goes."""
    package, module = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")

    class Ch:
        pass

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch
    monkeypatch.setitem(sys.modules, "chumpy", package)
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)

    def make(array):
        made = Ch()
        made.x = array
        return made

    return make


def flame(chumpy):
    rng = np.random.default_rng(0)
    return {
        "v_template": chumpy(rng.normal(size=(20, 3))),
        "shapedirs": chumpy(rng.normal(size=(20, 3, 305))),
        "f": np.stack([np.arange(18), np.arange(18) + 1, np.arange(18) + 2], axis=1).astype(np.uint32),
        "J_regressor": scipy.sparse.csc_matrix(np.eye(5, 20)),
        "weights": rng.normal(size=(20, 5)),
        "bs_style": "lbs",
    }


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_flame(chumpy, protocol, tmp_path, monkeypatch):
    content = flame(chumpy)
    want = {name: content[name].x for name in ("v_template", "shapedirs")}
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    monkeypatch.delitem(sys.modules, "chumpy.ch")  # the reader must not need the package
    model = load_model(path)
    assert (model.n_identity, model.n_expression, model.unit) == (300, 5, "m")
    assert torch.equal(model.mean, torch.tensor(want["v_template"]))
    assert torch.equal(model.basis, torch.tensor(want["shapedirs"]))
    assert model.triangles[3].tolist() == [3, 4, 5]


def test_pickle_that_runs_a_command(chumpy, tmp_path):
    witness = tmp_path / "witness"
    content = flame(chumpy) | {"weights": Command(f"touch {witness}")}
    for protocol in (0, 2, 4):
        path = tmp_path / "generic_model.pkl"
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        with pytest.raises(ValueError, match=r"asks for (posix|nt|os)\.system; only arrays and plain containers"):
            load_model(path)
    assert not witness.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c__builtin__\ngetattr\n(S'1'\nS'upper'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.core.multiarray\nfromfile\n(S'x'\ntR.",
        b"cscipy.sparse._csc\nload_npz\n(S'x'\ntR.",
        b"ccopy_reg\n_reconstructor\n(cbuiltins\nset\ncbuiltins\nobject\nNtR.",
        b"cchumpy.ch\nMatVecMult\n(tR.",
        b"c_codecs\nencode\n(S'x'\nS'zlib'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
    ],
)
def test_refused_by_name(content, tmp_path):
    path = tmp_path / "evil.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="asks for .*; only arrays and plain containers"):
        load_pickle(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers(protocol, tmp_path):
    content = {
        "array": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3)),
        "scalar": np.float32(2.5),
        "list": [1, (2.0, "three"), {4}, None, True, b"bytes"],
        "ordered": collections.OrderedDict(a=1),
    }
    path = tmp_path / "content.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    got = load_pickle(path)
    assert got["list"] == content["list"] and got["ordered"] == {"a": 1} and got["scalar"] == 2.5
    for name in ("array", "fortran"):
        np.testing.assert_array_equal(got[name], content[name])
        assert got[name].dtype == content[name].dtype


def test_damaged(tmp_path):
    path = tmp_path / "content.pkl"
    content = pickle.dumps({"u": np.arange(1000.0)}, protocol=2)
    for length in range(2, len(content), 61):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged or truncated"):
            load_pickle(path)
    path.write_bytes(b"\x80\x02\xff\xff\xff")
    with pytest.raises(ValueError, match="damaged or truncated"):
        load_model(path)


def test_as_array(chumpy, tmp_path):
    path = tmp_path / "content.pkl"
    path.write_bytes(pickle.dumps([chumpy(np.ones(2)), chumpy(None), "text"], protocol=2))
    stored, expression, text = load_pickle(path)
    np.testing.assert_array_equal(as_array(stored), np.ones(2))
    with pytest.raises(ValueError, match="chumpy expression"):
        as_array(expression)
    with pytest.raises(ValueError, match="instead of numbers"):
        as_array(text)


def refused(content, path, words):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        load_pickle(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_nesting_ends(tmp_path):
    refused(b"\x80\x04N" + b"\x85" * 1_000_000 + b".", tmp_path / "deep.pkl", "more containers|nests")
    refused(b"\x80\x04" + b"]" * 50_000 + b"a" * 49_999 + b".", tmp_path / "deep.pkl", "nests more than 100")
    refused(b"\x80\x04]\x94h\x00a.", tmp_path / "itself.pkl", "within itself")


def test_content_that_would_grow_without_end(tmp_path):
    path = tmp_path / "grows.pkl"
    twice = (
        b"\x80\x04]\x94N\x61" + b"".join(b"]\x94(h" + bytes([k]) + b"h" + bytes([k]) + b"e" for k in range(60)) + b"."
    )
    refused(twice, path, "hold each other more often")
    refused(b"\x80\x04" + b"]0" * 10, path, "the opcode POP")
    refused(b"\x80\x04" + b"]" * 200_000 + b"t.", path, "more containers or memo entries")
    refused(b"\x80\x04K\x01" + b"\x94" * 200_000 + b".", path, "more containers or memo entries")
    refused(b"\x80\x05\x96" + (6 * 10**9).to_bytes(8, "little") + b".", path, "too early")
    zeros = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05" + (6 * 10**9).to_bytes(5, "little") + b"\x85R."
    refused(zeros, path, "int instead of bytes")
    copied = b"\x80\x03B" + (1 << 20).to_bytes(4, "little") + bytes(1 << 20) + b"q\x00"
    copies = b"cbuiltins\nbytes\nq\x01" + b"h\x01h\x00\x85R" * 2000
    refused(copied + copies + b".", path, "copies its content more often")


def test_real_constructors_are_out_of_reach(tmp_path):
    path = tmp_path / "real.pkl"
    fields = b"\x80\x02cnumpy\ndtype\n(U\x02V8K\x00K\x01tR(K\x03U\x01|N(U\x01atX\x01\x00\x00\x00a}K\x08K\x01K\x10tb."
    refused(fields, path, "a numpy.dtype with fields")
    objects = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x01tcnumpy\ndtype\n"
    )
    objects += b"(U\x02O8K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftbI00\nU\x08xxxxxxxxtb."
    refused(objects, path, "none of plain numbers")
    refused(b"\x80\x02cnumpy\nndarray\n(K\x04tR.", path, "an object of numpy.ndarray")
    refused(b"\x80\x02cbuiltins\nset\n(](]a\x85tR.", path, "a key of list|damaged")
    refused(b"\x80\x02}(N\x85N\x85s.", path, "a key of tuple|damaged")


def test_arrays_are_as_long_as_their_bytes(tmp_path):
    path = tmp_path / "array.pkl"
    content = pickle.dumps(np.arange(64.0), protocol=2)
    shape = b"K@\x85"
    assert content.count(shape) == 1
    refused(content.replace(shape, b"K\xff\x85"), path, "needs 2040 bytes, there are 512")
