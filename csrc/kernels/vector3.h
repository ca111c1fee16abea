// Three numbers as one value, for per-vertex math on either device.
#pragma once
#include <cstdint>

#include "kernels/inline.h"

namespace pyface3d {
template <typename T>
struct Vector3 {
  T x, y, z;
  PYFACE3D_INLINE Vector3 operator-(const Vector3& o) const { return {x - o.x, y - o.y, z - o.z}; }
  PYFACE3D_INLINE Vector3 operator+(const Vector3& o) const { return {x + o.x, y + o.y, z + o.z}; }
  PYFACE3D_INLINE Vector3 operator*(T s) const { return {x * s, y * s, z * s}; }
  PYFACE3D_INLINE T dot(const Vector3& o) const { return x * o.x + y * o.y + z * o.z; }
  PYFACE3D_INLINE Vector3 cross(const Vector3& o) const {
    return {y * o.z - z * o.y, z * o.x - x * o.z, x * o.y - y * o.x};
  }
  PYFACE3D_INLINE bool finite() const { return x - x == 0 && y - y == 0 && z - z == 0; }
};

// Row n of (N, 3) values.
template <typename T>
PYFACE3D_INLINE Vector3<T> load_row(const T* values, int64_t n) {
  return {values[n * 3], values[n * 3 + 1], values[n * 3 + 2]};
}

template <typename T>
PYFACE3D_INLINE void store_row(T* values, int64_t n, const Vector3<T>& v) {
  values[n * 3] = v.x, values[n * 3 + 1] = v.y, values[n * 3 + 2] = v.z;
}
}  // namespace pyface3d
