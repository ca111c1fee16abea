// Weighted distance between position maps (Shi et al. 2020, "Face Reconstruction with Specific Weight Mask"):
//   loss[b] = sum_i W_i |P_i - P'_i|, over pixels i, |.| the Euclidean norm of x, y, z; or its square.
// vjp, with d = P - P': grad_P = grad_loss W d / |d| (0 where d = 0), or 2 grad_loss W d; grad_P' = -grad_P.
// A pixel of weight zero counts as absent: not even a NaN there reaches the loss.
#pragma once
#include "kernels/inline.h"
#include "kernels/simd.h"

namespace pyface3d {
template <typename T>
struct PositionMapLoss {  // contiguous, one scalar type, I = U V pixels
  const T* pred;          // (B, 3, I)
  const T* target;        // (B, 3, I)
  const T* weight_mask;   // (I,)
  const T* grad_loss;     // (B,), backward only
  T* sums;                // workspace: (B, chunks), forward only
  T* loss;                // (B,), forward only
  T* grad_pred;           // (B, 3, I), backward only
  int64_t batch, pixels;  // B, I
  bool squared;
};

// Pixels per partial sum: fixed, so that the sums do not depend on the number of threads.
constexpr int64_t kPixelChunk = 8192;
PYFACE3D_INLINE int64_t pixel_chunks(int64_t pixels) { return (pixels + kPixelChunk - 1) / kPixelChunk; }

PYFACE3D_DECLARE_LAUNCHERS(position_map_loss, PositionMapLoss)

PYFACE3D_EACH_ISA(
    // Items are (map, chunk) pairs, numbered map-major.
    template <typename T> void position_map_loss_forward(const PositionMapLoss<T>& p, int64_t begin, int64_t end);
    template <typename T> void position_map_loss_backward(const PositionMapLoss<T>& p, int64_t begin, int64_t end);
    // Adds the chunks up: fills `loss`.
    template <typename T> void position_map_loss_finish(const PositionMapLoss<T>& p);)
}  // namespace pyface3d
