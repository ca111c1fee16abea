// Pictures of rasterised meshes: per pixel the interpolated unit normal n (y up), and Phong's colour
//   albedo (ambient + directional max(n.l, 0)) + 255 specular max(r.v, 0)^exponent,  r = 2 (n.l) n - l,  v = (0, 0, 1)
// (Phong 1975), or the normal itself as (n + 1) / 2; blended over a canvas. No gradient: the result is uint8.
#pragma once
#include <math.h>

#include "kernels/inline.h"
#include "kernels/simd.h"

namespace pyface3d {
struct Light {
  float x, y, z;  // unit direction to the light: x right, y up, z towards the viewer
  float ambient, directional, specular, exponent;
};

struct ShadeSurface {                   // contiguous, float32
  const float* normals;                 // (B, N, 3) y up, of any length, on the seen side
  const int32_t* triangle_ids;          // (B, H, W), negative: none
  const float* barycentrics;            // (B, H, W, 3)
  const int64_t* triangles;             // (F, 3)
  const float* albedo;                  // (B, H, W, 3) or (3,) of 0 to 255; null: draw normals
  const uint8_t* canvas;                // (B, H, W, 3), or null: black
  uint8_t* out;                         // (B, H, W, 3)
  int64_t batch, pixels, vertex_count;  // B, H W, N
  int64_t triangle_count;               // F
  bool one_albedo;                      // albedo is (3,)
  float alpha;                          // opacity of the mesh
  Light light;
};

// The interpolated normal at pixel i of a face whose normals (N, 3) are given; not yet of unit length.
PYFACE3D_INLINE void blended_normal(const ShadeSurface& p, const float* normals, int64_t i, float* n) {
  const int64_t* corner = p.triangles + p.triangle_ids[i] * int64_t{3};
  const float *n0 = normals + corner[0] * 3, *n1 = normals + corner[1] * 3, *n2 = normals + corner[2] * 3,
              *b = p.barycentrics + i * 3;
  for (int d = 0; d < 3; ++d) n[d] = b[0] * n0[d] + b[1] * n1[d] + b[2] * n2[d];
}

PYFACE3D_INLINE float inverse_length(const float* n) {
  const float squared = n[0] * n[0] + n[1] * n[1] + n[2] * n[2];
  return squared > 0 ? 1 / sqrtf(squared) : 0;
}

struct Reflection {  // of one pixel: what multiplies the albedo, and the cosine of the highlight
  float diffuse, cosine;
};

PYFACE3D_INLINE Reflection reflect(const Light& light, const float* n) {
  const float facing = n[0] * light.x + n[1] * light.y + n[2] * light.z, reflected = 2 * facing * n[2] - light.z;
  return {light.ambient + light.directional * (facing > 0 ? facing : 0), reflected > 0 ? reflected : 0};
}

PYFACE3D_INLINE uint8_t composed(float color, uint8_t behind, float alpha) {
  float value = behind + alpha * (color - behind) + 0.5f;
  value = value > 0 ? value : 0;  // NaN: 0
  return static_cast<uint8_t>(static_cast<int32_t>(value < 255 ? value : 255));
}

const char* shade_surface_cuda(const ShadeSurface& p, void* stream);

PYFACE3D_EACH_ISA(  // Pixels [begin, end) of all faces.
    void shade_surface(const ShadeSurface& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
