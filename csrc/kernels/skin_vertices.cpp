#include "kernels/skin_vertices.h"

#include "kernels/morphable_tile.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T>
struct Tile {  // the lanes from vertex n on, of which `present` are there, of one face
  int64_t n;
  int present;
  int64_t at;           // of its first coordinate in the batch
  const T* transforms;  // (J, 3, 4)
};

// The weights of one joint; those past the last vertex are zero.
template <typename T>
inline Vec<T> weights_at(const SkinVertices<T>& p, int64_t joint, const Tile<T>& tile) {
  const T* from = p.weights + joint * p.vertex_count + tile.n;
  if (tile.present >= kLanes<T>) return load<T>(from);
  T whole[kLanes<T>] = {};
  for (int i = 0; i < tile.present; ++i) whole[i] = from[i];
  return load<T>(whole);
}

template <typename T>
inline void blend(const SkinVertices<T>& p, const Tile<T>& tile, Vec<T> (&m)[12]) {
  for (int i = 0; i < 12; ++i) m[i] = Vec<T>{};
  for (int64_t j = 0; j < p.joint_count; ++j) {
    const Vec<T> w = weights_at(p, j, tile);
    for (int i = 0; i < 12; ++i) m[i] += w * tile.transforms[j * 12 + i];
  }
}

template <typename T>
inline void skin_tile(const SkinVertices<T>& p, const Tile<T>& tile) {
  Vec<T> m[12], v[3], out[3];
  blend(p, tile, m);
  load_vertices<T>(p.vertices + tile.at, tile.present, v);
  for (int r = 0; r < 3; ++r) out[r] = m[r * 4] * v[0] + m[r * 4 + 1] * v[1] + m[r * 4 + 2] * v[2] + m[r * 4 + 3];
  store_vertices<T>(p.out + tile.at, tile.present, out);
}

template <typename T>
inline void unskin_tile(const SkinVertices<T>& p, const Tile<T>& tile, const Vec<T> (&g)[3]) {
  Vec<T> m[12], grad[3];
  blend(p, tile, m);
  for (int d = 0; d < 3; ++d) grad[d] = m[d] * g[0] + m[4 + d] * g[1] + m[8 + d] * g[2];
  store_vertices<T>(p.grad_vertices + tile.at, tile.present, grad);
}

// sums (J, 12, lanes) += w_j g (v, 1)^T
template <typename T>
inline void add_transforms(const SkinVertices<T>& p, const Tile<T>& tile, const Vec<T> (&g)[3], T* sums) {
  constexpr int L = kLanes<T>;
  Vec<T> v[3], outer[12];
  load_vertices<T>(p.vertices + tile.at, tile.present, v);
  for (int r = 0; r < 3; ++r) {
    for (int d = 0; d < 3; ++d) outer[r * 4 + d] = g[r] * v[d];
    outer[r * 4 + 3] = g[r];
  }
  for (int64_t j = 0; j < p.joint_count; ++j, sums += 12 * L) {
    const Vec<T> w = weights_at(p, j, tile);
    for (int i = 0; i < 12; ++i) store<T>(sums + i * L, load<T>(sums + i * L) + w * outer[i]);
  }
}

template <typename T, typename Run>
void each_tile(const SkinVertices<T>& p, int64_t item, const Run& run) {
  const int64_t chunks = skin_chunks(p.vertex_count), face = item / chunks, first = item % chunks * kSkinChunk;
  const int64_t last = first + kSkinChunk < p.vertex_count ? first + kSkinChunk : p.vertex_count;
  for (int64_t n = first; n < last; n += kLanes<T>) {
    const int present = static_cast<int>(last - n < kLanes<T> ? last - n : kLanes<T>);
    run(Tile<T>{n, present, (face * p.vertex_count + n) * 3, p.transforms + face * p.joint_count * 12});
  }
}
}  // namespace

template <typename T>
int64_t skin_vertices_scratch(const SkinVertices<T>& p) {
  return p.joint_count * 12 * kLanes<T>;
}

template <typename T>
void skin_vertices_forward(const SkinVertices<T>& p, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; ++item) each_tile(p, item, [&](const Tile<T>& tile) { skin_tile(p, tile); });
}

template <typename T>
void skin_vertices_backward(const SkinVertices<T>& p, T* scratch, int64_t begin, int64_t end) {
  constexpr int L = kLanes<T>;
  const int64_t sums = p.joint_count * 12;
  for (int64_t item = begin; item < end; ++item) {
    for (int64_t i = 0; i < sums * L; ++i) scratch[i] = 0;
    each_tile(p, item, [&](const Tile<T>& tile) {
      Vec<T> g[3];
      load_vertices<T>(p.grad_out + tile.at, tile.present, g);
      if (p.want_vertices) unskin_tile(p, tile, g);
      if (p.want_transforms) add_transforms(p, tile, g, scratch);
    });
    for (int64_t i = 0; i < sums && p.want_transforms; ++i)
      p.grad_transform_parts[item * sums + i] = lane_sum<T>(load<T>(scratch + i * L));
  }
}

#define PYFACE3D_KERNELS(T)                                                         \
  template int64_t skin_vertices_scratch<T>(const SkinVertices<T>&);                \
  template void skin_vertices_forward<T>(const SkinVertices<T>&, int64_t, int64_t); \
  template void skin_vertices_backward<T>(const SkinVertices<T>&, T*, int64_t, int64_t);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
