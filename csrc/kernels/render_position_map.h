// Position map of posed vertices: map[b, :, t] = sum_k w[t, k] V[b, corner[t, k]], a fixed sparse matrix times the
// vertices. vjp: the transposed gather grad_V[b, n] = sum_{(t, w) reads n} w grad_map[b, :, t], in a fixed order (no
// atomics). (Feng et al. 2018, "Joint 3D Face Reconstruction and Dense Alignment with Position Map Regression Network",
// section 3.1.)
#pragma once
#include "kernels/simd.h"

namespace pyface3d {
template <typename T>
struct RenderPositionMap {  // contiguous; T is the scalar type of vertices and maps
  const T* vertices;        // (B, N, 3), forward only
  const int32_t* corners;   // (UV, 3) vertex of each texel corner, forward only
  const float* weights;     // (UV, 3) barycentrics, 0 where no triangle lies; forward only
  T* maps;                  // (B, 3, UV), forward only
  const T* grad_maps;       // (B, 3, UV), backward only
  T* points;                // CPU scratch (N or UV, faces, 4): vertices, backward: texels' gradients, of some faces
  const int32_t* reader_offsets;             // (N + 1,) where each vertex's readers begin, backward only
  const int32_t* reader_texels;              // (E,) the texels that read it, backward only
  const float* reader_weights;               // (E,) and with which weight, backward only
  T* grad_vertices;                          // (B, N, 3), backward only
  int64_t batch, vertex_count, texel_count;  // B, N, UV
  int64_t reader_count;                      // E, backward only
  int64_t face, faces;  // CPU: the first of those in work, and how many (1 or as many as go side by side)
};

constexpr int64_t kMapChunk = 4096;  // texels or vertices per work item of the CPU

inline int64_t map_chunks(int64_t count) { return (count + kMapChunk - 1) / kMapChunk; }

PYFACE3D_DECLARE_LAUNCHERS(render_position_map, RenderPositionMap)

PYFACE3D_EACH_ISA(
    // How many faces go side by side.
    template <typename T> int64_t render_position_map_faces();
    // Step 1 of either direction, for the faces in work: into points. Items are chunks of vertices, of texels.
    template <typename T>
    void render_position_map_pack_vertices(const RenderPositionMap<T>& p, int64_t begin, int64_t end);
    template <typename T>
    void render_position_map_pack_planes(const RenderPositionMap<T>& p, int64_t begin, int64_t end);
    // Step 2: each texel mixes its corners, each vertex sums its readers. Items are chunks of texels, of vertices.
    template <typename T> void render_position_map_forward(const RenderPositionMap<T>& p, int64_t begin, int64_t end);
    template <typename T> void render_position_map_backward(const RenderPositionMap<T>& p, int64_t begin, int64_t end);
    // Whether all of values[0, count) lie in [0, limit).
    bool all_within(const int32_t* values, int64_t count, int64_t limit);)
}  // namespace pyface3d
