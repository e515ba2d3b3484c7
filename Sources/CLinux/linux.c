#define _GNU_SOURCE
#include "CLinux.h"
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

int linux_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL); }
int linux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
#if defined(__x86_64__)
bool linux_cpu_has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool linux_cpu_has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
bool linux_cpu_has_avx2(void) { return false; }
bool linux_cpu_has_avx512(void) { return false; }
#endif
