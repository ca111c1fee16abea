// Threads without torch: [0, count) in equal runs, one per thread; the caller's thread takes the first.
#pragma once
#include <cstdint>
#include <thread>
#include <vector>

namespace pyface3d {
// threads <= 0: as many as the machine has.
template <typename Work>
void parallel_for(int64_t count, int threads, int64_t grain, Work work) {
  if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  int64_t runs = (count + grain - 1) / grain;
  runs = runs < threads ? runs : threads;
  if (runs <= 1) {
    if (count > 0) work(int64_t{0}, count);
    return;
  }
  std::vector<std::thread> others;
  for (int64_t i = 1; i < runs; ++i) others.emplace_back([=] { work(count * i / runs, count * (i + 1) / runs); });
  work(int64_t{0}, count / runs);
  for (std::thread& other : others) other.join();
}
}  // namespace pyface3d
