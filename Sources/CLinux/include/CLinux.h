// What glibc and the compiler offer but do not export to Swift.
#pragma once
#include <stdbool.h>

/// Asks the kernel to send SIGKILL to this process when the thread that started it ends. 0, or -1 with errno.
int linux_die_with_parent(void);
/// An eventfd counter, non-blocking and closed on exec. The descriptor, or -1 with errno.
int linux_eventfd(void);
/// Whether CPU and operating system offer AVX2 with FMA.
bool linux_cpu_has_avx2(void);
/// Whether CPU and operating system offer the AVX-512 of Skylake servers (F, BW, CD, DQ, VL).
bool linux_cpu_has_avx512(void);
