#include "kernels/interpolate.h"

#include "kernels/quad.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
// The three attribute rows of pixel i, as offsets into one face's (N, C).
struct Rows {
  int64_t r0, r1, r2;
  template <typename T>
  Rows(const Interpolate<T>& p, int32_t id)
      : r0(p.triangles[id * int64_t{3}] * p.channels),
        r1(p.triangles[id * int64_t{3} + 1] * p.channels),
        r2(p.triangles[id * int64_t{3} + 2] * p.channels) {}
};

template <typename T>
const T* attributes_of(const Interpolate<T>& p, int64_t face) {  // (N, C)
  return p.attributes + (p.shared ? 0 : face * p.vertex_count * p.channels);
}

// Calls run(attributes (N, C), first, last) for the part of [begin, end) in each face.
template <typename T, typename F>
PYFACE3D_INLINE void each_face(const Interpolate<T>& p, int64_t begin, int64_t end, const F& run) {
  while (begin < end) {
    const int64_t face = begin / p.pixels, face_end = (face + 1) * p.pixels, last = end < face_end ? end : face_end;
    run(attributes_of(p, face), begin, last);
    begin = last;
  }
}

// C: the number of channels when it is known at compile time, else 0.
template <typename T, int C>
void forward_pixels(const Interpolate<T>& p, const T* a, int64_t begin, int64_t end) {
  const int64_t channels = C ? C : p.channels;
  for (int64_t i = begin; i < end; ++i) {
    T* out = p.out + i * channels;
    const int32_t id = p.triangle_ids[i];
    if (id < 0) {
      for (int64_t c = 0; c < channels; ++c) out[c] = 0;
      continue;
    }
    const T* b = p.barycentrics + i * 3;
    const Rows rows(p, id);
    for (int64_t c = 0; c < channels; ++c)
      out[c] = b[0] * a[rows.r0 + c] + b[1] * a[rows.r1 + c] + b[2] * a[rows.r2 + c];
  }
}

template <typename T>
void grad_barycentrics_pixels(const Interpolate<T>& p, const T* a, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const T* grad = p.grad_out + i * p.channels;
    const int32_t id = p.triangle_ids[i];
    T sum[3] = {0, 0, 0};
    if (id >= 0) {
      const Rows rows(p, id);
      for (int64_t c = 0; c < p.channels; ++c) {
        sum[0] += grad[c] * a[rows.r0 + c];
        sum[1] += grad[c] * a[rows.r1 + c];
        sum[2] += grad[c] * a[rows.r2 + c];
      }
    }
    for (int k = 0; k < 3; ++k) p.grad_barycentrics[i * 3 + k] = sum[k];
  }
}

template <typename T>
void backward_channels(const Interpolate<T>& p, int64_t face) {
  T* grad_attributes = p.grad_attributes + face * p.vertex_count * p.channels;
  for (int64_t i = 0; i < p.vertex_count * p.channels; ++i) grad_attributes[i] = 0;
  for (int64_t i = face * p.pixels; i < (face + 1) * p.pixels; ++i) {
    const int32_t id = p.triangle_ids[i];
    if (id < 0) continue;
    const T *grad = p.grad_out + i * p.channels, *b = p.barycentrics + i * 3;
    const Rows rows(p, id);
    for (int64_t c = 0; c < p.channels; ++c) {
      grad_attributes[rows.r0 + c] += b[0] * grad[c];
      grad_attributes[rows.r1 + c] += b[1] * grad[c];
      grad_attributes[rows.r2 + c] += b[2] * grad[c];
    }
  }
  if (p.want_barycentrics) grad_barycentrics_pixels(p, attributes_of(p, face), face * p.pixels, (face + 1) * p.pixels);
}

// Three channels, in one pass over the pixels; sums (N, 4).
template <typename T, bool kBarycentrics>
void backward_points(const Interpolate<T>& p, int64_t face, T* sums) {
  for (int64_t i = 0; i < p.vertex_count * 4; ++i) sums[i] = 0;
  const T* a = attributes_of(p, face);
  Quad<T> grad, row;
  for (int64_t i = face * p.pixels; i < (face + 1) * p.pixels; ++i) {
    const int32_t id = p.triangle_ids[i];
    T grad_b[3] = {0, 0, 0};
    if (id >= 0) {
      load_point(p.grad_out + i * 3, i + 1 < p.batch * p.pixels, grad);
      for (int k = 0; k < 3; ++k) {
        const int64_t n = p.triangles[id * int64_t{3} + k];
        add_point<T>(sums, n, grad * p.barycentrics[i * 3 + k]);
        if constexpr (kBarycentrics) {
          load_point(a + n * 3, n + 1 < p.vertex_count, row);
          row *= grad;
          grad_b[k] = row[0] + row[1] + row[2];
        }
      }
    }
    if constexpr (kBarycentrics)
      for (int k = 0; k < 3; ++k) p.grad_barycentrics[i * 3 + k] = grad_b[k];
  }
  store_sums(sums, p.vertex_count, p.grad_attributes + face * p.vertex_count * 3);
}
}  // namespace

template <typename T>
void interpolate_forward(const Interpolate<T>& p, int64_t begin, int64_t end) {
  each_face<T>(p, begin, end, [&](const T* a, int64_t first, int64_t last) {
    p.channels == 3   ? forward_pixels<T, 3>(p, a, first, last)
    : p.channels == 1 ? forward_pixels<T, 1>(p, a, first, last)
                      : forward_pixels<T, 0>(p, a, first, last);
  });
}

template <typename T>
void interpolate_grad_barycentrics(const Interpolate<T>& p, int64_t begin, int64_t end) {
  each_face<T>(p, begin, end,
               [&](const T* a, int64_t first, int64_t last) { grad_barycentrics_pixels(p, a, first, last); });
}

template <typename T>
void interpolate_backward(const Interpolate<T>& p, int64_t begin, int64_t end, T* scratch) {
  for (int64_t face = begin; face < end; ++face)
    p.channels != 3       ? backward_channels(p, face)
    : p.want_barycentrics ? backward_points<T, true>(p, face, scratch)
                          : backward_points<T, false>(p, face, scratch);
}

#define PYFACE3D_KERNELS(T)                                                                \
  template void interpolate_forward<T>(const Interpolate<T>&, int64_t, int64_t);           \
  template void interpolate_grad_barycentrics<T>(const Interpolate<T>&, int64_t, int64_t); \
  template void interpolate_backward<T>(const Interpolate<T>&, int64_t, int64_t, T*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
