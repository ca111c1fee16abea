// MobileNetV1 (Howard et al. 2017, table 1) for inference, BatchNorm folded in, maps (H, W, C):
//   stem   x_0 = relu(3x3 convolution of the picture, stride s_0)
//   block  x_i = relu(1x1 convolution of relu(3x3 convolution of x_{i-1} channel by channel, stride s_i))
//   head   linear function of the last map's means over its places, or of several weighted sums for each channel;
// convolutions are padded by a pixel of zeros. A layer is a gathering of rows (the 27 values of the stem's windows, the
// filtered pixels of a block, the sums of the head) and their product with a matrix. No gradient.
#pragma once
#include "kernels/inline.h"
#include "kernels/simd.h"

namespace pyface3d {
constexpr int64_t kMobileWidth = 16;   // channels of a map come in so many: whole vectors everywhere
constexpr int64_t kMobilePanel = 32;   // columns of the matrix that lie together; the last panel may be half as wide
constexpr int64_t kStemRows = 27;      // 3 x 3 pixels of 3 channels
constexpr int64_t kMobilePixels = 32;  // of a task

enum class MobileKind : int { stem, block, head };

template <typename T>
struct MobileLayer {             // contiguous, one scalar type
  MobileKind kind;               //
  const T* input;                // (B, H, W, C)
  const T* taps;                 // block: (9, C)
  const T* taps_bias;            // block: (C,)
  const T* sums;                 // head: (H W, S, C) weights of the places, S > 0
  const T* panels;               // (R, D) in panels: columns [32 p, 32 p + 32) as rows, then the next
  const T* bias;                 // (D,)
  T* rows;                       // (B, H', W', R) workspace of CUDA alone
  T* out;                        // (B, H', W', D)
  int64_t batch, height, width;  // B, H, W
  int64_t channels, sum_count;   // C; head: S, 0 for means
  int64_t out_channels, stride;  // D

  PYFACE3D_INLINE int64_t depth() const {  // R
    if (kind == MobileKind::stem) return kStemRows;
    return kind == MobileKind::head && sum_count > 1 ? sum_count * channels : channels;
  }
  PYFACE3D_INLINE int64_t out_height() const { return kind == MobileKind::head ? 1 : (height - 1) / stride + 1; }
  PYFACE3D_INLINE int64_t out_width() const { return kind == MobileKind::head ? 1 : (width - 1) / stride + 1; }
  PYFACE3D_INLINE int64_t pixels() const { return out_height() * out_width(); }
  PYFACE3D_INLINE int64_t tasks() const { return (pixels() + kMobilePixels - 1) / kMobilePixels; }  // of a picture
};

template <typename T>
const char* mobilenet_cuda(const MobileLayer<T>& p, void* stream);

PYFACE3D_EACH_ISA(
    // Tasks [begin, end) of all pictures; scratch (kMobilePixels, R) per thread.
    template <typename T> void mobilenet(const MobileLayer<T>& p, T* scratch, int64_t begin, int64_t end);)
}  // namespace pyface3d
