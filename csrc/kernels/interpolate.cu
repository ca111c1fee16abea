// Forward and grad_barycentrics: one thread per pixel. grad_attributes: gathered (pixel_gather.cuh).
#include "kernels/interpolate.h"
#include "kernels/pixel_gather.cuh"

namespace pyface3d {
namespace {
template <typename T>
__host__ __device__ __forceinline__ ShownTriangles shown_by(const Interpolate<T>& p) {
  return {p.triangle_ids, p.triangles, p.gathering, p.batch, p.pixels, p.vertex_count, p.triangle_count};
}

template <typename T>
__device__ __forceinline__ const T* attributes_of(const Interpolate<T>& p, int64_t pixel) {  // (N, C), of its face
  return p.attributes + (p.shared ? 0 : pixel / p.pixels * p.vertex_count * p.channels);
}

template <typename T>
__global__ void forward_kernel(Interpolate<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.pixels; i += cuda_stride()) {
    T* out = p.out + i * p.channels;
    const T* b = p.barycentrics + i * 3;
    const int64_t* n = shown_by(p).triangle_at(i);
    const T* a = attributes_of(p, i);
    const T *r0 = n ? a + n[0] * p.channels : a, *r1 = n ? a + n[1] * p.channels : a,
            *r2 = n ? a + n[2] * p.channels : a;
    for (int64_t c = 0; c < p.channels; ++c) out[c] = n ? b[0] * r0[c] + b[1] * r1[c] + b[2] * r2[c] : T(0);
  }
}

template <typename T>
__global__ void grad_barycentrics_kernel(Interpolate<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.pixels; i += cuda_stride()) {
    const T* grad = p.grad_out + i * p.channels;
    const int64_t* n = shown_by(p).triangle_at(i);
    const T* a = attributes_of(p, i);
    for (int k = 0; k < 3; ++k) {
      T sum = 0;
      for (int64_t c = 0; c < p.channels && n; ++c) sum += grad[c] * a[n[k] * p.channels + c];
      p.grad_barycentrics[i * 3 + k] = sum;
    }
  }
}
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
  return gather_pixels<T>({shown_by(p), p.barycentrics, p.grad_out, p.grad_attributes, p.channels}, stream);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(interpolate, Interpolate)
}  // namespace pyface3d
