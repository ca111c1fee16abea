// Perspective projection: q[b, n] = M[b] (V[b, n], 1) with M = K [R | t]; out = (q_x / q_z, q_y / q_z, 1 / q_z)
// (Hartley & Zisserman 2004, eq. 6.8). vjp, with w = 1 / q_z: grad_q = w (g_x, g_y, -(g_x out_x + g_y out_y + g_z w));
// grad_V = M_3x3^T grad_q; grad_M = sum_n grad_q (V, 1)^T, of which K^T grad_M and grad_M [R | t]^T are those of pose
// and K.
#pragma once
#include "kernels/inline.h"
#include "kernels/simd.h"
#include "kernels/vector3.h"

namespace pyface3d {
template <typename T>
struct ProjectPerspective {         // contiguous, one scalar type
  const T* vertices;                // (B, N, 3)
  const T* pose;                    // (B, 3, 4)
  const T* intrinsics;              // (B, 3, 3)
  const T* grad_out;                // (B, N, 3), backward only
  T* out;                           // (B, N, 3), forward only
  T* grad_vertices;                 // (B, N, 3)
  T* grad_camera_parts;             // (B, C, 3, 4): grad_M, one partial sum per chunk of vertices
  int64_t batch, vertex_count;      // B, N
  bool want_vertices, want_camera;  // backward only: which gradients
};

// Vertices per partial sum: fixed, so that the sums do not depend on the number of threads.
constexpr int64_t kPerspectiveChunk = 4096;

PYFACE3D_INLINE int64_t perspective_chunks(int64_t vertex_count) {
  return (vertex_count + kPerspectiveChunk - 1) / kPerspectiveChunk;
}

// M of one face. V is T, or a vector of T with a vertex in each lane.
template <typename T>
struct CameraMatrix {
  T m[3][4];

  PYFACE3D_INLINE CameraMatrix(const T* intrinsics, const T* pose) {
    for (int r = 0; r < 3; ++r) {
      const T* k = intrinsics + r * 3;
      for (int c = 0; c < 4; ++c) m[r][c] = k[0] * pose[c] + k[1] * pose[4 + c] + k[2] * pose[8 + c];
    }
  }
  template <typename V>
  PYFACE3D_INLINE Vector3<V> project(const Vector3<V>& v) const {
    const V w = T(1) / (m[2][0] * v.x + m[2][1] * v.y + m[2][2] * v.z + m[2][3]);
    return {(m[0][0] * v.x + m[0][1] * v.y + m[0][2] * v.z + m[0][3]) * w,
            (m[1][0] * v.x + m[1][1] * v.y + m[1][2] * v.z + m[1][3]) * w, w};
  }
  // grad_q of a vertex whose projection has the gradient g.
  template <typename V>
  PYFACE3D_INLINE Vector3<V> grad_undivided(const Vector3<V>& v, const Vector3<V>& g) const {
    const Vector3<V> seen = project(v);
    return {g.x * seen.z, g.y * seen.z, -seen.z * g.dot(seen)};
  }
  template <typename V>
  PYFACE3D_INLINE Vector3<V> grad_vertex(const Vector3<V>& q) const {
    return {m[0][0] * q.x + m[1][0] * q.y + m[2][0] * q.z, m[0][1] * q.x + m[1][1] * q.y + m[2][1] * q.z,
            m[0][2] * q.x + m[1][2] * q.y + m[2][2] * q.z};
  }
};

// sum (3, 4) += q (v, 1)^T
template <typename V>
PYFACE3D_INLINE void add_outer(const Vector3<V>& q, const Vector3<V>& v, V (&sum)[12]) {
  const V left[3] = {q.x, q.y, q.z};
  for (int r = 0; r < 3; ++r) {
    sum[r * 4] += left[r] * v.x, sum[r * 4 + 1] += left[r] * v.y, sum[r * 4 + 2] += left[r] * v.z;
    sum[r * 4 + 3] += left[r];
  }
}

PYFACE3D_DECLARE_LAUNCHERS(project_perspective, ProjectPerspective)

PYFACE3D_EACH_ISA(
    // Items are (face, chunk of vertices) pairs, numbered face-major.
    template <typename T> void project_perspective_forward(const ProjectPerspective<T>& p, int64_t begin, int64_t end);
    template <typename T>
    void project_perspective_backward(const ProjectPerspective<T>& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
