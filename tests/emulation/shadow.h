// Which thread touched which byte last, and how: finds accesses that no barrier orders.
#pragma once
#include <cstddef>
#include <cstdint>

namespace emulation::shadow {
void begin(bool watching);                    // of a launch
const char* end();                            // its first fault in a sentence, or nullptr
void begin_block();                           // shared memory is NaN again
void pass_barrier();                          // what the block did so far comes before what it does next
void enter(uint32_t block, uint32_t thread);  // accesses are this thread's until
void leave();
void ignore(const void* first, size_t bytes);  // the fibers' stacks
void report(const char* what, const char* file, int line);
}  // namespace emulation::shadow
