// pyface3d.runtime._R: the library's CPU kernels on NumPy arrays, without torch.
#include "kernels/simd.h"
#include "runtime/arrays.h"

NB_MODULE(_R, m) {
  m.def("simd_level", [] { return static_cast<int>(pyface3d::simd_level()); });
  pyface3d::bind_shapes(m);
  pyface3d::bind_maps(m);
  pyface3d::bind_meshes(m);
}
