// One thread per pixel.
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

__global__ void shade_kernel(ShadeSurface p) {
  for (int64_t i = cuda_first(); i < p.batch * p.pixels; i += cuda_stride()) {
    uint8_t color[3] = {0, 0, 0};
    if (p.canvas)
      for (int d = 0; d < 3; ++d) color[d] = p.canvas[i * 3 + d];
    if (shows_triangle(p, i)) {
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
    for (int d = 0; d < 3; ++d) p.out[i * 3 + d] = color[d];
  }
}
}  // namespace

const char* shade_surface_cuda(const ShadeSurface& p, void* stream) {
  return cuda_launch(shade_kernel, cuda_blocks(p.batch * p.pixels), kCudaThreads, stream, p);
}
}  // namespace pyface3d
