// Bilinear reading of position maps: out[b, n] = sum of 4 taps of map[b, :, .] at column u (V - 1), row (1 - v)(U - 1).
// Texel centres lie at integers, v points up, coordinates outside the map are clamped to its border.
// vjp: grad_map scatters the 4 taps (one face and one pass over n at a time: fixed order);
// grad_uv = sum_b sum_c grad_out d out/d uv, 0 where clamped.
#pragma once
#include "kernels/simd.h"

namespace pyface3d {
struct SamplePositionMap {  // contiguous, one scalar type
  const void* maps;         // (B, 3, U, V)
  const void* uv;           // (N, 2)
  void* out;                // (B, N, 3), forward only
  const void* grad_out;     // (B, N, 3), backward only
  void* grad_maps;          // (B, 3, U, V), backward only
  void* grad_uv;            // (N, 2), backward only
  int64_t batch, points, rows, columns;  // B, N, U, V; U and V at least 1
};

// Points whose taps are computed together.
constexpr int64_t kSampleChunk = 256;

inline int64_t sample_chunks(int64_t points) { return (points + kSampleChunk - 1) / kSampleChunk; }

PYFACE3D_EACH_ISA(
    // Items are chunks of points; each is read from all faces.
    template <typename T> void sample_position_map_forward(const SamplePositionMap& p, int64_t begin, int64_t end);
    // Items are faces.
    template <typename T> void sample_position_map_backward_maps(const SamplePositionMap& p, int64_t begin, int64_t end);
    // Items are chunks of points.
    template <typename T> void sample_position_map_backward_uv(const SamplePositionMap& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
