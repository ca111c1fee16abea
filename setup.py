"""Builds the kernels, and is its own PEP 517 backend: the build uses the torch of the environment pip installs into."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.build_meta import *  # noqa: F403  (the backend hooks)
from setuptools.build_meta import get_requires_for_build_wheel as _requires
from setuptools.command.build_ext import build_ext

from toolchain import (
    FREE_THREADED,
    compiler,
    cuda_flags,
    cuda_toolkit,
    cuda_version,
    instruction_sets,
    stop,
    toolchain,
)

ROOT = Path(__file__).parent.absolute()
TORCH_TARGET = "0x020b000000000000"  # 2.11: the first torch whose stable ABI has all we call
TORCH_LEAST = (2, 11)


def installed_torch():
    """Folder of torch in the environment that runs pip (its site-packages is not on the isolated build's path)."""
    try:
        import torch

        return Path(torch.__file__).parent
    except ImportError:
        pass
    code = "import sysconfig; print(sysconfig.get_path('purelib'), sysconfig.get_path('platlib'), sep='\\n')"
    found = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True).stdout.split("\n")
    folders = [Path(line, "torch") for line in found if line]
    return next((folder for folder in folders if (folder / "include").is_dir()), None)


def torch_version(folder):
    """(major, minor) of the torch in ``folder``, read from its version file."""
    found = re.search(r"__version__ = '(\d+)\.(\d+)", (folder / "version.py").read_text())
    return (int(found[1]), int(found[2])) if found else (0, 0)


def get_requires_for_build_wheel(config_settings=None):
    """What the build environment lacks: a torch only where the target environment has none."""
    return _requires(config_settings) + ([] if installed_torch() else ["torch>=2.11"])


get_requires_for_build_editable = get_requires_for_build_wheel


def usable_torch():
    """The torch to build against, or a sentence."""
    folder = installed_torch()
    if folder is None:
        stop("torch>=2.11 is needed to build and none is installed here; run: pip install 'torch>=2.11'")
    if torch_version(folder) < TORCH_LEAST:
        have = ".".join(map(str, torch_version(folder)))
        stop(f"torch>=2.11 is needed, this environment has {have}; run: pip install --upgrade 'torch>=2.11'")
    return folder


def emulating():
    """Whether the CUDA kernels are compiled for CPU tensors (tests/emulation), to test them without a GPU."""
    return os.environ.get("PYFACE3D_EMULATE_CUDA") == "1"


class NinjaBuild(build_ext):
    """One ninja file for all objects: .cpp through the C++ compiler, .cu through nvcc; nvcc never sees torch."""

    def build_extension(self, ext):  # noqa: D102 (setuptools names it)
        out = Path(self.get_ext_fullpath(ext.name)).absolute()
        work = Path(self.build_temp).absolute()  # one folder for both modules: they share the kernels' objects
        for folder in (work, out.parent):
            folder.mkdir(parents=True, exist_ok=True)
        rules = torch_module(out) if ext.name.endswith("_C") else runtime_module(out)
        plan = work / f"{ext.name}.ninja"
        plan.write_text("\n".join(rules) + "\n")
        if subprocess.run([sys.executable, "-m", "ninja", "-C", str(work), "-f", plan.name]).returncode:
            stop("the kernels did not compile; the compiler's message stands above (C++17 is needed, g++ >= 11)")


def common_rules(cuda):
    """Ninja rules shared by both modules: C++, one rule per instruction set, CUDA."""
    cxx = compiler(TOOLS)
    sanitize = os.environ.get("PYFACE3D_SANITIZE", "")  # e.g. "address,undefined"
    extra = f"-fsanitize={sanitize} -fno-omit-frame-pointer -g" if sanitize else ""
    # without optimization a branch of the object is one of the source
    counted = "--coverage -O0" if os.environ.get("PYFACE3D_COVERAGE") == "1" else ""
    rules = [f"flags = {TOOLS.flags} {TOOLS.quiet} {extra} -I{ROOT}/csrc"]
    for name, switches in instruction_sets().items():
        rules.append(
            f"rule kernel_{name}\n command = {cxx} $flags {switches} {counted} -DPYFACE3D_ISA={name} "
            f"-DPYFACE3D_ISA_{name} {TOOLS.dependencies}\n depfile = $out.d"
        )
    rules.append(f"rule cc\n command = {cxx} $flags $more {TOOLS.dependencies}\n depfile = $out.d")
    strip = "" if extra or counted else TOOLS.strip
    rules.append(f"rule ld\n command = {cxx} {extra} {counted} {strip} {TOOLS.link}")
    if cuda:
        # binaries of six architectures, compressed for size: the wheel is downloaded more often than it is loaded
        small = "-Xfatbin -compress-all" + (" --compress-mode=size" if cuda_version(cuda[1]) >= (12, 8) else "")
        rules.append(
            f"rule nv\n command = {cuda[0]} -std=c++17 -O3 {cuda_flags(cuda_version(cuda[1]))} {small} "
            f"{os.environ.get('NVCC_FLAGS', '')} -I{ROOT}/csrc -I{cuda[1]} -Xcompiler -fPIC,-fvisibility=hidden "
            "--threads 2 -MD -MF $out.d -c $in -o $out\n depfile = $out.d"
        )
    return rules


def kernel_objects(rules):
    """Adds one build line per kernel and instruction set; returns the objects."""
    objects = ["simd.o"]
    rules.append(f"build simd.o: cc {ROOT}/csrc/kernels/simd.cpp")
    for source in sorted((ROOT / "csrc/kernels").glob("*.cpp")):
        if source.stem != "simd":
            for name in instruction_sets():
                objects.append(f"kernel_{source.stem}_{name}.o")
                rules.append(f"build {objects[-1]}: kernel_{name} {source}")
    return objects


def includes(*folders):
    """Flags for headers of others, whose warnings are not ours."""
    return " ".join(f"{TOOLS.system_include}{folder}" for folder in folders)


def torch_module(out):
    """Ninja file of pyface3d._C: kernels and their torch registration, against the stable ABI only."""
    torch, cuda = usable_torch(), None if emulating() else cuda_toolkit()
    rules = common_rules(cuda)
    objects = kernel_objects(rules)
    include = includes(f"{torch}/include", sysconfig.get_path("include"))
    if cuda:
        major, minor = cuda_version(cuda[1])
        include += f" -DPYFACE3D_WITH_CUDA={major * 1000 + minor * 10} {includes(cuda[1])}"
    if emulating():
        include += f" -DPYFACE3D_EMULATE_CUDA -I{ROOT}/tests/emulation"
    limited = "" if FREE_THREADED else "-DPy_LIMITED_API=0x030a0000"
    for source in sorted((ROOT / "csrc/torch").glob("*.cpp")):
        objects.append(f"torch_{source.stem}.o")
        rules.append(f"build {objects[-1]}: cc {source}")
        rules.append(f" more = -DTORCH_TARGET_VERSION={TORCH_TARGET} {limited} {include}")
    if cuda or emulating():
        for source in sorted((ROOT / "csrc/kernels").glob("*.cu")):
            objects.append(f"cuda_{source.stem}.o")
            rules.append(f"build {objects[-1]}: {'nv' if cuda else 'cc'} {source}")
            rules.append("" if cuda else f" more = -x c++ -fsanitize=thread {include}")
    if emulating():  # what -fsanitize=thread calls stands in shadow.cpp
        for source in sorted((ROOT / "tests/emulation").glob("*.cpp")):
            objects.append(f"emulation_{source.stem}.o")
            rules.append(f"build {objects[-1]}: cc {source}\n more = {include}")
    libs = TOOLS.torch_libraries(torch)
    if cuda:  # the weak name of the current stream resolves only where libtorch is really needed
        libs = f"-Wl,--no-as-needed {libs} -Wl,--as-needed {cuda[2]} -lrt -ldl -lpthread"
    rules.append(f"build {out}: ld {' '.join(objects)}\n libs = {libs}")
    return rules


def runtime_module(out):
    """Ninja file of pyface3d.runtime._R: the same kernels bound to NumPy with nanobind, without torch.

    In nanobind's split mode the module has the stable ABI of Python 3.10, and the package nanobind-backend what differs
    between Pythons. Free-threaded Pythons have no stable ABI before 3.15: there nanobind is compiled in.
    """
    import nanobind

    folder = Path(nanobind.__file__).parent
    include = includes(f"{folder}/include", f"{folder}/ext/robin_map/include", sysconfig.get_path("include"))
    split = "-DPy_LIMITED_API=0x030a0000 -DNB_BACKEND_MODULE=nanobind_backend -DNB_BACKEND_PYPI=nanobind-backend"
    more = f"{'-DNB_FREE_THREADED' if FREE_THREADED else split} {include}"
    rules = common_rules(None)
    objects = kernel_objects(rules)
    linked = [folder / "src/nb_combined.cpp"] if FREE_THREADED else []
    for source in [*sorted((ROOT / "csrc/runtime").glob("*.cpp")), *linked]:
        objects.append(f"runtime_{source.stem}.o")
        rules.append(f"build {objects[-1]}: cc {source}\n more = -fno-strict-aliasing -w {more}")
    rules.append(f"build {out}: ld {' '.join(objects)}\n libs = {TOOLS.threads} {TOOLS.python_library()}")
    return rules


TOOLS = toolchain()
EXTENSIONS = [Extension(name, [], py_limited_api=not FREE_THREADED) for name in ("pyface3d._C", "pyface3d.runtime._R")]

if __name__ == "__main__":
    setup(
        ext_modules=EXTENSIONS,
        cmdclass={"build_ext": NinjaBuild},
        options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp310"}},
    )
