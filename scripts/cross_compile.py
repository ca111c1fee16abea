"""Compiles the sources for systems that are not this one: `python scripts/cross_compile.py [TARGET ...]`.

Clang, as the package ziglang brings it with the C libraries of every system, makes object files of the kernels for
Linux on arm64, macOS on both CPUs and Windows, and of the NumPy module where Python's headers are the same as here (not
on Windows). Nothing is linked or run. Of torch's binding two sources are tried, where torch is installed.
"""

import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from toolchain import AVX2, AVX512  # noqa: E402

CLANG = [sys.executable, "-m", "ziglang", "c++"]
FLAGS = "-std=c++17 -O1 -fno-math-errno -fno-trapping-math".split()
FLAGS += "-Wall -Wextra -Werror -Wno-unused-parameter".split()
X86 = {"base": "", "avx2": AVX2, "avx512": AVX512}
ARM = {"base": ""}
TARGETS = {
    "aarch64-linux-gnu": ARM,
    "aarch64-macos": ARM,
    "x86_64-macos": X86,
    "x86_64-windows-gnu": X86,
}
# what each system's loader takes: the first bytes of an object file
MAGIC = {
    "aarch64-linux-gnu": b"\x7fELF",
    "aarch64-macos": b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01",
    "x86_64-macos": b"\xcf\xfa\xed\xfe\x07\x00\x00\x01",
    "x86_64-windows-gnu": b"\x64\x86",
}


def kernel_jobs(target: str) -> list[tuple[str, list[str]]]:
    """(name, arguments) of each kernel and instruction set."""
    jobs = [("simd", [str(ROOT / "csrc/kernels/simd.cpp")])]
    for source in sorted((ROOT / "csrc/kernels").glob("*.cpp")):
        if source.stem != "simd":
            for name, switches in TARGETS[target].items():
                arguments = [*switches.split(), f"-DPYFACE3D_ISA={name}", f"-DPYFACE3D_ISA_{name}", str(source)]
                jobs.append((f"{source.stem}_{name}", arguments))
    return jobs


def runtime_jobs(target: str) -> list[tuple[str, list[str]]]:
    """(name, arguments) of the NumPy module's sources; the Python headers are this system's, so not for Windows."""
    if "windows" in target:
        return []
    import nanobind

    folder = Path(nanobind.__file__).parent
    headers = ["-isystem", f"{folder}/include", "-isystem", sysconfig.get_path("include"), "-w", "-fno-strict-aliasing"]
    split = [
        "-DPy_LIMITED_API=0x030a0000",
        "-DNB_BACKEND_MODULE=nanobind_backend",
        "-DNB_BACKEND_PYPI=nanobind-backend",
    ]
    if "linux" in target:  # there the split mode wants libstdc++, and this clang has libc++: compiled as if linked
        split = []
    return [
        (f"runtime_{source.stem}", [*headers, *split, str(source)])
        for source in sorted((ROOT / "csrc/runtime").glob("*.cpp"))
    ]


def torch_jobs(target: str) -> list[tuple[str, list[str]]]:
    """(name, arguments) of two sources of torch's binding."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations or "windows" in target:
        return []
    headers = ["-isystem", f"{spec.submodule_search_locations[0]}/include", "-isystem", sysconfig.get_path("include")]
    more = [*headers, "-w", "-DTORCH_TARGET_VERSION=0x020b000000000000", "-DPy_LIMITED_API=0x030a0000"]
    return [(f"torch_{name}", [*more, str(ROOT / f"csrc/torch/{name}.cpp")]) for name in ("module", "wing_loss")]


def compile_one(target: str, name: str, arguments: list[str], folder: Path) -> str | None:
    """Compiles one source; what is wrong, or None."""
    out = folder / f"{target}_{name}.o"
    pic = [] if "windows" in target else ["-fPIC"]
    command = [*CLANG, "-target", target, *FLAGS, *pic, f"-I{ROOT}/csrc", *arguments, "-c", "-o", str(out)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        return f"{target} {name}:\n{run.stderr}"
    if not out.read_bytes().startswith(MAGIC[target]):
        return f"{target} {name}: not an object file of that system"
    return None


def main() -> int:
    """Prints one line per target; returns 1 when a source did not compile."""
    targets = sys.argv[1:] or list(TARGETS)
    failed = False
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        for target in targets:
            start = time.perf_counter()
            jobs = kernel_jobs(target) + runtime_jobs(target) + torch_jobs(target)
            started = [pool.submit(compile_one, target, *job, Path(folder)) for job in jobs]
            wrong = [sentence for future in started if (sentence := future.result())]
            seconds = time.perf_counter() - start
            print(f"{target}: {len(jobs) - len(wrong)} of {len(jobs)} sources compile ({seconds:.0f} s)", flush=True)
            print(*wrong, sep="\n", end="")
            failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
