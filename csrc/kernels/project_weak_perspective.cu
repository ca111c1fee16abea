// Forward and grad_vertices: one thread per vertex, memory bound, each byte moved once.
// grad_pose: one block per (face, chunk of vertices) sums its chunk; the chunks are summed in order afterwards.
#include "kernels/cuda.cuh"
#include "kernels/project_weak_perspective.h"

namespace pyface3d {
template <typename T, int R>
__global__ void project_kernel(ProjectWeakPerspective<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.vertex_count; i += cuda_stride()) {
    const T* m = p.pose + i / p.vertex_count * R * 4;
    const T* v = p.vertices + i * 3;
    T* out = p.out + i * R;
    for (int r = 0; r < R; ++r) out[r] = m[r * 4] * v[0] + m[r * 4 + 1] * v[1] + m[r * 4 + 2] * v[2] + m[r * 4 + 3];
  }
}

template <typename T, int R>
__global__ void project_grad_vertices_kernel(ProjectWeakPerspective<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.vertex_count; i += cuda_stride()) {
    const T* m = p.pose + i / p.vertex_count * R * 4;
    const T* g = p.grad_out + i * R;
    T* grad_v = p.grad_vertices + i * 3;
    for (int d = 0; d < 3; ++d) {
      T value = 0;
      for (int r = 0; r < R; ++r) value += m[r * 4 + d] * g[r];
      grad_v[d] = value;
    }
  }
}

template <typename T, int R>
__global__ void __launch_bounds__(kCudaThreads) project_grad_pose_kernel(ProjectWeakPerspective<T> p) {
  __shared__ T shared[kCudaWarps];
  const int64_t chunks = project_chunks(p.vertex_count);
  for (int64_t item = blockIdx.x; item < p.batch * chunks; item += gridDim.x) {
    const int64_t face = item / chunks, first = item % chunks * kProjectChunk;
    const int64_t last = first + kProjectChunk < p.vertex_count ? first + kProjectChunk : p.vertex_count;
    T sum[R][4] = {};
    for (int64_t n = first + threadIdx.x; n < last; n += kCudaThreads) {
      const T* v = p.vertices + (face * p.vertex_count + n) * 3;
      const T* g = p.grad_out + (face * p.vertex_count + n) * R;
      for (int r = 0; r < R; ++r) {
        for (int d = 0; d < 3; ++d) sum[r][d] += g[r] * v[d];
        sum[r][3] += g[r];
      }
    }
    for (int r = 0; r < R; ++r)
      for (int d = 0; d < 4; ++d) {
        const T total = block_sum(sum[r][d], shared);
        if (threadIdx.x == 0) p.grad_pose_parts[(item * R + r) * 4 + d] = total;
      }
  }
}

template <typename T>
const char* project_weak_perspective_forward_cuda(const ProjectWeakPerspective<T>& p, void* stream) {
  const unsigned blocks = cuda_blocks(p.batch * p.vertex_count);
  return p.rows == 3 ? cuda_launch(project_kernel<T, 3>, blocks, kCudaThreads, stream, p)
                     : cuda_launch(project_kernel<T, 2>, blocks, kCudaThreads, stream, p);
}

template <typename T>
const char* project_weak_perspective_backward_cuda(const ProjectWeakPerspective<T>& p, void* stream) {
  const char* error = nullptr;
  if (p.want_vertices) {
    const unsigned blocks = cuda_blocks(p.batch * p.vertex_count);
    error = p.rows == 3 ? cuda_launch(project_grad_vertices_kernel<T, 3>, blocks, kCudaThreads, stream, p)
                        : cuda_launch(project_grad_vertices_kernel<T, 2>, blocks, kCudaThreads, stream, p);
  }
  if (error || !p.want_pose) return error;
  const unsigned blocks = cuda_blocks(p.batch * project_chunks(p.vertex_count), 1);
  return p.rows == 3 ? cuda_launch(project_grad_pose_kernel<T, 3>, blocks, kCudaThreads, stream, p)
                     : cuda_launch(project_grad_pose_kernel<T, 2>, blocks, kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(project_weak_perspective, ProjectWeakPerspective)
}  // namespace pyface3d
