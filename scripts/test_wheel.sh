#!/usr/bin/env bash
# A wheel in fresh environments, without a compiler: `bash scripts/test_wheel.sh WHEEL [PYTHON ...]`, for example
# `bash scripts/test_wheel.sh wheelhouse/*.whl python3.10 python3.13`. TORCH names the torch, default "torch>=2.11".
set -euo pipefail
wheel=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- python3
for python in "$@"; do
  work=$(mktemp -d)
  "$python" -m venv "$work/venv"
  export PIP_DISABLE_PIP_VERSION_CHECK=1
  CXX=/no-compiler CC=/no-compiler "$work/venv/bin/pip" install -q --only-binary :all: "${TORCH:-torch>=2.11}" "$wheel"
  "$work/venv/bin/pip" check
  (
    cd "$work"
    "$work/venv/bin/pyface3d" doctor | grep -E '^  (python|torch|loaded|cuda kernels): '
    "$work/venv/bin/pyface3d" demo --out demo --quiet
    ls demo/face.glb demo/face.html >/dev/null
    "$work/venv/bin/python" -W error::RuntimeWarning -c "
import sys, numpy as np, torch
import pyface3d
from pyface3d import ops, runtime
model = pyface3d.MorphableModel.default()
coeffs = model.sample(3).requires_grad_()
pose = torch.eye(3, 4).expand(3, 3, 4)
vertices = ops.synthesize_shape(model.mean, model.basis, coeffs, pose)
vertices.square().sum().backward()
same = runtime.synthesize_shape(*(x.detach().numpy() for x in (model.mean, model.basis, coeffs, pose.contiguous())))
assert np.allclose(same, vertices.detach().numpy(), atol=1e-4) and coeffs.grad.abs().min() > 0
print('python', sys.version.split()[0], 'torch', torch.__version__, 'kernels', runtime.simd_level(), 'ok')"
  )
  rm -rf "$work"
done
