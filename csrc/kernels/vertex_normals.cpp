#include "kernels/vertex_normals.h"

#include "kernels/quad.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
// A triangle that names a vertex twice has no area, whatever rounding makes of it.
inline bool has_area(const int64_t* t) { return t[0] != t[1] && t[1] != t[2] && t[2] != t[0]; }

template <typename T>
struct Edges {  // from corner 0 of a triangle to the others
  Quad<T> e1, e2, normal;
  Quad<T> lost;  // 0, or NaN where the normal is not finite: then in all three
  Edges(const VertexNormals<T>& p, const T* vertices, const int64_t* t) {
    Quad<T> v0, turned;
    load_point(vertices + t[0] * 3, t[0] + 1 < p.vertex_count, v0);
    load_point(vertices + t[1] * 3, t[1] + 1 < p.vertex_count, e1);
    load_point(vertices + t[2] * 3, t[2] + 1 < p.vertex_count, e2);
    e1 -= v0, e2 -= v0;
    cross_product(e1, e2, normal);
    lost = normal - normal;
    turn_coordinates(lost, turned);
    lost += turned;
    turn_coordinates(turned, turned);
    lost += turned;
  }
};

template <typename T>
void sum_triangles(const VertexNormals<T>& p, const T* vertices, T* sums) {  // sums (N, 4)
  for (int64_t i = 0; i < p.vertex_count * 4; ++i) sums[i] = 0;
  for (const int64_t *t = p.triangles, *end = t + p.triangle_count * 3; t < end; t += 3) {
    if (!has_area(t)) continue;
    const Edges<T> e(p, vertices, t);
    const Quad<T> normal = e.lost == 0 ? e.normal : Quad<T>{};
    for (int k = 0; k < 3; ++k) add_point<T>(sums, t[k], normal);
  }
}

template <typename T>
T inverse_length(const Vector3<T>& s) {
  const T squared = s.dot(s);
  return squared > 0 ? 1 / static_cast<T>(__builtin_sqrt(squared)) : 0;
}

template <typename T>
void grad_of_sums(const VertexNormals<T>& p, int64_t face, T* grad_sums) {  // (N, 4)
  for (int64_t n = 0, row = face * p.vertex_count; n < p.vertex_count; ++n, ++row) {
    const Vector3<T> normal = load_row(p.saved_normals, row), grad = load_row(p.grad_normals, row);
    const Vector3<T> grad_sum = (grad - normal * normal.dot(grad)) * p.saved_inverse_lengths[row];
    grad_sums[n * 4] = grad_sum.x, grad_sums[n * 4 + 1] = grad_sum.y, grad_sums[n * 4 + 2] = grad_sum.z;
    grad_sums[n * 4 + 3] = 0;
  }
}

template <typename T>
void scatter_to_corners(const VertexNormals<T>& p, const T* vertices, const T* grad_sums, T* grad) {  // grad (N, 4)
  for (int64_t i = 0; i < p.vertex_count * 4; ++i) grad[i] = 0;
  Quad<T> grad_c, grad_1, grad_2, other;
  for (const int64_t *t = p.triangles, *end = t + p.triangle_count * 3; t < end; t += 3) {
    if (!has_area(t)) continue;
    const Edges<T> e(p, vertices, t);
    __builtin_memcpy(&grad_c, grad_sums + t[0] * 4, sizeof(grad_c));
    for (int k = 1; k < 3; ++k) __builtin_memcpy(&other, grad_sums + t[k] * 4, sizeof(other)), grad_c += other;
    cross_product(e.e2, grad_c, grad_1), cross_product(grad_c, e.e1, grad_2);
    grad_1 = e.lost == 0 ? grad_1 : Quad<T>{}, grad_2 = e.lost == 0 ? grad_2 : Quad<T>{};
    add_point<T>(grad, t[1], grad_1), add_point<T>(grad, t[2], grad_2), add_point<T>(grad, t[0], -(grad_1 + grad_2));
  }
}
}  // namespace

template <typename T>
void vertex_normals_forward(const VertexNormals<T>& p, int64_t begin, int64_t end, T* scratch) {
  for (int64_t face = begin; face < end; ++face) {
    const int64_t first = face * p.vertex_count;
    T* normals = p.normals + first * 3;
    sum_triangles(p, p.vertices + first * 3, scratch);
    for (int64_t n = 0; n < p.vertex_count; ++n) {
      const Vector3<T> sum{scratch[n * 4], scratch[n * 4 + 1], scratch[n * 4 + 2]};
      const T inverse = inverse_length(sum);
      store_row(normals, n, sum * inverse);
      if (p.want_inverse_lengths) p.inverse_lengths[first + n] = inverse;
    }
  }
}

template <typename T>
void vertex_normals_backward(const VertexNormals<T>& p, int64_t begin, int64_t end, T* scratch) {
  T *grad_sums = scratch, *grad = scratch + p.vertex_count * 4;
  for (int64_t face = begin; face < end; ++face) {
    const int64_t offset = face * p.vertex_count * 3;
    grad_of_sums(p, face, grad_sums);
    scatter_to_corners(p, p.vertices + offset, grad_sums, grad);
    store_sums(grad, p.vertex_count, p.grad_vertices + offset);
  }
}

#define PYFACE3D_KERNELS(T)                                                               \
  template void vertex_normals_forward<T>(const VertexNormals<T>&, int64_t, int64_t, T*); \
  template void vertex_normals_backward<T>(const VertexNormals<T>&, int64_t, int64_t, T*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
