// Instructions that Swift's vectors have no operation for; each is inlined where the module is compiled for it.

#ifdef __AVX512F__
#include <immintrin.h>

/// Lane i is lane index[i] of the 32 floats of `first` and `second`; the index's higher bits do not count.
static inline __m512 select_from_two(__m512 first, __m512 second, __m512i index) {
    return _mm512_permutex2var_ps(first, index, second);
}
#endif
