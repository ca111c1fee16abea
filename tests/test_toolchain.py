"""The flags of each system's compiler, as far as another system can tell."""

import re
import runpy
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "toolchain.py"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the build is in the source tree only")


@pytest.fixture
def tools(monkeypatch):
    """Runs the file as if on a system."""

    def load(platform="linux", machine="x86_64", **environment):
        for name in ("ARCHFLAGS", "CXX", "TORCH_CUDA_ARCH_LIST", "MACOSX_DEPLOYMENT_TARGET", "PYFACE3D_CUDA"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr("platform.machine", lambda: machine)
        return runpy.run_path(str(FILE))

    return load


def test_x86_flags_are_for_x86_alone(tools):
    assert set(tools()["instruction_sets"]()) == {"base", "avx2", "avx512"}
    assert set(tools("win32", "AMD64")["instruction_sets"]()) == {"base", "avx2", "avx512"}
    for machine in ("aarch64", "arm64"):
        assert tools(machine=machine)["instruction_sets"]() == {"base": ""}


def test_macos_compiles_for_the_cpu_that_archflags_names(tools):
    names = tools("darwin", "x86_64", ARCHFLAGS="-arch arm64")
    assert names["instruction_sets"]() == {"base": ""}
    mac = names["toolchain"]()
    assert "-arch arm64" in mac.flags and "-arch arm64" in mac.link and "-undefined dynamic_lookup" in mac.link
    assert "-shared" not in mac.link
    with pytest.raises(SystemExit, match="one wheel for each"):
        tools("darwin", "arm64", ARCHFLAGS="-arch arm64 -arch x86_64")["machine"]()


def test_windows_compiles_with_clang_cl_and_refuses_cl(tools, tmp_path, monkeypatch):
    names = tools("win32", "AMD64")
    windows = names["toolchain"]()
    assert windows.default == "clang-cl" and "/LD" in windows.link and "-fPIC" not in windows.flags
    assert "torch_cpu.lib" in windows.torch_libraries("torch") and "python3.lib" in windows.python_library()
    assert names["cuda_toolkit"]() is None
    for name in ("cl", "clang-cl"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")  # where this test's files can be programs
    assert names["compiler"](windows) == "clang-cl"
    monkeypatch.setenv("CXX", "cl")
    with pytest.raises(SystemExit, match="cl.exe does not know .* install 'C\\+\\+ Clang tools"):
        names["compiler"](windows)


def test_a_missing_compiler_is_one_sentence(tools):
    names = tools(CXX="no-such-compiler")
    with pytest.raises(SystemExit, match=r"^pyface3d: no C\+\+ compiler found \(no-such-compiler\); install one"):
        names["compiler"](names["toolchain"]())


def test_architectures_follow_the_toolkit_and_the_variable(tools):
    flags = tools()["cuda_flags"]
    assert re.findall(r"code=(\w+)", flags((13, 0))) == "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120 compute_120".split()
    assert re.findall(r"code=(\w+)", flags((12, 4))) == "sm_75 sm_80 sm_86 sm_90 compute_90".split()
    asked = tools(TORCH_CUDA_ARCH_LIST="8.9+PTX")["cuda_flags"]
    assert re.findall(r"code=(\w+)", asked((12, 4))) == ["sm_89", "compute_89"]
