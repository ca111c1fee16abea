// The check of weights, shared by the ops that take some.
#pragma once
#include "torch/tensors.h"

namespace pyface3d {
template <typename T>
void check_weight_values(const char* op, const char* name, const Tensor& weights) {
  const T* w = static_cast<const T*>(weights.const_data_ptr());
  bool positive = weights.numel() == 0;
  for (int64_t i = 0; i < weights.numel(); ++i) {
    PYFACE3D_CHECK(w[i] >= 0, op, ": ", name, " must not be negative, got ", w[i], " at position ", i);
    positive |= w[i] > 0;
  }
  PYFACE3D_CHECK(positive, op, ": ", name, " are all zero; leave out the term instead");
}

// Checks contiguous weights: none negative, one positive.
inline void check_weights(const char* op, const char* name, const Tensor& weights) {
  if (!weights.is_cpu()) return;  // reading them back would stop the stream; the caller vouches for them
  is_float32(weights) ? check_weight_values<float>(op, name, weights) : check_weight_values<double>(op, name, weights);
}
}  // namespace pyface3d
