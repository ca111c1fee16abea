// Forward: one block per (face, chunk of vertices) sums its chunk, then one thread per face adds the chunks in order.
// Backward: one thread per vertex, which makes h of itself and of each neighbor anew from vertices that are in cache:
// no (B, N, 3) is written but the gradient.
#include "kernels/cuda.cuh"
#include "kernels/laplacian_smoothness.h"

namespace pyface3d {
namespace {
// The entries of row n, whatever the offsets say: a bad table could not be reported without waiting for the device.
template <typename T>
struct Row {
  int64_t begin, end;
  __device__ __forceinline__ Row(const LaplacianSmoothness<T>& p, int64_t n)
      : begin(p.offsets[n] < 0 ? 0 : p.offsets[n]),
        end(p.offsets[n + 1] > p.entry_count ? p.entry_count : p.offsets[n + 1]) {}
};

template <typename T>
__device__ __forceinline__ T weight_of(const T* weights, int64_t at) {
  return weights ? weights[at] : T(1);
}

template <typename T>
__device__ __forceinline__ Vector3<T> difference_at(const LaplacianSmoothness<T>& p, const T* vertices, int64_t n) {
  const Vector3<T> center = load_row(vertices, n);
  Vector3<T> sum{0, 0, 0};
  const Row<T> row(p, n);
  for (int64_t e = row.begin; e < row.end; ++e) {
    const int64_t j = p.neighbors[e];
    const bool inside = j >= 0 && j < p.vertex_count;  // else NaN shows
    const Vector3<T> difference = load_row(vertices, inside ? j : n) - center;
    sum = sum + difference * (inside ? weight_of(p.weights, e) : T(NAN));
  }
  return sum;
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) parts_kernel(LaplacianSmoothness<T> p) {
  __shared__ double shared[kCudaWarps];
  const int64_t chunks = laplacian_chunks(p.vertex_count);
  for (int64_t item = blockIdx.x; item < p.batch * chunks; item += gridDim.x) {
    const int64_t first = item % chunks * kLaplacianChunk;
    const int64_t last = first + kLaplacianChunk < p.vertex_count ? first + kLaplacianChunk : p.vertex_count;
    const T* vertices = p.vertices + item / chunks * p.vertex_count * 3;
    double sum = 0;
    for (int64_t n = first + threadIdx.x; n < last; n += kCudaThreads) {
      const Vector3<T> d = difference_at(p, vertices, n);
      sum += static_cast<double>(weight_of(p.vertex_weights, n) * d.dot(d));
    }
    const double total = block_sum(sum, shared);
    if (threadIdx.x == 0) p.parts[item] = total;
  }
}

template <typename T>
__global__ void finish_kernel(LaplacianSmoothness<T> p) {
  const int64_t chunks = laplacian_chunks(p.vertex_count);
  for (int64_t b = cuda_first(); b < p.batch; b += cuda_stride()) {
    double sum = 0;
    for (int64_t c = 0; c < chunks; ++c) sum += p.parts[b * chunks + c];
    p.loss[b] = static_cast<T>(sum);
  }
}

template <typename T>
__global__ void backward_kernel(LaplacianSmoothness<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.vertex_count; i += cuda_stride()) {
    const int64_t face = i / p.vertex_count, n = i % p.vertex_count;
    const T *vertices = p.vertices + face * p.vertex_count * 3, twice = 2 * p.grad_loss[face];
    const Vector3<T> own = difference_at(p, vertices, n) * (twice * weight_of(p.vertex_weights, n));
    Vector3<T> sum{0, 0, 0};
    const Row<T> row(p, n);
    for (int64_t e = row.begin; e < row.end; ++e) {
      const int64_t j = p.neighbors[e];
      const bool inside = j >= 0 && j < p.vertex_count;
      const int64_t other = inside ? j : n;
      const Vector3<T> h = difference_at(p, vertices, other) * (twice * weight_of(p.vertex_weights, other));
      sum = sum + (h - own) * (inside ? weight_of(p.weights, e) : T(NAN));
    }
    store_row(p.grad_vertices, i, sum);
  }
}
}  // namespace

template <typename T>
const char* laplacian_smoothness_forward_cuda(const LaplacianSmoothness<T>& p, void* stream) {
  const unsigned blocks = cuda_blocks(p.batch * laplacian_chunks(p.vertex_count), 1);
  const char* error = cuda_launch(parts_kernel<T>, blocks, kCudaThreads, stream, p);
  return error ? error : cuda_launch(finish_kernel<T>, cuda_blocks(p.batch), kCudaThreads, stream, p);
}

template <typename T>
const char* laplacian_smoothness_backward_cuda(const LaplacianSmoothness<T>& p, void* stream) {
  return cuda_launch(backward_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(laplacian_smoothness, LaplacianSmoothness)
}  // namespace pyface3d
