// Triangle tables as the mesh ops read them: checked once per call, then trusted.
#pragma once
#include <cstdint>

namespace pyface3d {
// Position of the first value outside [low, high), or -1.
template <typename T>
inline int64_t first_outside(const T* values, int64_t count, T low, T high) {
  constexpr int64_t kBlock = 4096;  // the inner loop has no exit, so that it vectorises
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = begin + kBlock < count ? begin + kBlock : count;
    bool outside = false;
    for (int64_t i = begin; i < end; ++i) outside |= (values[i] < low) | (values[i] >= high);
    if (!outside) continue;
    for (int64_t i = begin; i < end; ++i)
      if (values[i] < low || values[i] >= high) return i;
  }
  return -1;
}

// triangles (F, 3) int64 -> corners (3, F) int32: one row per corner, so that neighbours load together.
inline void split_corners(const int64_t* triangles, int64_t triangle_count, int32_t* corners) {
  for (int64_t i = 0; i < triangle_count; ++i)
    for (int64_t c = 0; c < 3; ++c) corners[c * triangle_count + i] = static_cast<int32_t>(triangles[i * 3 + c]);
}
}  // namespace pyface3d
