#!/usr/bin/env bash
# One command on a bare GPU machine: bash benchmarks/gpu.sh [WHEEL] [OUT]
# Installs the wheel carried along (torch is there already), runs the op tests on CUDA, then the benchmarks.
set -euo pipefail
cd "$(dirname "$0")/.."
wheel=${1:-$(ls dist/*.whl 2>/dev/null | head -1 || true)}
out=${2:-out/gpu}
mkdir -p "$out"
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
if [ -n "$wheel" ]; then
  python3 -m pip install -q --no-deps --no-index --target "$site" "$wheel"
else # no wheel: build here, for this GPU alone
  TORCH_CUDA_ARCH_LIST=${TORCH_CUDA_ARCH_LIST:-9.0} python3 -m pip install -q --no-deps --no-build-isolation --target "$site" .
fi
export PYTHONPATH=$site
python3 -c "import torch, pyface3d.ops; print(torch.__version__, torch.cuda.get_device_name())"
status=0
if python3 -c "import pytest" 2>/dev/null; then
  python3 -m pytest tests/ops --device cuda -q -k "not bad_input and not instruction" -p no:cacheprovider 2>&1 | tee "$out/tests.txt" || status=1
fi
python3 benchmarks/gpu.py --out "$out/gpu.json" | tee "$out/gpu.txt" || status=1
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    compute-sanitizer --tool $tool --error-exitcode 1 python3 benchmarks/gpu.py --check --small 2>&1 | tail -3 | tee "$out/$tool.txt" || status=1
  done
fi
exit $status
