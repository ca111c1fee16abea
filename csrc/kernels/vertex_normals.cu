// A table of the triangles at each vertex (incidence.cuh) is made once per call; then one thread per vertex and four
// faces gathers over its triangles, whose indices it reads once for the four.
#include "kernels/incidence.cuh"
#include "kernels/vertex_normals.h"

namespace pyface3d {
namespace {
constexpr int kFaces = 4;

template <typename T>
__device__ __forceinline__ T inverse_length(const Vector3<T>& s) {
  const T squared = s.dot(s);
  return squared > 0 ? 1 / sqrt(squared) : T(0);
}

template <typename T>
Incidence table_of(const VertexNormals<T>& p) {
  return {p.vertex_count, 3 * p.triangle_count, p.incidence};
}

struct CornersJob {  // item 3 i + k: corner k of triangle i
  const int64_t* triangles;
  int64_t vertex_count;
  __device__ int64_t cell(int64_t item) const {
    const int64_t* t = triangles + item / 3 * 3;
    for (int k = 0; k < 3; ++k)
      if (t[k] < 0 || t[k] >= vertex_count) return -1;  // cannot be reported without waiting for the device
    const bool area = t[0] != t[1] && t[1] != t[2] && t[2] != t[0];  // none, whatever rounding makes of it
    return area ? t[item % 3] : -1;
  }
};

// For each triangle at vertex n, in order, and each of the faces [first, first + kFaces) that exists: calls
// add(f, e1, e2, next, after) with the edges from n to the corners that follow it, unless their product is not finite.
template <typename T, typename Add>
__device__ __forceinline__ void gather(const VertexNormals<T>& p, const Incidence& table, int64_t n, int64_t first,
                                       Add add) {
  Vector3<T> own[kFaces];
  PYFACE3D_UNROLL
  for (int f = 0; f < kFaces; ++f)
    own[f] = first + f < p.batch ? load_row(p.vertices, (first + f) * p.vertex_count + n) : Vector3<T>{0, 0, 0};
  for (int64_t i = table.offsets()[n]; i < table.offsets()[n + 1]; ++i) {
    const int64_t item = table.items()[i], triangle = item / 3 * 3, corner = item - triangle;
    const int64_t next = p.triangles[triangle + (corner == 2 ? 0 : corner + 1)],
                  after = p.triangles[triangle + (corner == 0 ? 2 : corner - 1)];
    PYFACE3D_UNROLL
    for (int f = 0; f < kFaces; ++f) {
      if (first + f >= p.batch) continue;
      const T* vertices = p.vertices + (first + f) * p.vertex_count * 3;
      const Vector3<T> e1 = load_row(vertices, next) - own[f], e2 = load_row(vertices, after) - own[f];
      if (e1.cross(e2).finite()) add(f, e1, e2, next, after);
    }
  }
}

template <typename T>
__global__ void normals_kernel(VertexNormals<T> p, Incidence table) {
  const int64_t groups = (p.batch + kFaces - 1) / kFaces;
  for (int64_t i = cuda_first(); i < groups * p.vertex_count; i += cuda_stride()) {
    const int64_t first = i / p.vertex_count * kFaces, n = i % p.vertex_count;
    Vector3<T> sums[kFaces] = {};
    gather(p, table, n, first, [&](int f, const Vector3<T>& e1, const Vector3<T>& e2, int64_t, int64_t) {
      sums[f] = sums[f] + e1.cross(e2);
    });
    PYFACE3D_UNROLL
    for (int f = 0; f < kFaces; ++f) {
      if (first + f >= p.batch) continue;
      const T inverse = inverse_length(sums[f]);
      store_row(p.normals, (first + f) * p.vertex_count + n, sums[f] * inverse);
      if (p.want_inverse_lengths) p.inverse_lengths[(first + f) * p.vertex_count + n] = inverse;
    }
  }
}

template <typename T>
__global__ void grad_sums_kernel(VertexNormals<T> p) {
  T* grad_sums = p.grad_sums;
  for (int64_t n = cuda_first(); n < p.batch * p.vertex_count; n += cuda_stride()) {
    const Vector3<T> normal = load_row(p.saved_normals, n), grad = load_row(p.grad_normals, n);
    store_row(grad_sums, n, (grad - normal * normal.dot(grad)) * p.saved_inverse_lengths[n]);
  }
}

template <typename T>
__global__ void grad_vertices_kernel(VertexNormals<T> p, Incidence table) {
  const int64_t groups = (p.batch + kFaces - 1) / kFaces;
  const T* grad_sums = p.grad_sums;
  for (int64_t i = cuda_first(); i < groups * p.vertex_count; i += cuda_stride()) {
    const int64_t first = i / p.vertex_count * kFaces, n = i % p.vertex_count;
    Vector3<T> sums[kFaces] = {}, own[kFaces];
    PYFACE3D_UNROLL
    for (int f = 0; f < kFaces; ++f)
      own[f] = first + f < p.batch ? load_row(grad_sums, (first + f) * p.vertex_count + n) : Vector3<T>{0, 0, 0};
    gather(p, table, n, first, [&](int f, const Vector3<T>& e1, const Vector3<T>& e2, int64_t next, int64_t after) {
      const T* grads = grad_sums + (first + f) * p.vertex_count * 3;
      const Vector3<T> grad = own[f] + load_row(grads, next) + load_row(grads, after);
      sums[f] = sums[f] - e2.cross(grad) - grad.cross(e1);
    });
    PYFACE3D_UNROLL
    for (int f = 0; f < kFaces; ++f)
      if (first + f < p.batch) store_row(p.grad_vertices, (first + f) * p.vertex_count + n, sums[f]);
  }
}

template <typename T>
unsigned gather_blocks(const VertexNormals<T>& p) {
  return cuda_blocks((p.batch + kFaces - 1) / kFaces * p.vertex_count);
}
}  // namespace

template <typename T>
const char* vertex_normals_forward_cuda(const VertexNormals<T>& p, void* stream) {
  const Incidence table = table_of(p);
  const char* error = build_incidence(CornersJob{p.triangles, p.vertex_count}, table, stream);
  return error ? error : cuda_launch(normals_kernel<T>, gather_blocks(p), kCudaThreads, stream, p, table);
}

template <typename T>
const char* vertex_normals_backward_cuda(const VertexNormals<T>& p, void* stream) {
  const Incidence table = table_of(p);
  const char* error = build_incidence(CornersJob{p.triangles, p.vertex_count}, table, stream);
  if (!error) error = cuda_launch(grad_sums_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
  return error ? error : cuda_launch(grad_vertices_kernel<T>, gather_blocks(p), kCudaThreads, stream, p, table);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(vertex_normals, VertexNormals)
}  // namespace pyface3d
