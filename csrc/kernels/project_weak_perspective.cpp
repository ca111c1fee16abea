#include "kernels/project_weak_perspective.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
struct Chunk {  // the vertices [first, last) of one face
  int64_t face, index, first, last;
};

template <typename T>
Chunk chunk_of(const ProjectWeakPerspective<T>& p, int64_t item) {
  const int64_t chunks = project_chunks(p.vertex_count);
  const int64_t face = item / chunks, index = item % chunks, first = index * kProjectChunk;
  return {face, index, first, first + kProjectChunk < p.vertex_count ? first + kProjectChunk : p.vertex_count};
}

template <typename T, int R>
void forward_chunk(const ProjectWeakPerspective<T>& p, const Chunk& c) {
  T m[R][4];
  __builtin_memcpy(m, p.pose + c.face * R * 4, sizeof(m));
  const T* v = p.vertices + c.face * p.vertex_count * 3;
  T* out = p.out + c.face * p.vertex_count * R;
  for (int64_t n = c.first; n < c.last; ++n)
    for (int r = 0; r < R; ++r)
      out[n * R + r] = m[r][0] * v[n * 3] + m[r][1] * v[n * 3 + 1] + m[r][2] * v[n * 3 + 2] + m[r][3];
}

template <typename T, int R>
void backward_chunk(const ProjectWeakPerspective<T>& p, const Chunk& c) {
  T m[R][4], sum[R][4] = {};
  __builtin_memcpy(m, p.pose + c.face * R * 4, sizeof(m));
  const T* v = p.vertices + c.face * p.vertex_count * 3;
  const T* g = p.grad_out + c.face * p.vertex_count * R;
  if (p.want_vertices) {
    T* grad_v = p.grad_vertices + c.face * p.vertex_count * 3;
    for (int64_t n = c.first; n < c.last; ++n)
      for (int d = 0; d < 3; ++d) {
        T value = 0;
        for (int r = 0; r < R; ++r) value += m[r][d] * g[n * R + r];
        grad_v[n * 3 + d] = value;
      }
  }
  if (!p.want_pose) return;
  for (int64_t n = c.first; n < c.last; ++n)
    for (int r = 0; r < R; ++r) {
      for (int d = 0; d < 3; ++d) sum[r][d] += g[n * R + r] * v[n * 3 + d];
      sum[r][3] += g[n * R + r];
    }
  T* part = p.grad_pose_parts + (c.face * project_chunks(p.vertex_count) + c.index) * R * 4;
  __builtin_memcpy(part, sum, sizeof(sum));
}
}  // namespace

template <typename T>
void project_weak_perspective_forward(const ProjectWeakPerspective<T>& p, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; ++item)
    p.rows == 3 ? forward_chunk<T, 3>(p, chunk_of(p, item)) : forward_chunk<T, 2>(p, chunk_of(p, item));
}

template <typename T>
void project_weak_perspective_backward(const ProjectWeakPerspective<T>& p, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; ++item)
    p.rows == 3 ? backward_chunk<T, 3>(p, chunk_of(p, item)) : backward_chunk<T, 2>(p, chunk_of(p, item));
}

PYFACE3D_INSTANTIATE_LOOPS(project_weak_perspective, ProjectWeakPerspective)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
