#include "kernels/project_perspective.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T>
struct Chunk {  // the vertices [first, last), counted through the batch, of one face and its camera
  int64_t item, first, last;
  CameraMatrix<T> camera;
};

template <typename T>
Chunk<T> chunk_of(const ProjectPerspective<T>& p, int64_t item) {
  const int64_t chunks = perspective_chunks(p.vertex_count), face = item / chunks;
  const int64_t end = (face + 1) * p.vertex_count, first = face * p.vertex_count + item % chunks * kPerspectiveChunk;
  const int64_t last = first + kPerspectiveChunk < end ? first + kPerspectiveChunk : end;
  return {item, first, last, CameraMatrix<T>(p.intrinsics + face * 9, p.pose + face * 12)};
}

template <typename T>
inline void load_tile(const T* from, Vector3<Vec<T>>& v) {
  Vec<T> lanes[3];
  load_xyz<T>(from, lanes);
  v = {lanes[0], lanes[1], lanes[2]};
}

template <typename T>
inline void store_tile(T* to, const Vector3<Vec<T>>& v) {
  const Vec<T> lanes[3] = {v.x, v.y, v.z};
  store_xyz<T>(to, lanes);
}

template <typename T>
void forward_chunk(const ProjectPerspective<T>& p, const Chunk<T>& c) {
  int64_t n = c.first;
  for (; n + kLanes<T> <= c.last; n += kLanes<T>) {
    Vector3<Vec<T>> v;
    load_tile(p.vertices + n * 3, v);
    store_tile(p.out + n * 3, c.camera.project(v));
  }
  for (; n < c.last; ++n) store_row(p.out, n, c.camera.project(load_row(p.vertices, n)));
}

template <typename T>
void backward_chunk(const ProjectPerspective<T>& p, const Chunk<T>& c) {
  Vec<T> sums[12] = {};
  T rest[12] = {};
  int64_t n = c.first;
  for (; n + kLanes<T> <= c.last; n += kLanes<T>) {
    Vector3<Vec<T>> v, g;
    load_tile(p.vertices + n * 3, v), load_tile(p.grad_out + n * 3, g);
    const Vector3<Vec<T>> q = c.camera.grad_undivided(v, g);
    if (p.want_vertices) store_tile(p.grad_vertices + n * 3, c.camera.grad_vertex(q));
    if (p.want_camera) add_outer(q, v, sums);
  }
  for (; n < c.last; ++n) {
    const Vector3<T> v = load_row(p.vertices, n), q = c.camera.grad_undivided(v, load_row(p.grad_out, n));
    if (p.want_vertices) store_row(p.grad_vertices, n, c.camera.grad_vertex(q));
    if (p.want_camera) add_outer(q, v, rest);
  }
  for (int i = 0; i < 12 && p.want_camera; ++i) p.grad_camera_parts[c.item * 12 + i] = lane_sum<T>(sums[i]) + rest[i];
}
}  // namespace

template <typename T>
void project_perspective_forward(const ProjectPerspective<T>& p, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; ++item) forward_chunk(p, chunk_of(p, item));
}

template <typename T>
void project_perspective_backward(const ProjectPerspective<T>& p, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; ++item) backward_chunk(p, chunk_of(p, item));
}

PYFACE3D_INSTANTIATE_LOOPS(project_perspective, ProjectPerspective)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
