// Working memory of one thread, for both bindings (kernels never allocate): not initialised, aligned to a cache line
// (loads split over two lines halve the speed).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace pyface3d {
struct ScratchDeleter {
  void operator()(void* memory) const { ::operator delete(memory, std::align_val_t{64}); }
};

template <typename T>
std::unique_ptr<T, ScratchDeleter> make_scratch(int64_t size) {
  return std::unique_ptr<T, ScratchDeleter>(
      static_cast<T*>(::operator new(static_cast<std::size_t>(size) * sizeof(T), std::align_val_t{64})));
}
}  // namespace pyface3d
