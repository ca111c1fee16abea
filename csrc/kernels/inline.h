// PYFACE3D_INLINE marks per-element functions that CPU loops and CUDA kernels share. On the CPU they must vanish into
// their loop: an out-of-line copy could be the one compiled for another instruction set.
#pragma once
// PYFACE3D_INSTANTIATE(KERNELS): explicit instantiations, of float and double, of what KERNELS(T) lists.
#define PYFACE3D_INSTANTIATE(KERNELS) KERNELS(float) KERNELS(double)

// An op's CUDA launchers, <op>_forward_cuda and <op>_backward_cuda: declared in its header, instantiated in its .cu.
// They return null or the error's text.
#define PYFACE3D_DECLARE_LAUNCHERS(OP, PARAMETERS)                     \
  template <typename T>                                                \
  const char* OP##_forward_cuda(const PARAMETERS<T>& p, void* stream); \
  template <typename T>                                                \
  const char* OP##_backward_cuda(const PARAMETERS<T>& p, void* stream);
#define PYFACE3D_INSTANTIATE_LAUNCHERS(OP, PARAMETERS)                              \
  template const char* OP##_forward_cuda<float>(const PARAMETERS<float>&, void*);   \
  template const char* OP##_forward_cuda<double>(const PARAMETERS<double>&, void*); \
  template const char* OP##_backward_cuda<float>(const PARAMETERS<float>&, void*);  \
  template const char* OP##_backward_cuda<double>(const PARAMETERS<double>&, void*);

// An op's CPU loops, <op>_forward and <op>_backward over [begin, end).
#define PYFACE3D_INSTANTIATE_LOOPS(OP, PARAMETERS)                                 \
  template void OP##_forward<float>(const PARAMETERS<float>&, int64_t, int64_t);   \
  template void OP##_forward<double>(const PARAMETERS<double>&, int64_t, int64_t); \
  template void OP##_backward<float>(const PARAMETERS<float>&, int64_t, int64_t);  \
  template void OP##_backward<double>(const PARAMETERS<double>&, int64_t, int64_t);

#ifdef __CUDACC__
#define PYFACE3D_INLINE __host__ __device__ __forceinline__
#else
#define PYFACE3D_INLINE inline __attribute__((always_inline))
#endif
