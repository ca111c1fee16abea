#include "kernels/vertex_normals.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T>
Vector3<T> row(const T* values, int64_t n) {
  return {values[n * 3], values[n * 3 + 1], values[n * 3 + 2]};
}

template <typename T>
void add(T* values, int64_t n, const Vector3<T>& v) {
  values[n * 3] += v.x, values[n * 3 + 1] += v.y, values[n * 3 + 2] += v.z;
}

template <typename T>
void set(T* values, int64_t n, const Vector3<T>& v) {
  values[n * 3] = v.x, values[n * 3 + 1] = v.y, values[n * 3 + 2] = v.z;
}

template <typename T>
void sum_triangles(const VertexNormals& p, const T* vertices, T* sums) {  // sums (N, 3)
  for (int64_t i = 0; i < p.vertex_count * 3; ++i) sums[i] = 0;
  for (const int64_t *t = p.triangles, *end = t + p.triangle_count * 3; t < end; t += 3) {
    const Vector3<T> v0 = row(vertices, t[0]);
    const Vector3<T> c = (row(vertices, t[1]) - v0).cross(row(vertices, t[2]) - v0);
    if (!c.finite()) continue;
    for (int k = 0; k < 3; ++k) add(sums, t[k], c);
  }
}

template <typename T>
T inverse_length(const Vector3<T>& s) {
  const T squared = s.dot(s);
  return squared > 0 ? 1 / static_cast<T>(__builtin_sqrt(squared)) : 0;
}

template <typename T>
void backward_face(const VertexNormals& p, const T* vertices, const T* grad_normals, T* grad_vertices, T* sums) {
  sum_triangles(p, vertices, sums);
  for (int64_t n = 0; n < p.vertex_count; ++n) {  // sums become their own gradients
    const T inverse = inverse_length(row(sums, n));
    const Vector3<T> normal = row(sums, n) * inverse, grad = row(grad_normals, n);
    set(sums, n, (grad - normal * normal.dot(grad)) * inverse);
  }
  for (int64_t i = 0; i < p.vertex_count * 3; ++i) grad_vertices[i] = 0;
  for (const int64_t *t = p.triangles, *end = t + p.triangle_count * 3; t < end; t += 3) {
    const Vector3<T> v0 = row(vertices, t[0]), e1 = row(vertices, t[1]) - v0, e2 = row(vertices, t[2]) - v0;
    if (!e1.cross(e2).finite()) continue;
    const Vector3<T> grad_c = row(sums, t[0]) + row(sums, t[1]) + row(sums, t[2]);
    const Vector3<T> grad_1 = e2.cross(grad_c), grad_2 = grad_c.cross(e1);
    add(grad_vertices, t[1], grad_1), add(grad_vertices, t[2], grad_2), add(grad_vertices, t[0], (grad_1 + grad_2) * T{-1});
  }
}
}  // namespace

template <typename T>
void vertex_normals_forward(const VertexNormals& p, int64_t begin, int64_t end) {
  for (int64_t face = begin; face < end; ++face) {
    const int64_t offset = face * p.vertex_count * 3;
    T* normals = static_cast<T*>(p.normals) + offset;
    sum_triangles(p, static_cast<const T*>(p.vertices) + offset, normals);
    for (int64_t n = 0; n < p.vertex_count; ++n) set(normals, n, row(normals, n) * inverse_length(row(normals, n)));
  }
}

template <typename T>
void vertex_normals_backward(const VertexNormals& p, int64_t begin, int64_t end, T* scratch) {
  for (int64_t face = begin; face < end; ++face) {
    const int64_t offset = face * p.vertex_count * 3;
    backward_face(p, static_cast<const T*>(p.vertices) + offset, static_cast<const T*>(p.grad_normals) + offset,
                  static_cast<T*>(p.grad_vertices) + offset, scratch);
  }
}

template void vertex_normals_forward<float>(const VertexNormals&, int64_t, int64_t);
template void vertex_normals_forward<double>(const VertexNormals&, int64_t, int64_t);
template void vertex_normals_backward<float>(const VertexNormals&, int64_t, int64_t, float*);
template void vertex_normals_backward<double>(const VertexNormals&, int64_t, int64_t, double*);
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
