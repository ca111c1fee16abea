// The check every op on meshes makes of its triangle table.
#pragma once
#include "kernels/triangles.h"
#include "torch/tensors.h"

namespace pyface3d {
// Checks (F, 3) int64 with every index in [0, vertex_count); `owner` names the tensor whose rows are numbered.
inline void check_triangles(const char* op, const Tensor& triangles, const char* owner, const Tensor& owned,
                            int64_t vertex_count) {
  check_shape(op, "triangles", triangles, {-1, 3}, "(F, 3)");
  check_index(op, "triangles", triangles, owner, owned);
  PYFACE3D_CHECK(vertex_count <= INT32_MAX && triangles.size(0) <= INT32_MAX, op,
                 ": at most 2147483647 vertices and triangles");
  if (!triangles.is_cpu()) return;  // reading indices back would stop the stream
  const Tensor t = packed(triangles);
  const int64_t* index = t.const_data_ptr<int64_t>();
  const int64_t at = first_outside<int64_t>(index, t.numel(), 0, vertex_count);
  PYFACE3D_CHECK(at < 0, op, ": triangles[", at / 3, "] names vertex ", index[at < 0 ? 0 : at], ", but ", owner,
                 " has ", vertex_count, "; indices are 0-based (subtract 1 from a MATLAB table)");
}

// Checks (B, H, W) int32 with every id below triangle_count (negative: no triangle).
inline void check_triangle_ids(const char* op, const Tensor& ids, const char* first_name, const Tensor& first,
                               int64_t triangle_count) {
  check_shape(op, "triangle_ids", ids, {first.size(0), -1, -1}, "(B, H, W)");
  PYFACE3D_CHECK(ids.scalar_type() == ScalarType::Int, op, ": triangle_ids must be int32, as rasterize returns them");
  PYFACE3D_CHECK(ids.device() == first.device(), op, ": triangle_ids must be on the device of ", first_name);
  if (!ids.is_cpu()) return;
  const Tensor i = packed(ids);
  const int64_t at =
      first_outside<int32_t>(i.const_data_ptr<int32_t>(), i.numel(), INT32_MIN, static_cast<int32_t>(triangle_count));
  PYFACE3D_CHECK(at < 0, op, ": triangle_ids names triangle ", i.const_data_ptr<int32_t>()[at < 0 ? 0 : at],
                 ", but triangles has ", triangle_count,
                 "; pass the triangles that were rasterized, or a table with a row for each of them");
}

inline Tensor corners_of(const Tensor& triangles) {  // (F, 3) int64 -> (3, F) int32
  if (!triangles.is_cpu()) return packed(torch::stable::transpose(torch::stable::to(triangles, ScalarType::Int), 0, 1));
  Tensor corners = new_tensor(triangles, {3, triangles.size(0)}, ScalarType::Int);
  const Tensor t = packed(triangles);
  split_corners(t.const_data_ptr<int64_t>(), t.size(0), corners.mutable_data_ptr<int32_t>());
  return corners;
}
}  // namespace pyface3d
