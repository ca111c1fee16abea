#include "kernels/vertex_normals.h"

#include "kernels/quad.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T>
void add(T* values, int64_t n, const Vector3<T>& v) {
  values[n * 3] += v.x, values[n * 3 + 1] += v.y, values[n * 3 + 2] += v.z;
}

template <typename T>
Vector3<T> sum_at(const T* sums, int64_t n) {
  return {sums[n * 4], sums[n * 4 + 1], sums[n * 4 + 2]};
}

// A triangle that names a vertex twice has no area, whatever rounding makes of it.
inline bool has_area(const int64_t* t) { return t[0] != t[1] && t[1] != t[2] && t[2] != t[0]; }

template <typename T>
void sum_triangles(const VertexNormals<T>& p, const T* vertices, T* sums) {  // sums (N, 4), the fourth idle
  for (int64_t i = 0; i < p.vertex_count * 4; ++i) sums[i] = 0;
  Quad<T> v[3], normal, lost, turned;
  for (const int64_t *t = p.triangles, *end = t + p.triangle_count * 3; t < end; t += 3) {
    if (!has_area(t)) continue;
    for (int k = 0; k < 3; ++k) load_point(vertices + t[k] * 3, t[k] + 1 < p.vertex_count, v[k]);
    v[1] -= v[0], v[2] -= v[0];
    cross_product(v[1], v[2], normal);
    lost = normal - normal;  // 0, or NaN where not finite: then in all three
    turn_coordinates(lost, turned);
    lost += turned;
    turn_coordinates(turned, turned);
    lost += turned;
    normal = lost == 0 ? normal : Quad<T>{};
    for (int k = 0; k < 3; ++k) {
      __builtin_memcpy(&v[k], sums + t[k] * 4, sizeof(v[k]));
      v[k] += normal;
      __builtin_memcpy(sums + t[k] * 4, &v[k], sizeof(v[k]));
    }
  }
}

template <typename T>
T inverse_length(const Vector3<T>& s) {
  const T squared = s.dot(s);
  return squared > 0 ? 1 / static_cast<T>(__builtin_sqrt(squared)) : 0;
}

template <typename T>
void backward_face(const VertexNormals<T>& p, const T* vertices, const T* grad_normals, T* grad_vertices, T* sums) {
  sum_triangles(p, vertices, sums);
  for (int64_t n = 0; n < p.vertex_count; ++n) {  // sums become their own gradients
    const T inverse = inverse_length(sum_at(sums, n));
    const Vector3<T> normal = sum_at(sums, n) * inverse, grad = load_row(grad_normals, n);
    const Vector3<T> grad_sum = (grad - normal * normal.dot(grad)) * inverse;
    sums[n * 4] = grad_sum.x, sums[n * 4 + 1] = grad_sum.y, sums[n * 4 + 2] = grad_sum.z;
  }
  for (int64_t i = 0; i < p.vertex_count * 3; ++i) grad_vertices[i] = 0;
  for (const int64_t *t = p.triangles, *end = t + p.triangle_count * 3; t < end; t += 3) {
    const Vector3<T> v0 = load_row(vertices, t[0]), e1 = load_row(vertices, t[1]) - v0,
                     e2 = load_row(vertices, t[2]) - v0;
    if (!e1.cross(e2).finite()) continue;
    const Vector3<T> grad_c = sum_at(sums, t[0]) + sum_at(sums, t[1]) + sum_at(sums, t[2]);
    const Vector3<T> grad_1 = e2.cross(grad_c), grad_2 = grad_c.cross(e1);
    add(grad_vertices, t[1], grad_1), add(grad_vertices, t[2], grad_2),
        add(grad_vertices, t[0], (grad_1 + grad_2) * T{-1});
  }
}
}  // namespace

template <typename T>
void vertex_normals_forward(const VertexNormals<T>& p, int64_t begin, int64_t end, T* scratch) {
  for (int64_t face = begin; face < end; ++face) {
    const int64_t offset = face * p.vertex_count * 3;
    T* normals = p.normals + offset;
    sum_triangles(p, p.vertices + offset, scratch);
    for (int64_t n = 0; n < p.vertex_count; ++n)
      store_row(normals, n, sum_at(scratch, n) * inverse_length(sum_at(scratch, n)));
  }
}

template <typename T>
void vertex_normals_backward(const VertexNormals<T>& p, int64_t begin, int64_t end, T* scratch) {
  for (int64_t face = begin; face < end; ++face) {
    const int64_t offset = face * p.vertex_count * 3;
    backward_face(p, p.vertices + offset, p.grad_normals + offset, p.grad_vertices + offset, scratch);
  }
}

#define PYFACE3D_KERNELS(T)                                                               \
  template void vertex_normals_forward<T>(const VertexNormals<T>&, int64_t, int64_t, T*); \
  template void vertex_normals_backward<T>(const VertexNormals<T>&, int64_t, int64_t, T*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
