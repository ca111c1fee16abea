"""A folder to link with, so that a module built here runs with the C library of 2018: `older_glibc.py FOLDER`.

manylinux_2_28 is what torch's own wheels ask for: glibc 2.28 and the libstdc++ of GCC 8. The package ziglang brings the
names that each glibc has; g++ finds them before this system's with `CXX="c++ -LFOLDER"`. What its headers take from a
newer libstdc++ is compiled into the module: libstdc++.so here is a text that names the library and that object.
"""

import platform
import subprocess
import sys
from pathlib import Path

TARGET = f"{platform.machine()}-linux-gnu.2.28"
LIBRARIES = {"c": "libc.so.6", "m": "libm.so.6", "pthread": "libpthread.so.0", "dl": "libdl.so.2", "rt": "librt.so.1"}
LOADER = ("libc_nonshared.a", "libld.so.2")
NEWER = """
#include <new>
#include <sstream>
extern "C" {
__attribute__((visibility("hidden"))) char __libc_single_threaded;  // glibc 2.32; 0 is always right
}
void std::__throw_bad_array_new_length() { throw std::bad_array_new_length(); }  // GCC 11
template std::basic_stringstream<char>::basic_stringstream();  // GCC 9
template std::basic_ostringstream<char>::basic_ostringstream();
"""


def stubs(folder: Path) -> list[Path]:
    """Libraries of the older glibc that zig links an empty file with: names and versions, no code."""
    (folder / "empty.c").write_text("")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", TARGET, "-shared", "empty.c", "-o", "empty.so", "-v"]
    command += [f"-l{name}" for name in LIBRARIES if name != "c"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    words = [folder / word for word in run.stderr.split() if word.endswith((*LIBRARIES.values(), *LOADER))]
    return [path for path in words if path.is_file()]


def main(folder: Path) -> None:
    """Writes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {path.name: path for path in stubs(folder)}
    for name, library in LIBRARIES.items():
        (folder / f"lib{name}.so").write_text(f"INPUT({found[library]})\n")
    archive, loader = (found[name] for name in LOADER)
    (folder / "libc.so").write_text(f"INPUT({found['libc.so.6']} {archive} AS_NEEDED({loader}))\n")
    (folder / "newer.cpp").write_text(NEWER)
    subprocess.run(["c++", "-std=c++17", "-O2", "-fPIC", "-c", "newer.cpp", "-o", "newer.o"], cwd=folder, check=True)
    ask = subprocess.run(["c++", "-print-file-name=libstdc++.so"], capture_output=True, text=True, check=True)
    whole = Path(ask.stdout.strip()).resolve()
    (folder / "libstdc++.so").write_text(f"INPUT({whole} {folder / 'newer.o'})\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
