// Mixed float32 and float64 arguments, as torch promotes them.
#pragma once
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <optional>

namespace pyface3d {
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// PYFACE3D_PROMOTED(f): f with float32 tensors made float64 where another argument is, as torch promotes. Gradients
// come back in float64; the autograd engine gives each input its own dtype again.
inline void note_type(bool& single, bool& twice, const Tensor& x) {
  single |= x.scalar_type() == ScalarType::Float, twice |= x.scalar_type() == ScalarType::Double;
}
inline void note_type(bool& single, bool& twice, const std::optional<Tensor>& x) {
  if (x) note_type(single, twice, *x);
}
template <typename Other>
void note_type(bool&, bool&, const Other&) {}

inline Tensor as_double(const Tensor& x) {
  return x.scalar_type() == ScalarType::Float ? torch::stable::to(x, ScalarType::Double) : x;
}
inline std::optional<Tensor> as_double(const std::optional<Tensor>& x) {
  return x ? std::optional<Tensor>(as_double(*x)) : std::nullopt;
}
template <typename Other>
const Other& as_double(const Other& x) {
  return x;
}

template <auto function>
struct Promoted;
template <typename R, typename... Arguments, R (*function)(Arguments...)>
struct Promoted<function> {
  static R call(Arguments... arguments) {
    bool single = false, twice = false;
    (note_type(single, twice, arguments), ...);
    return single && twice ? function(as_double(arguments)...) : function(arguments...);
  }
};
#define PYFACE3D_PROMOTED(FUNCTION) TORCH_BOX(&Promoted<&FUNCTION>::call)
}  // namespace pyface3d
