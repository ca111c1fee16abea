// One thread per (face, triangle) scatters its cross product to three vertices; one per vertex normalises.
#include "kernels/scatter.cuh"
#include "kernels/vertex_normals.h"

namespace pyface3d {
namespace {
template <typename T>
__device__ __forceinline__ T inverse_length(const Vector3<T>& s) {
  const T squared = s.dot(s);
  return squared > 0 ? 1 / sqrt(squared) : T(0);
}

template <typename Add, typename T>
__device__ __forceinline__ void add_row(Add& add, int64_t n, const Vector3<T>& v) {
  add(n * 3, v.x), add(n * 3 + 1, v.y), add(n * 3 + 2, v.z);
}

template <typename T>
struct Edges {  // of triangle i of face i / F
  int64_t v0, v1, v2;
  Vector3<T> e1, e2;
  bool counts;
  __device__ Edges(const VertexNormals<T>& p, int64_t i) : counts(false) {
    const int64_t* t = p.triangles + i % p.triangle_count * 3;
    const int64_t first = i / p.triangle_count * p.vertex_count;
    for (int k = 0; k < 3; ++k)
      if (t[k] < 0 || t[k] >= p.vertex_count) return;          // cannot be reported without waiting for the device
    if (t[0] == t[1] || t[1] == t[2] || t[2] == t[0]) return;  // no area, whatever rounding makes of it
    v0 = first + t[0], v1 = first + t[1], v2 = first + t[2];
    const T* vertices = p.vertices;
    e1 = load_row(vertices, v1) - load_row(vertices, v0), e2 = load_row(vertices, v2) - load_row(vertices, v0);
    counts = e1.cross(e2).finite();
  }
};

template <typename T>
struct SumJob {
  VertexNormals<T> p;
  template <typename Add>
  __device__ void operator()(int64_t i, Add& add) const {
    const Edges<T> e(p, i);
    if (!e.counts) return;
    const Vector3<T> c = e.e1.cross(e.e2);
    add_row(add, e.v0, c), add_row(add, e.v1, c), add_row(add, e.v2, c);
  }
};

template <typename T>
__global__ void normalise_kernel(VertexNormals<T> p) {
  T* normals = p.normals;
  for (int64_t n = cuda_first(); n < p.batch * p.vertex_count; n += cuda_stride()) {
    const Vector3<T> s = load_row(normals, n);
    const T inverse = inverse_length(s);
    store_row(normals, n, s * inverse);
    if (p.want_inverse_lengths) p.inverse_lengths[n] = inverse;
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
struct BackwardJob {
  VertexNormals<T> p;
  template <typename Add>
  __device__ void operator()(int64_t i, Add& add) const {
    const Edges<T> e(p, i);
    if (!e.counts) return;
    const T* sums = p.grad_sums;
    const Vector3<T> grad_c = load_row(sums, e.v0) + load_row(sums, e.v1) + load_row(sums, e.v2);
    const Vector3<T> grad_1 = e.e2.cross(grad_c), grad_2 = grad_c.cross(e.e1);
    add_row(add, e.v1, grad_1), add_row(add, e.v2, grad_2), add_row(add, e.v0, (grad_1 + grad_2) * T(-1));
  }
};

}  // namespace

template <typename T>
const char* vertex_normals_forward_cuda(const VertexNormals<T>& p, void* stream) {
  const ScatterFaces faces{p.batch, p.triangle_count, p.vertex_count * 3};
  const char* error = cuda_scatter(SumJob<T>{p}, faces, 3 * p.triangle_count, p.normals, p.scatter_workspace, stream);
  return error ? error
               : cuda_launch(normalise_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
}

template <typename T>
const char* vertex_normals_backward_cuda(const VertexNormals<T>& p, void* stream) {
  const char* error = cuda_launch(grad_sums_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
  if (error) return error;
  const ScatterFaces faces{p.batch, p.triangle_count, p.vertex_count * 3};
  return cuda_scatter(BackwardJob<T>{p}, faces, 3 * p.triangle_count, p.grad_vertices, p.scatter_workspace, stream);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(vertex_normals, VertexNormals)
}  // namespace pyface3d
