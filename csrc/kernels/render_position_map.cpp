#include "kernels/render_position_map.h"

// Four doubles are two registers of the base set: GCC notes that passing them changed in 4.6; these calls are all inlined.
#pragma GCC diagnostic ignored "-Wpsabi"

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

inline Quad<float> mix(Quad<float> a, Quad<float> b, Order order) { return __builtin_shuffle(a, b, order); }
inline Quad<double> mix(Quad<double> a, Quad<double> b, Order o) {
  return __builtin_shuffle(a, b, WideOrder{o[0], o[1], o[2], o[3]});
}

template <typename T>
inline Quad<T> point(const T* from) {
  return Quad<T>{from[0], from[1], from[2], 0};
}

template <typename T>
inline Quad<T> texel(const T* vertices, const int32_t* corner, const float* weight) {
  return static_cast<T>(weight[0]) * point(vertices + 3 * int64_t{corner[0]}) +
         static_cast<T>(weight[1]) * point(vertices + 3 * int64_t{corner[1]}) +
         static_cast<T>(weight[2]) * point(vertices + 3 * int64_t{corner[2]});
}

// Four texels at a time: gathered as points, transposed in registers, stored to the three planes.
template <typename T>
void forward_chunk(const RenderPositionMap& p, int64_t face, int64_t first, int64_t last) {
  const T* v = static_cast<const T*>(p.vertices) + face * p.vertex_count * 3;
  T* x = static_cast<T*>(p.maps) + face * 3 * p.texel_count;
  T* y = x + p.texel_count;
  T* z = y + p.texel_count;
  int64_t t = first;
  for (; t + 4 <= last; t += 4) {
    const int32_t* c = p.corners + 3 * t;
    const float* w = p.weights + 3 * t;
    const Quad<T> a = texel(v, c, w), b = texel(v, c + 3, w + 3), d = texel(v, c + 6, w + 6), e = texel(v, c + 9, w + 9);
    const Quad<T> ab = mix(a, b, Order{0, 4, 1, 5}), de = mix(d, e, Order{0, 4, 1, 5});  // x x y y
    const Quad<T> xs = mix(ab, de, Order{0, 1, 4, 5}), ys = mix(ab, de, Order{2, 3, 6, 7});
    const Quad<T> zs = mix(mix(a, b, Order{2, 6, 2, 6}), mix(d, e, Order{2, 6, 2, 6}), Order{0, 1, 4, 5});
    __builtin_memcpy(x + t, &xs, sizeof(xs));
    __builtin_memcpy(y + t, &ys, sizeof(ys));
    __builtin_memcpy(z + t, &zs, sizeof(zs));
  }
  for (; t < last; ++t) {
    const Quad<T> a = texel(v, p.corners + 3 * t, p.weights + 3 * t);
    x[t] = a[0], y[t] = a[1], z[t] = a[2];
  }
}

template <typename T>
void backward_chunk(const RenderPositionMap& p, int64_t face, int64_t first, int64_t last) {
  const T* gx = static_cast<const T*>(p.grad_maps) + face * 3 * p.texel_count;
  const T* gy = gx + p.texel_count;
  const T* gz = gy + p.texel_count;
  T* grad = static_cast<T*>(p.grad_vertices) + face * p.vertex_count * 3;
  for (int64_t n = first; n < last; ++n) {
    T x = 0, y = 0, z = 0;
    for (int32_t e = p.reader_offsets[n]; e < p.reader_offsets[n + 1]; ++e) {
      const T w = p.reader_weights[e];
      const int32_t t = p.reader_texels[e];
      x += w * gx[t], y += w * gy[t], z += w * gz[t];
    }
    grad[3 * n] = x, grad[3 * n + 1] = y, grad[3 * n + 2] = z;
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
template void render_position_map_backward<float>(const RenderPositionMap&, int64_t, int64_t);
template void render_position_map_backward<double>(const RenderPositionMap&, int64_t, int64_t);
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
