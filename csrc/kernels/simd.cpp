// Which instruction set the CPU loops run with. Compiled once, without any instruction-set flag.
#include "kernels/simd.h"

#include <cstdlib>
#include <cstring>

namespace pyface3d {
static Simd supported() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512cd");
  return avx512 ? Simd::avx512 : avx2 ? Simd::avx2 : Simd::base;
#else
  return Simd::base;
#endif
}

static Simd chosen() {
  const Simd best = supported();
  const char* wanted = std::getenv("PYFACE3D_SIMD");
  if (!wanted) return best;
  const Simd asked = !std::strcmp(wanted, "base")   ? Simd::base
                     : !std::strcmp(wanted, "avx2") ? Simd::avx2
                                                    : Simd::avx512;
  return asked < best ? asked : best;
}

Simd simd_level() {
  static const Simd level = chosen();
  return level;
}
}  // namespace pyface3d
