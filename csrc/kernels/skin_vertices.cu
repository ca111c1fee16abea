// Forward and grad_vertices: one thread per vertex; weights are read along the lanes, transforms by all of them at
// once. grad_transforms: one block per (face, chunk of vertices, joint) sums its chunk; the chunks are summed in order
// afterwards.
#include "kernels/cuda.cuh"
#include "kernels/skin_vertices.h"
#include "kernels/vector3.h"

namespace pyface3d {
namespace {
// M (3, 4) of vertex i of the batch.
template <typename T>
__device__ __forceinline__ void blend(const SkinVertices<T>& p, int64_t i, T (&m)[12]) {
  const int64_t face = i / p.vertex_count, n = i % p.vertex_count;
  PYFACE3D_UNROLL
  for (int k = 0; k < 12; ++k) m[k] = 0;
  PYFACE3D_NO_UNROLL
  for (int64_t j = 0; j < p.joint_count; ++j) {
    const T w = p.weights[j * p.vertex_count + n];
    const T* transform = p.transforms + (face * p.joint_count + j) * 12;
    PYFACE3D_UNROLL
    for (int k = 0; k < 12; ++k) m[k] += w * transform[k];
  }
}

template <typename T>
__global__ void skin_kernel(SkinVertices<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.vertex_count; i += cuda_stride()) {
    T m[12];
    blend(p, i, m);
    const Vector3<T> v = load_row(p.vertices, i);
    store_row(p.out, i,
              Vector3<T>{m[0] * v.x + m[1] * v.y + m[2] * v.z + m[3], m[4] * v.x + m[5] * v.y + m[6] * v.z + m[7],
                         m[8] * v.x + m[9] * v.y + m[10] * v.z + m[11]});
  }
}

template <typename T>
__global__ void skin_grad_vertices_kernel(SkinVertices<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.vertex_count; i += cuda_stride()) {
    T m[12];
    blend(p, i, m);
    const Vector3<T> g = load_row(p.grad_out, i);
    store_row(p.grad_vertices, i,
              Vector3<T>{m[0] * g.x + m[4] * g.y + m[8] * g.z, m[1] * g.x + m[5] * g.y + m[9] * g.z,
                         m[2] * g.x + m[6] * g.y + m[10] * g.z});
  }
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) skin_grad_transforms_kernel(SkinVertices<T> p) {
  __shared__ T shared[kCudaWarps];
  const int64_t chunks = skin_chunks(p.vertex_count);
  for (int64_t item = blockIdx.x; item < p.batch * chunks * p.joint_count; item += gridDim.x) {
    const int64_t joint = item % p.joint_count, face = item / p.joint_count / chunks;
    const int64_t first = item / p.joint_count % chunks * kSkinChunk;
    const int64_t last = first + kSkinChunk < p.vertex_count ? first + kSkinChunk : p.vertex_count;
    T sum[12] = {};
    for (int64_t n = first + threadIdx.x; n < last; n += kCudaThreads) {
      const Vector3<T> v = load_row(p.vertices, face * p.vertex_count + n);
      const Vector3<T> g = load_row(p.grad_out, face * p.vertex_count + n) * p.weights[joint * p.vertex_count + n];
      sum[0] += g.x * v.x, sum[1] += g.x * v.y, sum[2] += g.x * v.z, sum[3] += g.x;
      sum[4] += g.y * v.x, sum[5] += g.y * v.y, sum[6] += g.y * v.z, sum[7] += g.y;
      sum[8] += g.z * v.x, sum[9] += g.z * v.y, sum[10] += g.z * v.z, sum[11] += g.z;
    }
    PYFACE3D_UNROLL
    for (int k = 0; k < 12; ++k) {
      const T total = block_sum(sum[k], shared);
      if (threadIdx.x == 0) p.grad_transform_parts[item * 12 + k] = total;
    }
  }
}
}  // namespace

template <typename T>
const char* skin_vertices_forward_cuda(const SkinVertices<T>& p, void* stream) {
  return cuda_launch(skin_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
}

template <typename T>
const char* skin_vertices_backward_cuda(const SkinVertices<T>& p, void* stream) {
  const char* error = nullptr;
  if (p.want_vertices) {
    const unsigned blocks = cuda_blocks(p.batch * p.vertex_count);
    error = cuda_launch(skin_grad_vertices_kernel<T>, blocks, kCudaThreads, stream, p);
  }
  if (error || !p.want_transforms) return error;
  const unsigned blocks = cuda_blocks(p.batch * skin_chunks(p.vertex_count) * p.joint_count, 1);
  return cuda_launch(skin_grad_transforms_kernel<T>, blocks, kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(skin_vertices, SkinVertices)
}  // namespace pyface3d
