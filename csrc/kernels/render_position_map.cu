// One thread per (face, texel) forward and per (face, vertex) backward: both are gathers, memory bound.
#include "kernels/cuda.cuh"
#include "kernels/render_position_map.h"

namespace pyface3d {
namespace {
template <typename T>
__global__ void forward_kernel(RenderPositionMap<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.texel_count; i += cuda_stride()) {
    const int64_t face = i / p.texel_count, t = i % p.texel_count;
    const T* v = p.vertices + face * p.vertex_count * 3;
    T sum[3] = {0, 0, 0};
    for (int k = 0; k < 3; ++k) {
      const int64_t n = p.corners[3 * t + k];
      const T w = static_cast<T>(p.weights[3 * t + k]);
      if (n < 0 || n >= p.vertex_count) continue;  // an atlas of another model: cannot be reported without waiting
      for (int d = 0; d < 3; ++d) sum[d] += w * v[3 * n + d];
    }
    for (int d = 0; d < 3; ++d) p.maps[(face * 3 + d) * p.texel_count + t] = sum[d];
  }
}

template <typename T>
__global__ void backward_kernel(RenderPositionMap<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.vertex_count; i += cuda_stride()) {
    const int64_t face = i / p.vertex_count, n = i % p.vertex_count;
    const T* g = p.grad_maps + face * 3 * p.texel_count;
    T sum[3] = {0, 0, 0};
    const int64_t begin = p.reader_offsets[n], end = p.reader_offsets[n + 1];
    for (int64_t e = begin < 0 ? 0 : begin; e < end && e < p.reader_count; ++e) {
      const int64_t texel = p.reader_texels[e];
      if (texel < 0 || texel >= p.texel_count) continue;  // readers of another atlas
      for (int d = 0; d < 3; ++d) sum[d] += static_cast<T>(p.reader_weights[e]) * g[d * p.texel_count + texel];
    }
    for (int d = 0; d < 3; ++d) p.grad_vertices[i * 3 + d] = sum[d];
  }
}
}  // namespace

template <typename T>
const char* render_position_map_forward_cuda(const RenderPositionMap<T>& p, void* stream) {
  return cuda_launch(forward_kernel<T>, cuda_blocks(p.batch * p.texel_count), kCudaThreads, stream, p);
}

template <typename T>
const char* render_position_map_backward_cuda(const RenderPositionMap<T>& p, void* stream) {
  return cuda_launch(backward_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(render_position_map, RenderPositionMap)
}  // namespace pyface3d
