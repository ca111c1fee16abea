// One thread per pixel; a block's colors go out 16 bytes at a time.
#include "kernels/cuda.cuh"
#include "kernels/shade_surface.h"

namespace pyface3d {
namespace {
// Whether pixel i shows a triangle. One that does not exist, or has a vertex that does not, counts as none.
__device__ __forceinline__ bool shows_triangle(const ShadeSurface& p, int64_t i) {
  const int32_t id = p.triangle_ids[i];
  if (id < 0 || id >= p.triangle_count) return false;
  const int64_t* corner = p.triangles + id * int64_t{3};
  for (int k = 0; k < 3; ++k)
    if (corner[k] < 0 || corner[k] >= p.vertex_count) return false;
  return true;
}

__device__ __forceinline__ void shade(const ShadeSurface& p, int64_t i, uint8_t* color) {
  for (int d = 0; d < 3; ++d) color[d] = p.canvas ? p.canvas[i * 3 + d] : 0;
  if (!shows_triangle(p, i)) return;
  float n[3];
  blended_normal(p, p.normals + i / p.pixels * p.vertex_count * 3, i, n);
  const float scale = inverse_length(n);
  for (int d = 0; d < 3; ++d) n[d] *= scale;
  const Reflection r = reflect(p.light, n);
  const float shine = p.albedo && p.light.specular ? 255 * p.light.specular * powf(r.cosine, p.light.exponent) : 0;
  for (int d = 0; d < 3; ++d) {
    const float lit = p.albedo ? p.albedo[(p.one_albedo ? 0 : i * 3) + d] * r.diffuse + shine : 127.5f * (n[d] + 1);
    color[d] = composed(lit, color[d], p.alpha);
  }
}

struct alignas(16) Colors {
  uint8_t values[16];
};

__global__ void __launch_bounds__(kCudaThreads) shade_kernel(ShadeSurface p) {
  constexpr unsigned kPacks = 3 * kCudaThreads / sizeof(Colors);
  __shared__ Colors packs[kPacks];
  uint8_t* colors = &packs[0].values[0];
  const int64_t count = p.batch * p.pixels;
  for (int64_t first = blockIdx.x * int64_t{kCudaThreads}; first < count; first += gridDim.x * int64_t{kCudaThreads}) {
    uint8_t color[3] = {};
    if (first + threadIdx.x < count) shade(p, first + threadIdx.x, color);
    for (int d = 0; d < 3; ++d) colors[3 * threadIdx.x + d] = color[d];
    __syncthreads();
    const int64_t at = 3 * first + sizeof(Colors) * int64_t{threadIdx.x};
    if (threadIdx.x < kPacks) store_packed(p.out, at, 3 * count, packs[threadIdx.x].values);
    __syncthreads();  // before the next use of `packs`
  }
}
}  // namespace

const char* shade_surface_cuda(const ShadeSurface& p, void* stream) {
  return cuda_launch(shade_kernel, cuda_blocks(p.batch * p.pixels), kCudaThreads, stream, p);
}
}  // namespace pyface3d
