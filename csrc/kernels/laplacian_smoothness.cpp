#include "kernels/laplacian_smoothness.h"

#include "kernels/quad.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
// sum = sum over the entries of row n of weight (point(neighbor) - point(n)), point(n, out) loading one.
template <typename T, typename Point>
inline void sum_row(const LaplacianSmoothness<T>& p, int64_t n, const Point& point, Quad<T>& sum) {
  Quad<T> center, other;
  point(n, center);
  sum = Quad<T>{};
  for (int64_t e = p.offsets[n]; e < p.offsets[n + 1]; ++e) {
    point(p.neighbors[e], other);
    other -= center;
    sum += p.weights ? other * p.weights[e] : other;
  }
}

template <typename T>
inline void difference_at(const LaplacianSmoothness<T>& p, const T* vertices, int64_t n, Quad<T>& sum) {
  const auto point = [&](int64_t i, Quad<T>& out) { load_point(vertices + i * 3, i + 1 < p.vertex_count, out); };
  sum_row(p, n, point, sum);
}

template <typename T>
inline T weight_at(const LaplacianSmoothness<T>& p, int64_t n) {
  return p.vertex_weights ? p.vertex_weights[n] : T(1);
}

template <typename T>
void backward_face(const LaplacianSmoothness<T>& p, int64_t face, T* scratch) {
  const T *vertices = p.vertices + face * p.vertex_count * 3, twice = 2 * p.grad_loss[face];
  T* grad = p.grad_vertices + face * p.vertex_count * 3;
  Quad<T> sum;
  for (int64_t n = 0; n < p.vertex_count; ++n) {  // h
    difference_at(p, vertices, n, sum);
    sum *= twice * weight_at(p, n);
    __builtin_memcpy(scratch + n * 4, &sum, sizeof(sum));
  }
  const auto point = [&](int64_t i, Quad<T>& out) { __builtin_memcpy(&out, scratch + i * 4, sizeof(out)); };
  for (int64_t n = 0; n < p.vertex_count; ++n) {
    sum_row(p, n, point, sum);
    for (int d = 0; d < 3; ++d) grad[n * 3 + d] = sum[d];
  }
}
}  // namespace

template <typename T>
void laplacian_smoothness_parts(const LaplacianSmoothness<T>& p, int64_t begin, int64_t end) {
  const int64_t chunks = laplacian_chunks(p.vertex_count);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t first = item % chunks * kLaplacianChunk, last = first + kLaplacianChunk;
    const T* vertices = p.vertices + item / chunks * p.vertex_count * 3;
    double part = 0;
    Quad<T> sum;
    for (int64_t n = first; n < last && n < p.vertex_count; ++n) {
      difference_at(p, vertices, n, sum);
      part += static_cast<double>(weight_at(p, n) * (sum[0] * sum[0] + sum[1] * sum[1] + sum[2] * sum[2]));
    }
    p.parts[item] = part;
  }
}

template <typename T>
void laplacian_smoothness_finish(const LaplacianSmoothness<T>& p) {
  const int64_t chunks = laplacian_chunks(p.vertex_count);
  for (int64_t b = 0; b < p.batch; ++b) {
    double sum = 0;
    for (int64_t c = 0; c < chunks; ++c) sum += p.parts[b * chunks + c];
    p.loss[b] = static_cast<T>(sum);
  }
}

template <typename T>
void laplacian_smoothness_backward(const LaplacianSmoothness<T>& p, int64_t begin, int64_t end, T* scratch) {
  for (int64_t face = begin; face < end; ++face) backward_face(p, face, scratch);
}

#define PYFACE3D_KERNELS(T)                                                                     \
  template void laplacian_smoothness_parts<T>(const LaplacianSmoothness<T>&, int64_t, int64_t); \
  template void laplacian_smoothness_finish<T>(const LaplacianSmoothness<T>&);                  \
  template void laplacian_smoothness_backward<T>(const LaplacianSmoothness<T>&, int64_t, int64_t, T*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
