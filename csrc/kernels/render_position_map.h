// Position map of posed vertices: map[b, :, t] = sum_k w[t, k] V[b, corner[t, k]], a fixed sparse matrix times the vertices.
// vjp: the transposed gather grad_V[b, n] = sum_{(t, w) reads n} w grad_map[b, :, t], in a fixed order (no atomics).
// (Feng et al. 2018, "Joint 3D Face Reconstruction and Dense Alignment with Position Map Regression Network", section 3.1.)
#pragma once
#include "kernels/simd.h"

namespace pyface3d {
struct RenderPositionMap {         // contiguous; T is the scalar type of vertices and maps
  const void* vertices;            // (B, N, 3), forward only
  const int32_t* corners;          // (UV, 3) vertex of each texel corner, forward only
  const float* weights;            // (UV, 3) barycentrics, 0 where no triangle lies; forward only
  void* maps;                      // (B, 3, UV), forward only
  const void* grad_maps;           // (B, 3, UV), backward only
  void* grad_points;               // (UV, 4) scratch: the gradients of one face texel by texel, CPU backward only
  const int32_t* reader_offsets;   // (N + 1,) where each vertex's readers begin, backward only
  const int32_t* reader_texels;    // (E,) the texels that read it, backward only
  const float* reader_weights;     // (E,) and with which weight, backward only
  void* grad_vertices;             // (B, N, 3), backward only
  int64_t batch, vertex_count, texel_count;  // B, N, UV
  int64_t face;                              // that the CPU backward works on
};

// Texels (forward) or vertices (backward) per work item.
constexpr int64_t kMapChunk = 4096;

inline int64_t map_chunks(int64_t count) { return (count + kMapChunk - 1) / kMapChunk; }

template <typename T> const char* render_position_map_forward_cuda(const RenderPositionMap& p, void* stream);
template <typename T> const char* render_position_map_backward_cuda(const RenderPositionMap& p, void* stream);

PYFACE3D_EACH_ISA(
    // Items are (face, chunk of texels) pairs, numbered face-major.
    template <typename T> void render_position_map_forward(const RenderPositionMap& p, int64_t begin, int64_t end);
    // Backward of one face, step 1: planes to points, which stay in cache. Items are chunks of texels.
    template <typename T> void render_position_map_interleave(const RenderPositionMap& p, int64_t begin, int64_t end);
    // Step 2: each vertex sums its readers. Items are chunks of vertices.
    template <typename T> void render_position_map_backward(const RenderPositionMap& p, int64_t begin, int64_t end);
    // Whether all of values[0, count) lie in [0, limit).
    bool all_within(const int32_t* values, int64_t count, int64_t limit);)
}  // namespace pyface3d
