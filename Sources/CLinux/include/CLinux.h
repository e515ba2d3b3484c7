// What glibc and the compiler offer but do not export to Swift.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Asks the kernel to send SIGKILL to this process when the thread that started it ends. 0, or -1 with errno.
int linux_die_with_parent(void);
/// An eventfd counter, non-blocking and closed on exec. The descriptor, or -1 with errno.
int linux_eventfd(void);
/// Keeps the calling thread on one of the cores that it may run on, counted from 0. 0, or -1 when there is no such core.
int linux_bind_thread(int index);
/// Names the calling thread; the first 15 characters count.
void linux_name_thread(const char *name);
/// A file in memory that has no name in any folder, closed on exec; it goes with its last user. The descriptor, or -1.
int linux_memfd(const char *name);
/// Asks for large pages where whole ones fit into `count` bytes of memory; a kernel that has none leaves it as it is.
void linux_use_large_pages(void *memory, size_t count);
/// Sleeps while the 32-bit word, which processes may share, holds `expected`; until it is woken or for so long at most.
void linux_futex_wait(const void *word, uint32_t expected, int64_t nanoseconds);
/// Wakes all who sleep on the word.
void linux_futex_wake_all(const void *word);
/// The CRC-32C of bytes that follow others whose CRC-32C is `seed`; 0 for the first ones.
uint32_t linux_crc32c(uint32_t seed, const void *bytes, size_t count);
/// Tells the CPU that the caller spins.
static inline void linux_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}
/// Whether CPU and operating system offer AVX2 with FMA.
bool linux_cpu_has_avx2(void);
/// Whether CPU and operating system offer the AVX-512 of Skylake servers (F, BW, CD, DQ, VL).
bool linux_cpu_has_avx512(void);
