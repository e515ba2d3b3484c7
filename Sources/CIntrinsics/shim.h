// Instructions that Swift's vectors have no operation for, or compile lane by lane; each is inlined where the module is
// compiled for it.

#include <stdint.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif

/// As many whole numbers as a vector of floats has lanes, and as many bytes.
typedef int32_t lane_numbers __attribute__((ext_vector_type(LANES)));
typedef int8_t lane_bytes __attribute__((ext_vector_type(LANES)));

/// Bytes as whole numbers with their signs.
static inline lane_numbers load_bytes(const int8_t *source) {
    lane_bytes bytes;
    __builtin_memcpy(&bytes, source, sizeof bytes);
    return __builtin_convertvector(bytes, lane_numbers);
}

/// Whole numbers that fit into bytes.
static inline void store_bytes(lane_numbers numbers, int8_t *target) {
    lane_bytes bytes = __builtin_convertvector(numbers, lane_bytes);
    __builtin_memcpy(target, &bytes, sizeof bytes);
}

/// Which of 32 bytes are `value`: bit i for byte i.
static inline uint32_t bytes_equal(const int8_t *source, int8_t value) {
    typedef int8_t bytes __attribute__((ext_vector_type(32)));
    typedef _Bool bits __attribute__((ext_vector_type(32)));
    bytes all;
    __builtin_memcpy(&all, source, sizeof all);
    bits equal = __builtin_convertvector(all == value, bits);
    uint32_t set;
    __builtin_memcpy(&set, &equal, sizeof set);
    return set;
}

#undef LANES

#ifdef __AVX512F__
#include <immintrin.h>

/// Lane i is lane index[i] of the 32 floats of `first` and `second`; the index's higher bits do not count.
static inline __m512 select_from_two(__m512 first, __m512 second, __m512i index) {
    return _mm512_permutex2var_ps(first, index, second);
}
#endif
