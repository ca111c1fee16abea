import errno
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pyface3d import MorphableModel, create_method
from pyface3d.camera import ParameterSpace
from pyface3d.methods import from_pretrained, load_weights, read_card, save_weights
from pyface3d.methods.bounded import no_larger_than
from pyface3d.methods.loading import load_method, method_of


@pytest.fixture(scope="module")
def saved(tmp_path_factory, small_method):
    """A method with a space of its own, and its file."""
    space = ParameterSpace(torch.arange(62) / 62, torch.full((62,), 2.0))
    method = small_method("mobile_frnet", se_reduction=4, kernels=(3, 3), space=space)
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_weights(method, path, training={"data": "none", "seed": 0}, numbers={"nme": 1.5}, license="Apache-2.0")
    return method, path


def test_the_card_tells_everything(saved, face_model):
    method, path = saved
    card = read_card(path)
    assert card.method == "mobile_frnet" and card.arguments["kernels"] == [3, 3]
    assert card.face_model == {
        "name": face_model.name,
        "hash": face_model.hash(),
        "unit": "cm",
        "landmarks": "300w-lp",
        "landmarks_hash": face_model.landmark_sets["300w-lp"].hash(),
    }
    assert card.training["seed"] == 0 and card.numbers == {"nme": 1.5} and card.license == "Apache-2.0"
    assert card.images["channels"] == "RGB" and card.images["crop"] == "roi_from_landmarks"
    torch.testing.assert_close(ParameterSpace.from_dict(card.parameter_space).mean, method.space.mean, rtol=0, atol=0)


def test_weights_build_the_method_again(saved, pictures):
    method, path = saved
    images = pictures(method)
    expected = method.predict(images).params
    for again in (create_method("mobile_frnet", pretrained=path), from_pretrained(path), from_pretrained(path.parent)):
        assert not again.training
        assert torch.equal(again.predict(images).params, expected)


def test_from_a_repository(saved, pictures, monkeypatch):
    method, path = saved

    class Hub:
        @staticmethod
        def hf_hub_download(repository, name, revision=None):
            assert (repository, name, revision) == ("someone/faces", "model.safetensors", "v1")
            return str(path)

    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub)
    assert torch.equal(
        from_pretrained("someone/faces", revision="v1").predict(pictures(method)).params,
        method.predict(pictures(method)).params,
    )
    with pytest.raises(FileNotFoundError, match="no file or folder ./nowhere"):
        from_pretrained("./nowhere")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'pyface3d\[hub\]'"):
        from_pretrained("someone/faces")


def test_half_precision_storage(saved, pictures, tmp_path):
    method, path = saved
    save_weights(method, tmp_path / "half.safetensors", dtype=torch.float16)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.56 * path.stat().st_size
    half = from_pretrained(tmp_path / "half.safetensors")
    assert all(p.dtype == torch.float32 for p in half.parameters())
    with torch.no_grad():
        images = method.preprocess(pictures(method))
        expected = method(images)
        torch.testing.assert_close(half(images), expected, rtol=2e-2, atol=2e-2 * float(expected.abs().max()))
    with pytest.raises(ValueError, match="must be torch.float32, torch.float16 or torch.int8"):
        save_weights(method, tmp_path / "x.safetensors", dtype=torch.bfloat16)


def test_storage_in_eight_bits(saved, tmp_path):
    method, path = saved
    save_weights(method, tmp_path / "small.safetensors", dtype=torch.int8)
    assert (tmp_path / "small.safetensors").stat().st_size < 0.32 * path.stat().st_size
    small = from_pretrained(tmp_path / "small.safetensors")
    found = small.network.state_dict()
    for name, tensor in method.network.state_dict().items():
        rows = tensor.flatten(1) if tensor.ndim > 1 else torch.zeros(1, 1)  # vectors are kept as they are
        step = rows.abs().amax(1) / 127
        assert found[name].dtype == tensor.dtype, name
        off = (found[name] - tensor).abs().view(len(rows), -1).amax(1) if tensor.ndim else found[name] - tensor
        assert (off <= 0.501 * step).all(), name
    save_weights(small, tmp_path / "again.safetensors", dtype=torch.int8)  # what is stored is kept
    again = from_pretrained(tmp_path / "again.safetensors").network.state_dict()
    assert all(torch.allclose(again[name], tensor, 1e-6, 0) for name, tensor in found.items())


def test_some_matrices_keep_more_digits(tmp_path):
    method = create_method("compact")
    save_weights(method, tmp_path / "mixed.safetensors", dtype=torch.int8, exact=("fc", "pool"))
    stored = {name: tensor.dtype for name, tensor in load_file(tmp_path / "mixed.safetensors").items()}
    assert stored["fc.weight"] == stored["pool.conv.weight"] == torch.float16
    assert stored["dw6.conv_sep.weight"] == torch.int8


def test_another_face_model_is_an_error(saved, face_model):
    _, path = saved
    other = MorphableModel(
        face_model.mean * 1.01, face_model.identity_basis, face_model.expression_basis, face_model.triangles,
        landmarks=face_model.landmarks, name="other",
    )  # fmt: skip
    with pytest.raises(ValueError, match="trained for the face model ict_face .* not for other .* distorted faces"):
        create_method("mobile_frnet", pretrained=path, model=other)


def test_a_face_model_that_is_not_embedded_must_be_given(saved, tmp_path):
    _, path = saved
    with safe_open(path, "pt") as file:
        card = json.loads(file.metadata()["pyface3d"])
    card["face_model"]["name"] = "bfm2009"
    save_file(load_file(path), tmp_path / "bfm.safetensors", metadata={"pyface3d": json.dumps(card)})
    with pytest.raises(ValueError, match="need the face model bfm2009, which is not embedded"):
        from_pretrained(tmp_path / "bfm.safetensors")


def test_weights_of_something_else_are_refused(saved, small_method, tmp_path, face_model):
    _, path = saved
    with pytest.raises(ValueError, match="weights of mobile_frnet, not of marn"):
        create_method("marn", pretrained=path)
    with pytest.raises(ValueError, match=r"weights of mobile_frnet\(.*do not fit mobile_frnet\(.*se_reduction=8"):
        create_method("mobile_frnet", pretrained=path, se_reduction=8)
    with pytest.raises(ValueError, match="trained with another parameter space"):
        create_method("mobile_frnet", pretrained=path, space=ParameterSpace())
    bare = tmp_path / "bare.safetensors"
    save_file({k: v.contiguous() for k, v in small_method("synergynet").network.state_dict().items()}, bare)
    with pytest.raises(ValueError, match="bare.safetensors: weights of another architecture"):
        load_weights(small_method("mobile_frnet"), bare)
    with pytest.raises(ValueError, match="no model card"):
        from_pretrained(bare)


def test_damaged_files_are_named(saved, tmp_path):
    _, path = saved
    whole = path.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "text.safetensors").write_bytes(b"hello" * 100)
    for name in ("cut", "empty", "text"):
        with pytest.raises(ValueError, match=f"{name}.safetensors"):
            from_pretrained(tmp_path / f"{name}.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "card.safetensors", metadata={"pyface3d": '{"method": 1}'})
    with pytest.raises(ValueError, match="card.safetensors is damaged"):
        from_pretrained(tmp_path / "card.safetensors")
    with pytest.raises(FileNotFoundError, match="no weights 'nowhere'; packaged: "):
        create_method("mobile_frnet", pretrained="nowhere")


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("compact", {"width": 1000.0}, "more numbers than the file has bytes"),
        ("compact", {"width": 1e300}, "card.safetensors"),
        ("compact", {"size": 10**9}, "card.safetensors"),
        ("mobile_frnet", {"nonsense": 1}, "nonsense"),
        ("mobile_frnet", {"model": "/etc/passwd"}, "model"),
        ("mobile_frnet", {"space": "/etc/passwd"}, "space"),
        ("nobody", {}, "'nobody', which is no method here"),
    ],
)
def test_a_card_builds_no_more_than_its_file_holds(saved, tmp_path, method, arguments, words):
    card = {**vars(read_card(saved[1])), "method": method, "arguments": arguments}
    path = tmp_path / "card.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"pyface3d": json.dumps(card)})
    with pytest.raises(ValueError, match="card.safetensors") as caught:
        from_pretrained(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_networks_of_endless_layers_and_other_threads(tmp_path):
    (tmp_path / "weights").write_bytes(bytes(1000))
    with pytest.raises(ValueError, match="more than 10,000 layers"), no_larger_than(tmp_path / "weights"):
        torch.nn.Sequential(*[torch.nn.ReLU()] * 10_001)
    with no_larger_than(tmp_path / "weights"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.nn.Linear, 100, 100).result().weight.numel() == 10_000
        assert torch.nn.Linear(30, 30).weight.numel() == 900
    assert torch.nn.Linear(100, 100).weight.numel() == 10_000


def test_the_card_names_the_method(saved, tmp_path):
    method, path = saved
    assert load_method(weights=path).name == "mobile_frnet" == method_of(path)
    assert load_method().name == method_of(None) == "compact"
    save_file({"a": torch.zeros(1)}, tmp_path / "bare.safetensors")
    for nameless in (tmp_path / "bare.safetensors", "embedded", tmp_path / "absent.safetensors"):
        with pytest.raises(ValueError, match="no weight file with a card that names its method"):
            load_method(weights=nameless)


def test_a_failed_write_leaves_the_old_file(saved, tmp_path, monkeypatch):
    method, path = saved
    target = tmp_path / "model.safetensors"
    target.write_bytes(path.read_bytes())
    full = OSError(errno.ENOSPC, "disk full")
    monkeypatch.setattr("pyface3d.atomic.os.replace", lambda *_: (_ for _ in ()).throw(full))
    with pytest.raises(OSError, match="disk full"):
        save_weights(method, target)
    assert target.read_bytes() == path.read_bytes() and list(tmp_path.iterdir()) == [target]


def test_a_deployed_method_is_not_saved(saved, tmp_path):
    method, _ = saved
    with pytest.raises(ValueError, match="deployed"):
        save_weights(method.deploy(), tmp_path / "x.safetensors")
