#include "kernels/render_position_map.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T>
struct Four {  // x, y, z of one point and an idle lane; a register of any instruction set
  typedef T type __attribute__((vector_size(4 * sizeof(T))));
};
template <typename T> using Quad = typename Four<T>::type;
typedef int32_t Order __attribute__((vector_size(16)));
typedef int64_t WideOrder __attribute__((vector_size(32)));

// Lanes of a (0..3) and b (4..7). By reference: four doubles are not one register of every set.
inline void mix(const Quad<float>& a, const Quad<float>& b, Order order, Quad<float>& out) {
  out = __builtin_shuffle(a, b, order);
}
inline void mix(const Quad<double>& a, const Quad<double>& b, Order o, Quad<double>& out) {
  out = __builtin_shuffle(a, b, WideOrder{o[0], o[1], o[2], o[3]});
}

// Reads four numbers where memory allows, the fourth unused: one load instead of three.
template <typename T>
inline void load_point(const T* from, bool whole, Quad<T>& out) {
  if (__builtin_expect(whole, 1))
    __builtin_memcpy(&out, from, sizeof(out));
  else
    out = Quad<T>{from[0], from[1], from[2], 0};
}

template <typename T>
inline void texel(const RenderPositionMap& p, const T* vertices, int64_t last_whole, int64_t t, Quad<T>& sum) {
  Quad<T> corner;
  sum = Quad<T>{};
  for (int64_t k = 3 * t; k < 3 * t + 3; ++k) {
    const int64_t n = p.corners[k];
    load_point(vertices + 3 * n, n <= last_whole, corner);
    sum += static_cast<T>(p.weights[k]) * corner;
  }
}

// Four texels at a time: gathered as points, transposed in registers, stored to the three planes.
template <typename T>
void forward_chunk(const RenderPositionMap& p, int64_t face, int64_t first, int64_t last) {
  const T* v = static_cast<const T*>(p.vertices) + face * p.vertex_count * 3;
  T* x = static_cast<T*>(p.maps) + face * 3 * p.texel_count;
  T* y = x + p.texel_count;
  T* z = y + p.texel_count;
  // a fourth number follows every point but the very last of the tensor
  const int64_t whole = p.vertex_count - (face + 1 == p.batch ? 2 : 1);
  Quad<T> a, b, c, d, ab, cd, plane;
  int64_t t = first;
  for (; t + 4 <= last; t += 4) {
    texel(p, v, whole, t, a), texel(p, v, whole, t + 1, b);
    texel(p, v, whole, t + 2, c), texel(p, v, whole, t + 3, d);
    mix(a, b, Order{0, 4, 1, 5}, ab), mix(c, d, Order{0, 4, 1, 5}, cd);  // x x y y
    mix(ab, cd, Order{0, 1, 4, 5}, plane);
    __builtin_memcpy(x + t, &plane, sizeof(plane));
    mix(ab, cd, Order{2, 3, 6, 7}, plane);
    __builtin_memcpy(y + t, &plane, sizeof(plane));
    mix(a, b, Order{2, 6, 2, 6}, ab), mix(c, d, Order{2, 6, 2, 6}, cd);  // z z z z
    mix(ab, cd, Order{0, 1, 4, 5}, plane);
    __builtin_memcpy(z + t, &plane, sizeof(plane));
  }
  for (; t < last; ++t) {
    texel(p, v, whole, t, a);
    x[t] = a[0], y[t] = a[1], z[t] = a[2];
  }
}

template <typename T>
void interleave_chunk(const RenderPositionMap& p, int64_t face, int64_t first, int64_t last) {
  const T* x = static_cast<const T*>(p.grad_maps) + (p.face + face) * 3 * p.texel_count;
  const T* y = x + p.texel_count;
  const T* z = y + p.texel_count;
  T* points = static_cast<T*>(p.grad_points);
  for (int64_t t = first; t < last; ++t) {
    const Quad<T> point{x[t], y[t], z[t], 0};
    __builtin_memcpy(points + 4 * t, &point, sizeof(point));
  }
}

template <typename T>
void backward_chunk(const RenderPositionMap& p, int64_t face, int64_t first, int64_t last) {
  const T* points = static_cast<const T*>(p.grad_points);
  T* grad = static_cast<T*>(p.grad_vertices) + (p.face + face) * p.vertex_count * 3;
  for (int64_t n = first; n < last; ++n) {
    Quad<T> sum{}, point;
    for (int32_t e = p.reader_offsets[n]; e < p.reader_offsets[n + 1]; ++e) {
      __builtin_memcpy(&point, points + 4 * int64_t{p.reader_texels[e]}, sizeof(point));
      sum += static_cast<T>(p.reader_weights[e]) * point;
    }
    grad[3 * n] = sum[0], grad[3 * n + 1] = sum[1], grad[3 * n + 2] = sum[2];
  }
}

template <typename T, void (*work)(const RenderPositionMap&, int64_t, int64_t, int64_t)>
void each_chunk(const RenderPositionMap& p, int64_t count, int64_t begin, int64_t end) {
  const int64_t chunks = map_chunks(count);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t first = item % chunks * kMapChunk, last = first + kMapChunk;
    work(p, item / chunks, first, last < count ? last : count);
  }
}
}  // namespace

template <typename T>
void render_position_map_forward(const RenderPositionMap& p, int64_t begin, int64_t end) {
  each_chunk<T, forward_chunk<T>>(p, p.texel_count, begin, end);
}

template <typename T>
void render_position_map_interleave(const RenderPositionMap& p, int64_t begin, int64_t end) {
  each_chunk<T, interleave_chunk<T>>(p, p.texel_count, begin, end);
}

template <typename T>
void render_position_map_backward(const RenderPositionMap& p, int64_t begin, int64_t end) {
  each_chunk<T, backward_chunk<T>>(p, p.vertex_count, begin, end);
}

bool all_within(const int32_t* values, int64_t count, int64_t limit) {
  uint32_t largest = 0;  // a negative value is a large unsigned one
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t value = static_cast<uint32_t>(values[i]);
    largest = value > largest ? value : largest;
  }
  return count == 0 || static_cast<int64_t>(largest) < limit;
}

template void render_position_map_forward<float>(const RenderPositionMap&, int64_t, int64_t);
template void render_position_map_forward<double>(const RenderPositionMap&, int64_t, int64_t);
template void render_position_map_interleave<float>(const RenderPositionMap&, int64_t, int64_t);
template void render_position_map_interleave<double>(const RenderPositionMap&, int64_t, int64_t);
template void render_position_map_backward<float>(const RenderPositionMap&, int64_t, int64_t);
template void render_position_map_backward<double>(const RenderPositionMap&, int64_t, int64_t);
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
