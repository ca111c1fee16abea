// PYFACE3D_INLINE marks per-element functions that CPU loops and CUDA kernels share. On the CPU they must vanish into
// their loop: an out-of-line copy could be the one compiled for another instruction set.
#pragma once
// PYFACE3D_INSTANTIATE(KERNELS): explicit instantiations, of float and double, of what KERNELS(T) lists.
#define PYFACE3D_INSTANTIATE(KERNELS) KERNELS(float) KERNELS(double)

#ifdef __CUDACC__
#define PYFACE3D_INLINE __host__ __device__ __forceinline__
#else
#define PYFACE3D_INLINE inline __attribute__((always_inline))
#endif
