// Forward and grad_barycentrics: one thread per pixel. grad_attributes: a scatter of 3 C addends a pixel.
#include "kernels/interpolate.h"
#include "kernels/scatter.cuh"

namespace pyface3d {
namespace {
// The triangle of a pixel, -1 where there is none. One that does not exist, or has a vertex that does not, counts as
// none: it cannot be reported without waiting for the device.
template <typename T>
__device__ __forceinline__ int32_t triangle_at(const Interpolate<T>& p, int64_t pixel) {
  const int32_t id = p.triangle_ids[pixel];
  if (id < 0 || id >= p.triangle_count) return -1;
  const int64_t* corner = p.triangles + id * int64_t{3};
  for (int k = 0; k < 3; ++k)
    if (corner[k] < 0 || corner[k] >= p.vertex_count) return -1;
  return id;
}

template <typename T>
__device__ __forceinline__ const T* row_of(const Interpolate<T>& p, int64_t pixel, int32_t id, int corner) {
  const T* face = p.attributes + (p.shared ? 0 : pixel / p.pixels * p.vertex_count * p.channels);
  return face + p.triangles[id * int64_t{3} + corner] * p.channels;
}

template <typename T>
__global__ void forward_kernel(Interpolate<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.pixels; i += cuda_stride()) {
    T* out = p.out + i * p.channels;
    const T* b = p.barycentrics + i * 3;
    const int32_t id = triangle_at(p, i);
    const T *r0 = nullptr, *r1 = nullptr, *r2 = nullptr;
    if (id >= 0) r0 = row_of<T>(p, i, id, 0), r1 = row_of<T>(p, i, id, 1), r2 = row_of<T>(p, i, id, 2);
    for (int64_t c = 0; c < p.channels; ++c) out[c] = id < 0 ? T(0) : b[0] * r0[c] + b[1] * r1[c] + b[2] * r2[c];
  }
}

template <typename T>
__global__ void grad_barycentrics_kernel(Interpolate<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.pixels; i += cuda_stride()) {
    const T* grad = p.grad_out + i * p.channels;
    const int32_t id = triangle_at(p, i);
    for (int k = 0; k < 3; ++k) {
      T sum = 0;
      const T* row = id < 0 ? nullptr : row_of<T>(p, i, id, k);
      for (int64_t c = 0; c < p.channels && row; ++c) sum += grad[c] * row[c];
      p.grad_barycentrics[i * 3 + k] = sum;
    }
  }
}

template <typename T>
struct AttributesJob {
  Interpolate<T> p;
  template <typename Add>
  __device__ void operator()(int64_t i, Add& add) const {
    const int32_t id = triangle_at(p, i);
    if (id < 0) return;
    const T* grad = p.grad_out + i * p.channels;
    for (int k = 0; k < 3; ++k) {
      const int64_t row = (i / p.pixels * p.vertex_count + p.triangles[id * int64_t{3} + k]) * p.channels;
      const T weight = p.barycentrics[i * 3 + k];
      for (int64_t c = 0; c < p.channels; ++c) add(row + c, weight * grad[c]);
    }
  }
};
}  // namespace

template <typename T>
const char* interpolate_forward_cuda(const Interpolate<T>& p, void* stream) {
  return cuda_launch(forward_kernel<T>, cuda_blocks(p.batch * p.pixels), kCudaThreads, stream, p);
}

template <typename T>
const char* interpolate_backward_cuda(const Interpolate<T>& p, void* stream) {
  const char* error = nullptr;
  if (p.want_barycentrics)
    error = cuda_launch(grad_barycentrics_kernel<T>, cuda_blocks(p.batch * p.pixels), kCudaThreads, stream, p);
  if (error || !p.want_attributes) return error;
  const ScatterFaces faces{p.batch, p.pixels, p.vertex_count * p.channels};
  return cuda_scatter(AttributesJob<T>{p}, faces, 3 * p.pixels, p.grad_attributes, p.scatter_workspace, stream);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(interpolate, Interpolate)
}  // namespace pyface3d
