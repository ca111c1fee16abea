// The straightforward renderer that the field's codes use (face3d, Sim3DR): one triangle after the other, every pixel
// of its bounding box, barycentrics by dot products. Compiled plainly by bench_rasterize.py as the thing to compare
// with.
#include <algorithm>
#include <cmath>
#include <cstdint>

extern "C" void vertex_normals(const float* vertices, const int64_t* triangles, float* normals, int n_vertices,
                               int n_triangles) {
  std::fill(normals, normals + n_vertices * 3, 0.f);
  for (int i = 0; i < n_triangles; ++i) {
    const float* p[3];
    for (int k = 0; k < 3; ++k) p[k] = vertices + triangles[i * 3 + k] * 3;
    const float ax = p[1][0] - p[0][0], ay = p[1][1] - p[0][1], az = p[1][2] - p[0][2];
    const float bx = p[2][0] - p[0][0], by = p[2][1] - p[0][1], bz = p[2][2] - p[0][2];
    const float n[3] = {ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx};
    for (int k = 0; k < 3; ++k)
      for (int d = 0; d < 3; ++d) normals[triangles[i * 3 + k] * 3 + d] += n[d];
  }
  for (int i = 0; i < n_vertices; ++i) {
    float* n = normals + i * 3;
    const float length = std::sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
    for (int d = 0; d < 3; ++d) n[d] /= length;
  }
}

static void barycentric(float* weight, const float* p, const float* p0, const float* p1, const float* p2) {
  const float v0x = p2[0] - p0[0], v0y = p2[1] - p0[1], v1x = p1[0] - p0[0], v1y = p1[1] - p0[1];
  const float v2x = p[0] - p0[0], v2y = p[1] - p0[1];
  const float dot00 = v0x * v0x + v0y * v0y, dot01 = v0x * v1x + v0y * v1y, dot02 = v0x * v2x + v0y * v2y;
  const float dot11 = v1x * v1x + v1y * v1y, dot12 = v1x * v2x + v1y * v2y;
  const float scale = dot00 * dot11 - dot01 * dot01;
  const float inverse = scale == 0 ? 0 : 1 / scale;
  const float u = (dot11 * dot02 - dot01 * dot12) * inverse, v = (dot00 * dot12 - dot01 * dot02) * inverse;
  weight[0] = 1 - u - v, weight[1] = v, weight[2] = u;
}

// ids, barycentrics and depth, as ops.rasterize returns them.
extern "C" void rasterize(const float* vertices, const int64_t* triangles, int32_t* ids, float* barycentrics,
                          float* depth, int n_triangles, int height, int width) {
  std::fill(ids, ids + height * width, -1);
  std::fill(barycentrics, barycentrics + height * width * 3, 0.f);
  std::fill(depth, depth + height * width, -1e8f);
  for (int i = 0; i < n_triangles; ++i) {
    const float *p0 = vertices + triangles[i * 3] * 3, *p1 = vertices + triangles[i * 3 + 1] * 3,
                *p2 = vertices + triangles[i * 3 + 2] * 3;
    const int x_min = std::max((int)std::ceil(std::min(p0[0], std::min(p1[0], p2[0]))), 0);
    const int x_max = std::min((int)std::floor(std::max(p0[0], std::max(p1[0], p2[0]))), width - 1);
    const int y_min = std::max((int)std::ceil(std::min(p0[1], std::min(p1[1], p2[1]))), 0);
    const int y_max = std::min((int)std::floor(std::max(p0[1], std::max(p1[1], p2[1]))), height - 1);
    if (x_max < x_min || y_max < y_min) continue;
    for (int y = y_min; y <= y_max; ++y)
      for (int x = x_min; x <= x_max; ++x) {
        const float p[2] = {(float)x, (float)y};
        float weight[3];
        barycentric(weight, p, p0, p1, p2);
        if (weight[0] < 0 || weight[1] < 0 || weight[2] < 0) continue;
        const float z = weight[0] * p0[2] + weight[1] * p1[2] + weight[2] * p2[2];
        const int pixel = y * width + x;
        if (z <= depth[pixel]) continue;
        depth[pixel] = z, ids[pixel] = i;
        for (int k = 0; k < 3; ++k) barycentrics[pixel * 3 + k] = weight[k];
      }
  }
}

// Per-pixel normals and a diffuse light from the viewer -> uint8 grey.
extern "C" void shade(const int64_t* triangles, const int32_t* ids, const float* barycentrics, const float* normals,
                      uint8_t* image, int pixels) {
  for (int i = 0; i < pixels; ++i) {
    float n[3] = {0, 0, 0};
    if (ids[i] >= 0)
      for (int k = 0; k < 3; ++k)
        for (int d = 0; d < 3; ++d) n[d] += barycentrics[i * 3 + k] * normals[triangles[ids[i] * 3 + k] * 3 + d];
    const float length = std::sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
    const float light = length > 0 ? 0.3f + 0.6f * std::max(n[2] / length, 0.f) : 0.f;
    for (int c = 0; c < 3; ++c) image[i * 3 + c] = (uint8_t)(255 * light);
  }
}
