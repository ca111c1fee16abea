"""Compilers of the three systems: their flags, how they link a Python module, and which CPU they compile for.

The loops use the vector types of GCC and clang, so that x86 and arm64 compile from one source (SSE, AVX, NEON). MSVC's
own compiler has no such types: on Windows it is clang-cl, which comes with Visual Studio and links like MSVC.
"""

import os
import platform
import re
import shutil
import sys
import sysconfig
from pathlib import Path

CUDA_ARCHITECTURES = "7.5;8.0;8.6;9.0;10.0;12.0+PTX"
AVX2 = "-mavx2 -mfma -mf16c -mbmi2"
AVX512 = AVX2 + " -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd -mprefer-vector-width=512"
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))  # has no stable ABI: its modules are for one version


def stop(sentence):
    """Ends the build with one sentence that says what to do."""
    sys.exit(f"pyface3d: {sentence}")


def machine():
    """The CPU compiled for: this one, or the one that ARCHFLAGS names (macOS: "-arch arm64")."""
    named = re.findall(r"-arch\s+(\S+)", os.environ.get("ARCHFLAGS", ""))
    if len(set(named)) > 1:
        stop("ARCHFLAGS names several CPUs; build one wheel for each: ARCHFLAGS='-arch arm64'")
    return (named[0] if named else platform.machine()).lower()


def instruction_sets():
    """Name -> flags of each set that the loops are compiled for and chosen from at run time (csrc/kernels/simd.h)."""
    if machine() in ("x86_64", "amd64"):
        return {"base": "", "avx2": AVX2, "avx512": AVX512}
    return {"base": ""}


class Gnu:
    """g++ and clang++ on Linux."""

    default = "c++"
    advice = "install one (Debian: apt install g++) or set CXX"
    flags = "-std=c++17 -O3 -fPIC -fvisibility=hidden -fno-math-errno -fno-trapping-math -Wall -Wextra"
    quiet = "-Wno-unused-parameter"
    dependencies = "-MMD -MF $out.d -c $in -o $out"
    # the symbols of the objects are a tenth of the file, and nobody needs them: -s
    link = "-shared $in -o $out $libs"
    strip = "-s"
    system_include = "-isystem "
    threads = "-lpthread"

    def torch_libraries(self, torch):
        """The stable shim alone; no libtorch_python."""
        return f"-L{torch}/lib -ltorch -ltorch_cpu"

    def python_library(self):
        """The interpreter that loads the module has Python's symbols."""
        return ""


class Apple(Gnu):
    """clang++ of Xcode."""

    advice = "install one (xcode-select --install) or set CXX"
    link = "-bundle -undefined dynamic_lookup $in -o $out $libs"
    strip = "-Wl,-x -Wl,-dead_strip"
    threads = ""

    def __init__(self):
        target = os.environ.get("MACOSX_DEPLOYMENT_TARGET") or ("11.0" if machine() == "arm64" else "10.15")
        both = f"-arch {machine()} -mmacosx-version-min={target}"
        self.flags, self.link = f"{both} {Gnu.flags}", f"{both} {self.link}"


class Windows(Gnu):
    """clang-cl: MSVC's libraries, exceptions and linker, and GCC's vector types."""

    default = "clang-cl"
    advice = "install 'C++ Clang tools for Windows' with the Visual Studio installer, or set CXX to clang-cl"
    flags = "/std:c++17 /O2 /EHsc /MD /DNOMINMAX /clang:-O3 /clang:-fno-math-errno /clang:-fno-trapping-math /W3"
    dependencies = "/clang:-MMD /clang:-MF$out.d -c $in /Fo$out"
    link = "/LD $in /Fe$out /link $libs"
    strip = ""
    system_include = "/imsvc"
    threads = ""

    def torch_libraries(self, torch):
        """Import libraries; they stand beside torch's DLLs."""
        return f"/LIBPATH:{torch}/lib torch.lib torch_cpu.lib {self.python_library()}"

    def python_library(self):
        """The stable ABI's import library."""
        return f"/LIBPATH:{Path(sys.base_prefix, 'libs')} python3.lib"


def toolchain():
    """The compiler family of this system."""
    return {"darwin": Apple, "win32": Windows}.get(sys.platform, Gnu)()


def compiler(tools):
    """The C++ compiler's command, or a sentence."""
    command = os.environ.get("CXX", tools.default)
    name = Path(command.split()[0]).stem
    if not shutil.which(command.split()[0]):
        stop(f"no C++ compiler found ({command}); {tools.advice}")
    if name == "cl":
        stop(f"MSVC's cl.exe does not know the kernels' vector types; {tools.advice}")
    return command


def cuda_toolkit():
    """(nvcc, include, cudart_static) of the toolkit that owns the headers, not of an nvcc wrapper; None without one."""
    if os.environ.get("PYFACE3D_CUDA") == "0" or not sys.platform.startswith("linux"):
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


def cuda_version(include):
    """(major, minor) of the toolkit whose headers these are."""
    found = re.search(r"#define CUDART_VERSION\s+(\d+)", (include / "cuda_runtime_api.h").read_text())
    number = int(found[1]) if found else 0
    return number // 1000, number % 1000 // 10


def cuda_flags(version=(99, 0)):
    """-gencode flags of TORCH_CUDA_ARCH_LIST ("8.0;9.0+PTX"), or of our default list as far as the toolkit has it."""
    asked = os.environ.get("TORCH_CUDA_ARCH_LIST")
    names = re.split(r"[;\s]+", asked or CUDA_ARCHITECTURES)
    if not asked and version < (12, 8):  # Blackwell came with 12.8
        names = [name for name in names if float(name.removesuffix("+PTX")) < 10]
        names[-1] = names[-1].removesuffix("+PTX") + "+PTX"
    flags = []
    for arch in names:
        number = arch.removesuffix("+PTX").replace(".", "")
        flags.append(f"-gencode arch=compute_{number},code=sm_{number}")
        if arch.endswith("+PTX"):
            flags.append(f"-gencode arch=compute_{number},code=compute_{number}")
    return " ".join(flags)
