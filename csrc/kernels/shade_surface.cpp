// Blocks of pixels: the covered ones are listed and their normals gathered, then the light is computed in vector lanes.
#include "kernels/shade_surface.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int64_t kBlock = 256;

struct Covered {  // the covered pixels of a block
  int64_t count, pixels[kBlock];
  float normals[3][kBlock], diffuse[kBlock], shine[kBlock];
};

void gather(const ShadeSurface& p, int64_t begin, int64_t end, Covered& c) {
  const float* normals = p.normals + begin / p.pixels * p.vertex_count * 3;
  c.count = 0;
  for (int64_t i = begin; i < end; ++i) {
    c.pixels[c.count] = i;
    c.count += p.triangle_ids[i] >= 0;
  }
  for (int64_t k = 0; k < c.count; ++k) {
    float n[3];
    blended_normal(p, normals, c.pixels[k], n);
    for (int d = 0; d < 3; ++d) c.normals[d][k] = n[d];
  }
}

void raise(float* base, float exponent, int64_t count) {  // base to the exponent
  const int whole = exponent >= 0 && exponent < 64 ? static_cast<int>(exponent) : -1;
  if (static_cast<float>(whole) != exponent) {
    for (int64_t k = 0; k < count; ++k) base[k] = __builtin_powf(base[k], exponent);
    return;
  }
  for (int64_t k = 0; k < count; ++k) {
    float power = 1;
    for (int bit = 32; bit; bit >>= 1) power *= power * (whole & bit ? base[k] : 1);
    base[k] = power;
  }
}

void light_block(const ShadeSurface& p, Covered& c) {
  for (int64_t k = 0; k < c.count; ++k) {
    float n[3] = {c.normals[0][k], c.normals[1][k], c.normals[2][k]};
    const float scale = inverse_length(n);
    for (int d = 0; d < 3; ++d) c.normals[d][k] = n[d] *= scale;
    const Reflection r = reflect(p.light, n);
    c.diffuse[k] = r.diffuse, c.shine[k] = r.cosine;
  }
  if (p.albedo && p.light.specular) raise(c.shine, p.light.exponent, c.count);
}

void draw(const ShadeSurface& p, int64_t begin, int64_t end, const Covered& c) {
  if (p.canvas)
    __builtin_memcpy(p.out + begin * 3, p.canvas + begin * 3, (end - begin) * 3);
  else
    __builtin_memset(p.out + begin * 3, 0, (end - begin) * 3);
  const float specular = 255 * p.light.specular;
  for (int64_t k = 0; k < c.count; ++k) {
    const int64_t i = c.pixels[k] * 3;
    const float* albedo = p.albedo + (p.one_albedo ? 0 : i);
    uint8_t color[3];
    for (int d = 0; d < 3; ++d) {
      const float lit = p.albedo ? albedo[d] * c.diffuse[k] + specular * c.shine[k] : 127.5f * (c.normals[d][k] + 1);
      color[d] = composed(lit, p.out[i + d], p.alpha);
    }
    __builtin_memcpy(p.out + i, color, 3);
  }
}
}  // namespace

void shade_surface(const ShadeSurface& given, int64_t begin, int64_t end) {
  const ShadeSurface p = given;  // a copy that bytes written to out cannot alias
  Covered covered;
  while (begin < end) {
    const int64_t face_end = (begin / p.pixels + 1) * p.pixels;
    int64_t last = begin + kBlock < end ? begin + kBlock : end;
    last = last < face_end ? last : face_end;
    gather(p, begin, last, covered);
    light_block(p, covered);
    draw(p, begin, last, covered);
    begin = last;
  }
}
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
