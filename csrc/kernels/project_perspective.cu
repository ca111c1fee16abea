// Forward and grad_vertices: one thread per vertex, memory bound, each byte moved once; M = K [R | t] is formed anew by
// every thread (36 products beside a division). grad_M: one block per (face, chunk of vertices) sums its chunk; the
// chunks are summed in order afterwards.
#include "kernels/cuda.cuh"
#include "kernels/project_perspective.h"

namespace pyface3d {
namespace {
template <typename T>
__device__ __forceinline__ CameraMatrix<T> camera_of(const ProjectPerspective<T>& p, int64_t face) {
  return CameraMatrix<T>(p.intrinsics + face * 9, p.pose + face * 12);
}

template <typename T>
__global__ void perspective_kernel(ProjectPerspective<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.vertex_count; i += cuda_stride())
    store_row(p.out, i, camera_of(p, i / p.vertex_count).project(load_row(p.vertices, i)));
}

template <typename T>
__global__ void perspective_grad_vertices_kernel(ProjectPerspective<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.vertex_count; i += cuda_stride()) {
    const CameraMatrix<T> camera = camera_of(p, i / p.vertex_count);
    const Vector3<T> q = camera.grad_undivided(load_row(p.vertices, i), load_row(p.grad_out, i));
    store_row(p.grad_vertices, i, camera.grad_vertex(q));
  }
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) perspective_grad_camera_kernel(ProjectPerspective<T> p) {
  __shared__ T shared[kCudaWarps];
  const int64_t chunks = perspective_chunks(p.vertex_count);
  for (int64_t item = blockIdx.x; item < p.batch * chunks; item += gridDim.x) {
    const int64_t face = item / chunks, first = item % chunks * kPerspectiveChunk;
    const int64_t last = first + kPerspectiveChunk < p.vertex_count ? first + kPerspectiveChunk : p.vertex_count;
    const CameraMatrix<T> camera = camera_of(p, face);
    T sum[12] = {};
    for (int64_t n = face * p.vertex_count + first + threadIdx.x; n < face * p.vertex_count + last; n += kCudaThreads) {
      const Vector3<T> v = load_row(p.vertices, n);
      add_outer(camera.grad_undivided(v, load_row(p.grad_out, n)), v, sum);
    }
    PYFACE3D_UNROLL
    for (int i = 0; i < 12; ++i) {
      const T total = block_sum(sum[i], shared);
      if (threadIdx.x == 0) p.grad_camera_parts[item * 12 + i] = total;
    }
  }
}
}  // namespace

template <typename T>
const char* project_perspective_forward_cuda(const ProjectPerspective<T>& p, void* stream) {
  return cuda_launch(perspective_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
}

template <typename T>
const char* project_perspective_backward_cuda(const ProjectPerspective<T>& p, void* stream) {
  const char* error = nullptr;
  if (p.want_vertices) {
    const unsigned blocks = cuda_blocks(p.batch * p.vertex_count);
    error = cuda_launch(perspective_grad_vertices_kernel<T>, blocks, kCudaThreads, stream, p);
  }
  if (error || !p.want_camera) return error;
  const unsigned blocks = cuda_blocks(p.batch * perspective_chunks(p.vertex_count), 1);
  return cuda_launch(perspective_grad_camera_kernel<T>, blocks, kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(project_perspective, ProjectPerspective)
}  // namespace pyface3d
