// The check of a penalty's parameters, shared by the ops that take them.
#pragma once
#include "kernels/penalty.h"
#include "torch/tensors.h"

namespace pyface3d {
inline void check_wing(const char* op, double w, double epsilon) {
  PYFACE3D_CHECK(w > 0 && w < 1e30, op, ": w must be positive and finite, got ", w);
  PYFACE3D_CHECK(epsilon > 0 && epsilon < 1e30, op, ": epsilon must be positive and finite, got ", epsilon);
}
}  // namespace pyface3d
