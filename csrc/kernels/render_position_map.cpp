// Each direction packs its input into points (x, y, z, idle) of some faces side by side, which stay in cache, and then
// gathers: what an index and a weight are loaded for serves all these faces.
#include "kernels/render_position_map.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T, int F>
struct PointsOf {
  typedef T type __attribute__((vector_size(4 * F * sizeof(T))));
};
template <typename T, int F>
using Points = typename PointsOf<T, F>::type;  // one point of each of F faces
// Two where a register holds them; of more, the points of large meshes would leave the caches.
template <typename T>
constexpr int kFaces = kLanes<T> < 8 ? 1 : 2;

template <typename T, int F>
void pack_vertices(const RenderPositionMap<T>& p, int64_t first, int64_t last) {
  const T* vertices = p.vertices + p.face * p.vertex_count * 3;
  T* points = p.points;
  for (int64_t n = first; n < last; ++n)
    for (int64_t f = 0; f < F; ++f) {
      const T* from = vertices + (f * p.vertex_count + n) * 3;
      const int64_t size =
          (n + 1 < p.vertex_count ? 4 : 3) * sizeof(T);  // one load of four, where a fourth number follows
      __builtin_memcpy(points + (n * F + f) * 4, from, size);
    }
}

template <typename T, int F>
void mix_corners(const RenderPositionMap<T>& p, int64_t t, Points<T, F>& sum) {
  Points<T, F> corner;
  sum = Points<T, F>{};
  for (int64_t k = 3 * t; k < 3 * t + 3; ++k) {
    __builtin_memcpy(&corner, p.points + int64_t{p.corners[k]} * 4 * F, sizeof(corner));
    sum += static_cast<T>(p.weights[k]) * corner;
  }
}

// As many texels at a time as a row has lanes: transposed in registers, stored to the planes.
template <typename T, int F>
void forward_chunk(const RenderPositionMap<T>& p, int64_t first, int64_t last) {
  constexpr int W = 4 * F;
  T* planes = p.maps + p.face * 3 * p.texel_count;
  Points<T, F> rows[W];
  int64_t t = first;
  for (; t + W <= last; t += W) {
    for (int i = 0; i < W; ++i) mix_corners<T, F>(p, t + i, rows[i]);
    transpose(rows);
    for (int i = 0; i < W; ++i)
      if (i % 4 < 3) __builtin_memcpy(planes + (i / 4 * 3 + i % 4) * p.texel_count + t, &rows[i], sizeof(rows[i]));
  }
  for (; t < last; ++t) {
    mix_corners<T, F>(p, t, rows[0]);
    for (int i = 0; i < W; ++i)
      if (i % 4 < 3) planes[(i / 4 * 3 + i % 4) * p.texel_count + t] = rows[0][i];
  }
}

template <typename T, int F>
void pack_planes(const RenderPositionMap<T>& p, int64_t first, int64_t last) {
  constexpr int W = 4 * F;
  const T* planes = p.grad_maps + p.face * 3 * p.texel_count;
  T* points = p.points;
  Points<T, F> rows[W];
  int64_t t = first;
  for (; t + W <= last; t += W) {
    for (int i = 0; i < W; ++i) {
      rows[i] = Points<T, F>{};
      if (i % 4 < 3) __builtin_memcpy(&rows[i], planes + (i / 4 * 3 + i % 4) * p.texel_count + t, sizeof(rows[i]));
    }
    transpose(rows);
    __builtin_memcpy(points + t * W, rows, sizeof(rows));
  }
  for (; t < last; ++t)
    for (int i = 0; i < W; ++i) points[t * W + i] = i % 4 < 3 ? planes[(i / 4 * 3 + i % 4) * p.texel_count + t] : T(0);
}

template <typename T, int F>
void backward_chunk(const RenderPositionMap<T>& p, int64_t first, int64_t last) {
  T* grad = p.grad_vertices + p.face * p.vertex_count * 3;
  for (int64_t n = first; n < last; ++n) {
    Points<T, F> sum{}, point;
    for (int32_t e = p.reader_offsets[n]; e < p.reader_offsets[n + 1]; ++e) {
      __builtin_memcpy(&point, p.points + int64_t{p.reader_texels[e]} * 4 * F, sizeof(point));
      sum += static_cast<T>(p.reader_weights[e]) * point;
    }
    const int64_t size = (n + 1 < last ? 4 : 3) * sizeof(T);  // one store of four: the next vertex corrects the fourth
    for (int64_t f = 0; f < F; ++f)
      __builtin_memcpy(grad + (f * p.vertex_count + n) * 3, reinterpret_cast<const T*>(&sum) + 4 * f, size);
  }
}

template <typename T>
using Work = void (*)(const RenderPositionMap<T>&, int64_t, int64_t);
template <typename T>
void each_chunk(Work<T> work, const RenderPositionMap<T>& p, int64_t count, int64_t begin, int64_t end) {
  for (int64_t first = begin * kMapChunk; first < count && first < end * kMapChunk; first += kMapChunk)
    work(p, first, first + kMapChunk < count ? first + kMapChunk : count);
}
}  // namespace

template <typename T>
int64_t render_position_map_faces() {
  return kFaces<T>;
}

#define PYFACE3D_LOOP(NAME, WORK, COUNT)                                                 \
  template <typename T>                                                                  \
  void NAME(const RenderPositionMap<T>& p, int64_t begin, int64_t end) {                 \
    each_chunk<T>(p.faces == 1 ? WORK<T, 1> : WORK<T, kFaces<T>>, p, COUNT, begin, end); \
  }
PYFACE3D_LOOP(render_position_map_pack_vertices, pack_vertices, p.vertex_count)
PYFACE3D_LOOP(render_position_map_forward, forward_chunk, p.texel_count)
PYFACE3D_LOOP(render_position_map_pack_planes, pack_planes, p.texel_count)
PYFACE3D_LOOP(render_position_map_backward, backward_chunk, p.vertex_count)

#define PYFACE3D_KERNELS(T)                                                                          \
  template int64_t render_position_map_faces<T>();                                                   \
  template void render_position_map_pack_vertices<T>(const RenderPositionMap<T>&, int64_t, int64_t); \
  template void render_position_map_forward<T>(const RenderPositionMap<T>&, int64_t, int64_t);       \
  template void render_position_map_pack_planes<T>(const RenderPositionMap<T>&, int64_t, int64_t);   \
  template void render_position_map_backward<T>(const RenderPositionMap<T>&, int64_t, int64_t);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)

bool all_within(const int32_t* values, int64_t count, int64_t limit) {
  uint32_t largest = 0;  // a negative value is a large unsigned one
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t value = static_cast<uint32_t>(values[i]);
    largest = value > largest ? value : largest;
  }
  return count == 0 || static_cast<int64_t>(largest) < limit;
}
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
