// A table of the triangles at each vertex (incidence.cuh), which the forward makes unless it is given one, and the
// backward is handed; then one thread per vertex and four faces gathers over its triangles, whose indices it reads once
// for the four.
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
  return {1, p.vertex_count, 3 * p.triangle_count, p.incidence};
}

struct CornersJob {  // item 3 i + k: corner k of triangle i
  const int64_t* triangles;
  int64_t vertex_count, triangle_count;

  __host__ __device__ int64_t units() const { return triangle_count; }

  template <typename Visit>
  __device__ void each(int64_t, int64_t triangle, Visit visit) const {
    const int64_t* t = triangles + triangle * 3;
    for (int k = 0; k < 3; ++k)
      if (t[k] < 0 || t[k] >= vertex_count) return;            // cannot be reported without waiting for the device
    if (t[0] == t[1] || t[1] == t[2] || t[2] == t[0]) return;  // no area, whatever rounding makes of it
    for (uint32_t k = 0; k < 3; ++k) visit(t[k], static_cast<uint32_t>(3 * triangle) + k);
  }

  __device__ bool sorts(int64_t, int64_t, uint32_t) const { return true; }
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
  const uint32_t *items = table.items(0), most = static_cast<uint32_t>(table.item_count);
  const uint32_t end = table.offsets(0)[n + 1] < most ? table.offsets(0)[n + 1] : most;
  for (uint32_t i = table.offsets(0)[n]; i < end; ++i) {
    const uint32_t item = items[i], corner = item % 3;
    const int64_t triangle = item - corner;
    if (item >= 3 * p.triangle_count) continue;  // a table may come from outside
    const int64_t next = p.triangles[triangle + (corner == 2 ? 0 : corner + 1)],
                  after = p.triangles[triangle + (corner == 0 ? 2 : corner - 1)];
    if (next < 0 || next >= p.vertex_count || after < 0 || after >= p.vertex_count) continue;
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
  const CornersJob job{p.triangles, p.vertex_count, p.triangle_count};
  const char* error = p.has_incidence ? nullptr : build_incidence(job, table, stream);
  return error ? error : cuda_launch(normals_kernel<T>, gather_blocks(p), kCudaThreads, stream, p, table);
}

template <typename T>
const char* vertex_normals_backward_cuda(const VertexNormals<T>& p, void* stream) {
  const Incidence table = table_of(p);  // made already
  const char* error = cuda_launch(grad_sums_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
  return error ? error : cuda_launch(grad_vertices_kernel<T>, gather_blocks(p), kCudaThreads, stream, p, table);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(vertex_normals, VertexNormals)
}  // namespace pyface3d
