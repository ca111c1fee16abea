// Forward and grad_barycentrics: one thread per pixel. grad_attributes: a scatter of 3 C addends a pixel.
#include "kernels/interpolate.h"
#include "kernels/scatter.cuh"

namespace pyface3d {
namespace {
template <typename T>
__device__ __forceinline__ const T* row_of(const Interpolate& p, int64_t pixel, int32_t id, int corner) {
  const T* face = static_cast<const T*>(p.attributes) + (p.shared ? 0 : pixel / p.pixels * p.vertex_count * p.channels);
  return face + p.triangles[id * int64_t{3} + corner] * p.channels;
}

template <typename T>
__global__ void forward_kernel(Interpolate p) {
  for (int64_t i = cuda_first(); i < p.batch * p.pixels; i += cuda_stride()) {
    T* out = static_cast<T*>(p.out) + i * p.channels;
    const T* b = static_cast<const T*>(p.barycentrics) + i * 3;
    const int32_t id = p.triangle_ids[i];
    const T *r0 = nullptr, *r1 = nullptr, *r2 = nullptr;
    if (id >= 0) r0 = row_of<T>(p, i, id, 0), r1 = row_of<T>(p, i, id, 1), r2 = row_of<T>(p, i, id, 2);
    for (int64_t c = 0; c < p.channels; ++c) out[c] = id < 0 ? T(0) : b[0] * r0[c] + b[1] * r1[c] + b[2] * r2[c];
  }
}

template <typename T>
__global__ void grad_barycentrics_kernel(Interpolate p) {
  for (int64_t i = cuda_first(); i < p.batch * p.pixels; i += cuda_stride()) {
    const T* grad = static_cast<const T*>(p.grad_out) + i * p.channels;
    const int32_t id = p.triangle_ids[i];
    for (int k = 0; k < 3; ++k) {
      T sum = 0;
      const T* row = id < 0 ? nullptr : row_of<T>(p, i, id, k);
      for (int64_t c = 0; c < p.channels && row; ++c) sum += grad[c] * row[c];
      static_cast<T*>(p.grad_barycentrics)[i * 3 + k] = sum;
    }
  }
}

template <typename T>
struct AttributesJob {
  Interpolate p;
  template <typename Add>
  __device__ void operator()(int64_t i, Add& add) const {
    const int32_t id = p.triangle_ids[i];
    if (id < 0) return;
    const T* grad = static_cast<const T*>(p.grad_out) + i * p.channels;
    for (int k = 0; k < 3; ++k) {
      const int64_t row = (i / p.pixels * p.vertex_count + p.triangles[id * int64_t{3} + k]) * p.channels;
      const T weight = static_cast<const T*>(p.barycentrics)[i * 3 + k];
      for (int64_t c = 0; c < p.channels; ++c) add(row + c, weight * grad[c]);
    }
  }
};
}  // namespace

template <typename T>
const char* interpolate_forward_cuda(const Interpolate& p, void* stream) {
  return cuda_launch(forward_kernel<T>, cuda_blocks(p.batch * p.pixels), kCudaThreads, stream, p);
}

template <typename T>
const char* interpolate_backward_cuda(const Interpolate& p, void* stream) {
  const char* error = nullptr;
  if (p.want_barycentrics)
    error = cuda_launch(grad_barycentrics_kernel<T>, cuda_blocks(p.batch * p.pixels), kCudaThreads, stream, p);
  if (error || !p.want_attributes) return error;
  return cuda_scatter(AttributesJob<T>{p}, p.batch * p.pixels, 3 * p.pixels, static_cast<T*>(p.grad_attributes),
                      p.batch * p.vertex_count * p.channels, p.scatter_workspace, stream);
}

template const char* interpolate_forward_cuda<float>(const Interpolate&, void*);
template const char* interpolate_forward_cuda<double>(const Interpolate&, void*);
template const char* interpolate_backward_cuda<float>(const Interpolate&, void*);
template const char* interpolate_backward_cuda<double>(const Interpolate&, void*);
}  // namespace pyface3d
