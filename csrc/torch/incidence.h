// Workspace of the tables by which CUDA kernels gather.
#pragma once
#include "torch/tensors.h"

namespace pyface3d {
// Workspace of a table of `items` items at `cells` cells (kernels/incidence.cuh); nothing where the CPU loops run.
inline Tensor incidence_workspace(const Tensor& like, int64_t cells, int64_t items) {
  return torch::stable::new_empty(like, {on_cuda(like) ? 3 * cells + items + 2 : 0}, ScalarType::Long);
}
}  // namespace pyface3d
