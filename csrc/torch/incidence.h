// Workspace of the tables by which CUDA kernels gather.
#pragma once
#include "torch/tensors.h"

namespace pyface3d {
constexpr int64_t kMostItems = int64_t{1} << 32;  // of a table: below

// Words of `tables` tables of `items` items at `cells` cells (kernels/incidence.cuh).
inline int64_t incidence_words(int64_t tables, int64_t cells, int64_t items) {
  return tables * (cells + 1 + 2 * items + (cells + 1023) / 1024);
}

// Nothing where the CPU loops run.
inline Tensor incidence_workspace(const Tensor& like, int64_t words) {
  return torch::stable::new_empty(like, {on_cuda(like) ? words : 0}, ScalarType::Int);
}

// Of kernels/pixel_gather.cuh: the tables, and how many busy vertices there are, each with more than 32 runs of pixels.
inline Tensor gathering_workspace(const char* op, const Tensor& like, int64_t batch, int64_t vertex_count,
                                  int64_t pixels) {
  PYFACE3D_CHECK(3 * pixels < kMostItems, op, ": a picture must have at most ", kMostItems / 3, " pixels, got ",
                 pixels);
  const int64_t most = 3 * pixels / 33, busy = most < vertex_count ? most : vertex_count;
  return incidence_workspace(like, incidence_words(batch, vertex_count, 3 * pixels) + 1 + 2 * batch * busy);
}
}  // namespace pyface3d
