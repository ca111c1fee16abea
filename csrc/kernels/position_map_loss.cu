// Forward: one block per (map, chunk of pixels), a tree sum in fixed order; then one thread per map adds its chunks.
// Backward: one thread per pixel. Memory bound, each map read once.
#include "kernels/cuda.cuh"
#include "kernels/position_map_loss.h"

namespace pyface3d {
namespace {
template <typename T>
__device__ __forceinline__ T squared_distance(const PositionMapLoss<T>& p, int64_t at) {  // at: of the pixel in plane x
  T sum = 0;
  for (int d = 0; d < 3; ++d) {
    const T error = p.pred[at + d * p.pixels] - p.target[at + d * p.pixels];
    sum += error * error;
  }
  return sum;
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) forward_kernel(PositionMapLoss<T> p) {
  __shared__ T shared[kCudaWarps];
  const int64_t chunks = pixel_chunks(p.pixels);
  for (int64_t item = blockIdx.x; item < p.batch * chunks; item += gridDim.x) {
    const int64_t b = item / chunks, first = item % chunks * kPixelChunk;
    const int64_t last = first + kPixelChunk < p.pixels ? first + kPixelChunk : p.pixels;
    T sum = 0;
    for (int64_t i = first + threadIdx.x; i < last; i += kCudaThreads) {
      const T weight = p.weight_mask[i];
      if (weight == 0) continue;
      const T squared = squared_distance<T>(p, 3 * b * p.pixels + i);
      sum += weight * (p.squared ? squared : sqrt(squared));
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) p.sums[item] = sum;
  }
}

template <typename T>
__global__ void finish_kernel(PositionMapLoss<T> p) {
  const int64_t chunks = pixel_chunks(p.pixels);
  for (int64_t b = cuda_first(); b < p.batch; b += cuda_stride()) {
    double sum = 0;
    for (int64_t c = 0; c < chunks; ++c) sum += static_cast<double>(p.sums[b * chunks + c]);
    p.loss[b] = static_cast<T>(sum);
  }
}

template <typename T>
__global__ void backward_kernel(PositionMapLoss<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.pixels; i += cuda_stride()) {
    const int64_t b = i / p.pixels, pixel = i % p.pixels, at = 3 * b * p.pixels + pixel;
    const T weight = p.weight_mask[pixel], g = p.grad_loss[b];
    T factor = 2 * g * weight;
    if (!p.squared) {
      const T squared = squared_distance<T>(p, at);
      factor = squared == 0 ? T(0) : g * weight / sqrt(squared);
    }
    for (int d = 0; d < 3; ++d) {
      const int64_t j = at + d * p.pixels;
      const T error = p.pred[j] - p.target[j];
      p.grad_pred[j] = weight == 0 ? T(0) : factor * error;
    }
  }
}
}  // namespace

template <typename T>
const char* position_map_loss_forward_cuda(const PositionMapLoss<T>& p, void* stream) {
  const char* error =
      cuda_launch(forward_kernel<T>, cuda_blocks(p.batch * pixel_chunks(p.pixels), 1), kCudaThreads, stream, p);
  return error ? error : cuda_launch(finish_kernel<T>, cuda_blocks(p.batch), kCudaThreads, stream, p);
}

template <typename T>
const char* position_map_loss_backward_cuda(const PositionMapLoss<T>& p, void* stream) {
  return cuda_launch(backward_kernel<T>, cuda_blocks(p.batch * p.pixels), kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(position_map_loss, PositionMapLoss)
}  // namespace pyface3d
