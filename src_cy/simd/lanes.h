/* The one thing Cython cannot say: SIMD registers as values.
 *
 * `real` is the precision of a build and `lanes_t` a register full of them, one sample (or one
 * feature) in each lane. Only GCC/Clang vector extensions are used, so the same source serves
 * x86-64-v2, v3, v4 and aarch64; the width follows from the compiler's target flags. The exceptions,
 * plain C elsewhere, are lanes_stream and reading or writing a part of a register.
 */
#ifndef FASTBP_LANES_H
#define FASTBP_LANES_H

#if !defined(__GNUC__)
#error "fastbp needs GCC >= 12 or Clang >= 14: its kernels use their vector extensions."
#endif

#include <stddef.h>
#include <stdint.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#ifdef FASTBP_FLOAT32
typedef float real;
typedef int32_t integer;
#else
typedef double real;
typedef int64_t integer;
#endif

#if defined(__AVX512F__)
#define LANES_BYTES 64
#define REGISTERS 32
#elif defined(__AVX2__)
#define LANES_BYTES 32
#define REGISTERS 16
#elif defined(__aarch64__)
#define LANES_BYTES 16
#define REGISTERS 32
#else
#define LANES_BYTES 16
#define REGISTERS 16
#endif

typedef real lanes_t __attribute__((vector_size(LANES_BYTES), may_alias));
typedef integer ilanes_t __attribute__((vector_size(LANES_BYTES), may_alias));
typedef real unaligned_lanes_t
    __attribute__((vector_size(LANES_BYTES), aligned(sizeof(real)), may_alias));

#define LANES ((int)(LANES_BYTES / sizeof(real)))

/* x - 0 is x for every x, also -0 and NaN, and the compiler sees a broadcast. */
#define lanes_splat(x) ((real)(x) - (lanes_t){0})
#define lanes_load(p) (*(const unaligned_lanes_t *)(p))
#define lanes_store(p, v) ((void)(*(unaligned_lanes_t *)(p) = (v)))

/* Float64 whatever `real` is: gradients. */
typedef double doubles_t __attribute__((vector_size(LANES_BYTES), may_alias));
typedef double unaligned_doubles_t
    __attribute__((vector_size(LANES_BYTES), aligned(sizeof(double)), may_alias));
#define DOUBLES ((int)(LANES_BYTES / sizeof(double)))
#define doubles_splat(x) ((double)(x) - (doubles_t){0})
#define doubles_load(p) (*(const unaligned_doubles_t *)(p))
#define doubles_store(p, v) ((void)(*(unaligned_doubles_t *)(p) = (v)))

/* LANES doubles times a factor, rounded to `real`. */
#ifdef FASTBP_FLOAT32
typedef float half_lanes_t __attribute__((vector_size(LANES_BYTES / 2)));
#define half_lanes(p, factor) \
    __builtin_convertvector(doubles_load(p) * doubles_splat(factor), half_lanes_t)
#if LANES_BYTES == 64
#define lanes_from_doubles(p, factor)                                                     \
    ((lanes_t)__builtin_shufflevector(half_lanes(p, factor), half_lanes((p) + 8, factor), \
                                      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#elif LANES_BYTES == 32
#define lanes_from_doubles(p, factor)                                                     \
    ((lanes_t)__builtin_shufflevector(half_lanes(p, factor), half_lanes((p) + 4, factor), \
                                      0, 1, 2, 3, 4, 5, 6, 7))
#else
#define lanes_from_doubles(p, factor)                                                     \
    ((lanes_t)__builtin_shufflevector(half_lanes(p, factor), half_lanes((p) + 2, factor), \
                                      0, 1, 2, 3))
#endif
#else
#define lanes_from_doubles(p, factor) (lanes_load(p) * lanes_splat(factor))
#endif

#if defined(__AVX2__) && !defined(__AVX512F__)
/* All bits of the first n elements of so many bytes. */
static inline __m256i first_bits(ptrdiff_t n, ptrdiff_t bytes) {
    static const int64_t bits[8] = {-1, -1, -1, -1, 0, 0, 0, 0};
    return _mm256_loadu_si256((const __m256i *)((const char *)bits + 32 - n * bytes));
}
#endif

/* The first n lanes, 0 <= n <= LANES, from memory and 0 in the others: nothing else is read. */
static inline lanes_t lanes_load_part(const real *p, ptrdiff_t n) {
#if defined(__AVX512F__) && defined(FASTBP_FLOAT32)
    return (lanes_t)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(__AVX512F__)
    return (lanes_t)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p);
#elif defined(__AVX2__) && defined(FASTBP_FLOAT32)
    return (lanes_t)_mm256_maskload_ps(p, first_bits(n, sizeof(real)));
#elif defined(__AVX2__)
    return (lanes_t)_mm256_maskload_pd(p, first_bits(n, sizeof(real)));
#else
    lanes_t v = {0};
    for (ptrdiff_t i = 0; i < n; i++) v[i] = p[i];
    return v;
#endif
}

/* The first n doubles, 0 <= n <= DOUBLES, to memory: nothing else is written. */
static inline void doubles_store_part(double *p, doubles_t v, ptrdiff_t n) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v);
#elif defined(__AVX2__)
    _mm256_maskstore_pd(p, first_bits(n, sizeof(double)), (__m256d)v);
#else
    for (ptrdiff_t i = 0; i < n; i++) p[i] = v[i];
#endif
}

/* a b + c as the kernels round it: fused where the processor can. */
#if !defined(__FMA__) && !defined(__ARM_FEATURE_FMA)
#define multiply_then_add(a, b, c) ((a) * (b) + (c))
#elif defined(FASTBP_FLOAT32)
#define multiply_then_add(a, b, c) __builtin_fmaf(a, b, c)
#else
#define multiply_then_add(a, b, c) __builtin_fma(a, b, c)
#endif
/* p + n as a pointer of its own. The compiler would compute the addresses of all rows of a block
 * beforehand, which takes more registers than there are. */
static inline const real *opaque_sum(const real *p, ptrdiff_t n) {
    p += n;
    __asm__("" : "+r"(p));
    return p;
}
#define lanes_prefetch(p) __builtin_prefetch(p, 1)        /* to be written, first-level cache */
#define lanes_prefetch_near(p) __builtin_prefetch(p, 0, 3)
#define lanes_prefetch_far(p) __builtin_prefetch(p, 0, 2) /* to be read, second-level cache */

/* To memory past the caches; p is aligned to a register. Others see it after stream_end. What is
 * moved are bits, whatever their type. */
typedef float bits_t __attribute__((vector_size(LANES_BYTES)));
#if defined(__clang__)
#define lanes_stream(p, v) __builtin_nontemporal_store(v, (lanes_t *)(p))
#elif defined(__AVX512F__)
#define lanes_stream(p, v) __builtin_ia32_movntps512((float *)(p), (bits_t)(v))
#elif defined(__AVX2__)
#define lanes_stream(p, v) __builtin_ia32_movntps256((float *)(p), (bits_t)(v))
#elif defined(__SSE2__)
#define lanes_stream(p, v) __builtin_ia32_movntps((float *)(p), (bits_t)(v))
#else
#define lanes_stream(p, v) ((void)(*(lanes_t *)(p) = (v)))
#endif
#if defined(__SSE2__)
#define stream_end() __builtin_ia32_sfence()
#else
#define stream_end() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/* Perfect shuffle of two registers: a0 b0 a1 b1 ... (low halves), the same of the high halves. */
#if LANES_BYTES == 64 && defined(FASTBP_FLOAT32)
#define lanes_zip_low(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define lanes_zip_high(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif LANES_BYTES == 64 || (LANES_BYTES == 32 && defined(FASTBP_FLOAT32))
#define lanes_zip_low(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define lanes_zip_high(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif LANES_BYTES == 32 || defined(FASTBP_FLOAT32)
#define lanes_zip_low(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define lanes_zip_high(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#else
#define lanes_zip_low(a, b) __builtin_shufflevector(a, b, 0, 2)
#define lanes_zip_high(a, b) __builtin_shufflevector(a, b, 1, 3)
#endif

/* Two rows of a matrix exchange blocks of `width` lanes, beside each other: a keeps its even blocks
 * and gets those of b behind each, b gets the odd ones of a before each of its own. Rounds with width
 * 1, 2, 4, ... transpose; for float64 most are one instruction. */
#if LANES_BYTES == 64 && defined(FASTBP_FLOAT32)
#define lanes_even_1(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
#define lanes_odd_1(a, b) \
    __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31)
#define lanes_even_2(a, b) \
    __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define lanes_odd_2(a, b) \
    __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define lanes_even_4(a, b) \
    __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
#define lanes_odd_4(a, b) \
    __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)
#define lanes_even_8(a, b) \
    __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define lanes_odd_8(a, b) \
    __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#elif LANES_BYTES == 64 || (LANES_BYTES == 32 && defined(FASTBP_FLOAT32))
#define lanes_even_1(a, b) __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define lanes_odd_1(a, b) __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15)
#define lanes_even_2(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define lanes_odd_2(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define lanes_even_4(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define lanes_odd_4(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#elif LANES_BYTES == 32 || defined(FASTBP_FLOAT32)
#define lanes_even_1(a, b) __builtin_shufflevector(a, b, 0, 4, 2, 6)
#define lanes_odd_1(a, b) __builtin_shufflevector(a, b, 1, 5, 3, 7)
#define lanes_even_2(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define lanes_odd_2(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#else
#define lanes_even_1(a, b) __builtin_shufflevector(a, b, 0, 2)
#define lanes_odd_1(a, b) __builtin_shufflevector(a, b, 1, 3)
#endif
/* Rounds that a register of this length has no room for do nothing. */
#if LANES_BYTES / 4 < 16 || !defined(FASTBP_FLOAT32)
#define lanes_even_8(a, b) (a)
#define lanes_odd_8(a, b) (b)
#endif
#ifndef lanes_even_4
#define lanes_even_4(a, b) (a)
#define lanes_odd_4(a, b) (b)
#endif
#ifndef lanes_even_2
#define lanes_even_2(a, b) (a)
#define lanes_odd_2(a, b) (b)
#endif

/* The upper half to memory, of registers that are wider than the 8 rows that packing.pxd
 * transposes at once. */
#if LANES_BYTES == 64 && defined(FASTBP_FLOAT32)
typedef real unaligned_half_t __attribute__((vector_size(32), aligned(sizeof(real)), may_alias));
#define lanes_store_high(p, v) \
    ((void)(*(unaligned_half_t *)(p) = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)))
#else
#define lanes_store_high(p, v) ((void)0)
#endif

/* A loop over registers, unrolled before the compiler decides where an array of them lies. */
#ifdef __clang__
#define UNROLLED(i, n) _Pragma("clang loop unroll(full)") for (int i = 0; i < (n); i++)
#else
#define UNROLLED(i, n) _Pragma("GCC unroll 24") for (int i = 0; i < (n); i++)
#endif

/* Return type of a kernel: everything it calls is inlined into it, so that the sizes of register
 * blocks are constants and coefficients stay in registers. */
#define kernel_void __attribute__((flatten)) void

/* Return type of what a kernel calls with a size that has to be a constant there: Clang inlines what
 * a kernel calls itself, and not by all means what that calls in turn. */
#ifdef __clang__
#define inlined_void __attribute__((always_inline)) void
#else
#define inlined_void void
#endif

/* Return type of what is so large that, inlined into its caller, it would keep others out of it. */
#define called_void __attribute__((noinline)) void

#endif
