#!/usr/bin/env bash
# On a bare GPU machine: bash benchmarks/gpu.sh [WHEEL] [OUT] [tests|times|sanitize|train ...]
# Installs the wheel carried along (torch, NumPy and pytest are there; nothing else is needed), then runs the parts
# asked for, each of a few minutes; all of them without a name. Results are written to OUT as they come.
# PYFACE3D_DEVICE=cpu rehearses the same on emulated kernels (a wheel built with PYFACE3D_EMULATE_CUDA=1).
set -uo pipefail
cd "$(dirname "$0")/.."
wheel=${1:-$(ls dist/*.whl 2>/dev/null | head -1 || true)}
out=$(realpath -m "${2:-out/gpu}")
shift $(($# < 2 ? $# : 2))
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(tests times sanitize train)
device=${PYFACE3D_DEVICE:-cuda}
python=${PYTHON:-python3}
mkdir -p "$out"
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
if [ -n "$wheel" ]; then
  "$python" -m pip install -q --no-deps --no-index --target "$site" "$wheel" || exit 1
else # no wheel: build here, for this GPU alone; without a toolkit that is an error, not a build for the CPU
  PYFACE3D_CUDA=1 TORCH_CUDA_ARCH_LIST=${TORCH_CUDA_ARCH_LIST:-9.0} \
    "$python" -m pip install -q --no-deps --no-build-isolation --target "$site" . || exit 1
fi
export PYTHONPATH=$site:$PWD/benchmarks PYTHONSAFEPATH=1 # not the source tree, whose kernels are not built
"$python" -c "
import torch, pyface3d.ops
print(torch.__version__, torch.cuda.get_device_name() if '$device' == 'cuda' else 'emulated', pyface3d.__file__)" || exit 1

small=""
[ "$device" = cuda ] || small="--small --check"
status=0
part_tests() { # values and gradients of every op on the device, then everything else that its tests say
  (cd "$out" && "$python" -m pytest --rootdir "$OLDPWD" -c "$OLDPWD/pyproject.toml" "$OLDPWD/tests/ops" "$OLDPWD/tests/morphable/test_device.py" \
    --device "$device" -q -m "not slow" -k "not instruction and not quickly and not documentation" -p no:cacheprovider 2>&1 | tee "$out/tests.txt")
}
part_times() {
  "$python" benchmarks/gpu.py --device "$device" $small --out "$out/gpu.json" | tee "$out/gpu.txt"
}
part_sanitize() { # torch's caching allocator hides reads beyond a tensor: it is turned off
  if ! command -v compute-sanitizer >/dev/null || [ "$device" != cuda ]; then
    echo "no compute-sanitizer here" | tee "$out/sanitize.txt"
    return
  fi
  local result=0 tool
  for tool in memcheck racecheck synccheck initcheck; do
    PYTORCH_NO_CUDA_MEMORY_CACHING=1 timeout 110 compute-sanitizer --tool $tool --error-exitcode 1 \
      "$python" benchmarks/gpu.py --check --small --out "$out/$tool.json" >"$out/$tool.txt" 2>&1 || result=1
    tail -1 "$out/$tool.txt"
  done
  return $result
}
part_train() { # a few minutes of training on whatever is carried in carry/train, by the command line
  if ! "$python" -c "import lightning" 2>/dev/null || [ ! -d carry/train ]; then
    echo "training needs lightning and data in carry/train" | tee "$out/train.txt"
    return
  fi
  (cd "$out" && "$python" -m pyface3d train mobile_frnet --data "$OLDPWD/carry/train" --out "$out/train" --max-minutes 7 2>&1 | tee "$out/train.txt")
}
for part in "${parts[@]}"; do
  echo "== $part"
  "part_$part" || status=1
done
exit $status
