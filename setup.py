"""Builds the kernels, and is its own PEP 517 backend: the build uses the torch of the environment pip installs into."""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.build_meta import *  # noqa: F403  (the backend hooks)
from setuptools.build_meta import get_requires_for_build_wheel as _requires
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.absolute()
TORCH_TARGET = "0x020b000000000000"  # 2.11: the first torch whose stable ABI has all we call
TORCH_LEAST = (2, 11)
WARNINGS = "-Wall -Wextra -Wno-unused-parameter"
# Every kernel's CPU loops are compiled once per instruction set and chosen at run time (csrc/kernels/simd.h).
X86 = platform.machine().lower() in ("x86_64", "amd64")
AVX2 = "-mavx2 -mfma -mf16c -mbmi2"
INSTRUCTION_SETS = {"base": ""} | (
    {
        "avx2": AVX2,
        "avx512": AVX2 + " -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd -mprefer-vector-width=512",
    }
    if X86
    else {}
)
CUDA_ARCHITECTURES = "7.5;8.0;8.6;9.0+PTX"


def stop(sentence):
    """Ends the build with one sentence that says what to do."""
    sys.exit(f"pyface3d: {sentence}")


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


def compiler():
    """The C++ compiler's command, or a sentence."""
    command = os.environ.get("CXX", "c++")
    if not shutil.which(command.split()[0]):
        stop(f"no C++ compiler found ({command}); install one (Debian: apt install g++) or set CXX")
    return command


def emulating():
    """Whether the CUDA kernels are compiled for CPU tensors (tests/emulation), to test them without a GPU."""
    return os.environ.get("PYFACE3D_EMULATE_CUDA") == "1"


def cuda_toolkit():
    """(nvcc, include, cudart_static) of the toolkit that owns the headers, not of an nvcc wrapper; None without one."""
    if os.environ.get("PYFACE3D_CUDA") == "0":
        return None
    guesses = [os.environ.get("CUDA_HOME"), "/usr/local/cuda"]
    guesses += sorted(map(str, Path("/usr/local").glob("cuda-*")), reverse=True)
    if nvcc := shutil.which("nvcc"):
        guesses.insert(1, str(Path(nvcc).resolve().parents[1]))
    for guess in filter(None, guesses):
        for pattern in ("include", "targets/*/include"):
            for include in Path(guess).glob(pattern):
                nvcc, runtime = Path(guess, "bin/nvcc"), next(Path(guess).glob("**/libcudart_static.a"), None)
                if (include / "cuda_runtime.h").is_file() and nvcc.is_file() and runtime:
                    return nvcc, include, runtime
    if os.environ.get("PYFACE3D_CUDA") == "1":
        stop("PYFACE3D_CUDA=1, but no CUDA toolkit with nvcc, headers and libcudart_static.a; set CUDA_HOME")
    return None


def cuda_flags():
    """-gencode flags of TORCH_CUDA_ARCH_LIST ("8.0;9.0+PTX"), or of our default list."""
    flags = []
    for arch in re.split(r"[;\s]+", os.environ.get("TORCH_CUDA_ARCH_LIST") or CUDA_ARCHITECTURES):
        number = arch.removesuffix("+PTX").replace(".", "")
        flags.append(f"-gencode arch=compute_{number},code=sm_{number}")
        if arch.endswith("+PTX"):
            flags.append(f"-gencode arch=compute_{number},code=compute_{number}")
    return " ".join(flags)


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
    cxx = compiler()
    sanitize = os.environ.get("PYFACE3D_SANITIZE", "")  # e.g. "address,undefined"
    extra = f"-fsanitize={sanitize} -fno-omit-frame-pointer -g" if sanitize else ""
    flags = "-std=c++17 -O3 -fPIC -fvisibility=hidden -fno-math-errno -fno-trapping-math"
    rules = [f"flags = {flags} {WARNINGS} {extra} -I{ROOT}/csrc"]
    # without optimization a branch of the object is one of the source
    counted = " --coverage -O0" if os.environ.get("PYFACE3D_COVERAGE") == "1" else ""
    for name, switches in INSTRUCTION_SETS.items():
        rules.append(
            f"rule kernel_{name}\n command = {cxx} $flags {switches}{counted} -DPYFACE3D_ISA={name} "
            f"-DPYFACE3D_ISA_{name} "
            "-MMD -MF $out.d -c $in -o $out\n depfile = $out.d"
        )
    rules.append(f"rule cc\n command = {cxx} $flags $more -MMD -MF $out.d -c $in -o $out\n depfile = $out.d")
    rules.append(f"rule ld\n command = {cxx} -shared {extra}{counted} $in -o $out $libs")
    if cuda:
        rules.append(
            f"rule nv\n command = {cuda[0]} -std=c++17 -O3 {cuda_flags()} {os.environ.get('NVCC_FLAGS', '')} "
            f"-I{ROOT}/csrc -I{cuda[1]} -Xcompiler -fPIC,-fvisibility=hidden --threads 2 "
            "-MD -MF $out.d -c $in -o $out\n depfile = $out.d"
        )
    return rules


def kernel_objects(rules):
    """Adds one build line per kernel and instruction set; returns the objects."""
    objects = ["simd.o"]
    rules.append(f"build simd.o: cc {ROOT}/csrc/kernels/simd.cpp")
    for source in sorted((ROOT / "csrc/kernels").glob("*.cpp")):
        if source.stem != "simd":
            for name in INSTRUCTION_SETS:
                objects.append(f"kernel_{source.stem}_{name}.o")
                rules.append(f"build {objects[-1]}: kernel_{name} {source}")
    return objects


def torch_module(out):
    """Ninja file of pyface3d._C: kernels and their torch registration, against the stable ABI only."""
    torch, cuda = usable_torch(), None if emulating() else cuda_toolkit()
    rules = common_rules(cuda)
    objects = kernel_objects(rules)
    include = f"-isystem {torch}/include -isystem {sysconfig.get_path('include')}"
    include += f" -DPYFACE3D_WITH_CUDA -isystem {cuda[1]}" if cuda else ""
    if emulating():
        include += f" -DPYFACE3D_EMULATE_CUDA -I{ROOT}/tests/emulation"
    for source in sorted((ROOT / "csrc/torch").glob("*.cpp")):
        objects.append(f"torch_{source.stem}.o")
        rules.append(f"build {objects[-1]}: cc {source}")
        rules.append(f" more = -DTORCH_TARGET_VERSION={TORCH_TARGET} -DPy_LIMITED_API=0x030a0000 {include}")
    if cuda or emulating():
        for source in sorted((ROOT / "csrc/kernels").glob("*.cu")):
            objects.append(f"cuda_{source.stem}.o")
            rules.append(f"build {objects[-1]}: {'nv' if cuda else 'cc'} {source}")
            rules.append("" if cuda else f" more = -x c++ -fsanitize=thread {include}")
    if emulating():  # what -fsanitize=thread calls stands in shadow.cpp
        for source in sorted((ROOT / "tests/emulation").glob("*.cpp")):
            objects.append(f"emulation_{source.stem}.o")
            rules.append(f"build {objects[-1]}: cc {source}\n more = {include}")
    libs = f"-L{torch}/lib -ltorch -ltorch_cpu"  # the stable shim; no libtorch_python
    if cuda:
        libs += f" {cuda[2]} -lrt -ldl -lpthread"
    rules.append(f"build {out}: ld {' '.join(objects)}\n libs = {libs}")
    return rules


def runtime_module(out):
    """Ninja file of pyface3d.runtime._R: the same kernels bound to NumPy with nanobind, without torch."""
    import nanobind

    folder = Path(nanobind.__file__).parent
    limited = "-DPy_LIMITED_API=0x030c0000" if LIMITED_RUNTIME else ""
    include = f"-isystem {folder}/include -isystem {folder}/ext/robin_map/include"
    include += f" -isystem {sysconfig.get_path('include')}"
    rules = common_rules(None)
    objects = kernel_objects(rules)
    for source in [*sorted((ROOT / "csrc/runtime").glob("*.cpp")), folder / "src/nb_combined.cpp"]:
        objects.append(f"runtime_{source.stem}.o")
        rules.append(f"build {objects[-1]}: cc {source}\n more = -fno-strict-aliasing -w {limited} {include}")
    rules.append(f"build {out}: ld {' '.join(objects)}\n libs = -lpthread")
    return rules


# _C needs the limited API of 3.10 alone; nanobind's needs 3.12, so older Pythons get a version-bound wheel.
LIMITED_RUNTIME = sys.version_info >= (3, 12)
EXTENSIONS = [Extension("pyface3d._C", [], py_limited_api=True)]
if list((ROOT / "csrc/runtime").glob("*.cpp")):
    EXTENSIONS.append(Extension("pyface3d.runtime._R", [], py_limited_api=LIMITED_RUNTIME))

if __name__ == "__main__":
    setup(
        ext_modules=EXTENSIONS,
        cmdclass={"build_ext": NinjaBuild},
        options={"bdist_wheel": {"py_limited_api": "cp312"}} if LIMITED_RUNTIME else {},
    )
