// Forward: one thread per pixel, or per four where there are three channels. grad_barycentrics: one per
// four. grad_attributes: gathered (pixel_gather.cuh).
#include "kernels/interpolate.h"
#include "kernels/pixel_gather.cuh"
#include "kernels/vector3.h"

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

// Three channels: one thread per four pixels, which it stores 16 bytes at a time.
template <typename T>
__global__ void forward_points_kernel(Interpolate<T> p) {
  const int64_t count = p.batch * p.pixels;
  for (int64_t first = 4 * cuda_first(); first < count; first += 4 * cuda_stride()) {
    T points[12];
    PYFACE3D_UNROLL
    for (int k = 0; k < 4; ++k) {
      const int64_t i = first + k;
      const int64_t* n = i < count ? shown_by(p).triangle_at(i) : nullptr;
      Vector3<T> point{0, 0, 0};
      if (n) {
        const T *a = attributes_of(p, i), *b = p.barycentrics + i * 3;
        point = load_row(a, n[0]) * b[0] + load_row(a, n[1]) * b[1] + load_row(a, n[2]) * b[2];
      }
      points[3 * k] = point.x, points[3 * k + 1] = point.y, points[3 * k + 2] = point.z;
    }
    store_packed(p.out, 3 * first, 3 * count, points);
  }
}

// One thread per four pixels, as above.
template <typename T>
__global__ void grad_barycentrics_kernel(Interpolate<T> p) {
  const int64_t count = p.batch * p.pixels;
  for (int64_t first = 4 * cuda_first(); first < count; first += 4 * cuda_stride()) {
    T sums[12] = {};
    PYFACE3D_UNROLL
    for (int j = 0; j < 4; ++j) {
      const int64_t i = first + j;
      const int64_t* n = i < count ? shown_by(p).triangle_at(i) : nullptr;
      const T *grad = p.grad_out + i * p.channels, *a = attributes_of(p, i);
      PYFACE3D_UNROLL
      for (int k = 0; k < 3; ++k)
        for (int64_t c = 0; c < p.channels && n; ++c) sums[3 * j + k] += grad[c] * a[n[k] * p.channels + c];
    }
    store_packed(p.grad_barycentrics, 3 * first, 3 * count, sums);
  }
}
}  // namespace

template <typename T>
const char* interpolate_forward_cuda(const Interpolate<T>& p, void* stream) {
  const int64_t count = p.batch * p.pixels;
  return p.channels == 3 ? cuda_launch(forward_points_kernel<T>, cuda_blocks((count + 3) / 4), kCudaThreads, stream, p)
                         : cuda_launch(forward_kernel<T>, cuda_blocks(count), kCudaThreads, stream, p);
}

template <typename T>
const char* interpolate_backward_cuda(const Interpolate<T>& p, void* stream) {
  const char* error = nullptr;
  if (p.want_barycentrics)
    error =
        cuda_launch(grad_barycentrics_kernel<T>, cuda_blocks((p.batch * p.pixels + 3) / 4), kCudaThreads, stream, p);
  if (error || !p.want_attributes) return error;
  return gather_pixels<T>({shown_by(p), p.barycentrics, p.grad_out, p.grad_attributes, p.channels}, stream);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(interpolate, Interpolate)
}  // namespace pyface3d
