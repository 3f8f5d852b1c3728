/* What the elementary functions need of a register beyond arithmetic: its bits, comparisons and
 * choices. A mask has all bits set in the lanes where a comparison holds; GCC and Clang turn the
 * bitwise choice into one blend.
 */
#ifndef FASTBP_LANES_MATH_H
#define FASTBP_LANES_MATH_H

#include "simd/lanes.h"

typedef
#ifdef FASTBP_FLOAT32
    uint32_t
#else
    uint64_t
#endif
        ulanes_t __attribute__((vector_size(LANES_BYTES), may_alias));

#define MANTISSA_BITS (sizeof(real) == 8 ? 52 : 23)
#define LANES_AT_MOST 16
#define SIGN_BIT ((integer)(1ull << (8 * sizeof(real) - 1)))

/* The same number, written to the digits of each precision. */
#define lanes_constant(wide, narrow) lanes_splat(sizeof(real) == 8 ? (wide) : (narrow))
#define lanes_integer(wide, narrow) \
    ((integer)(sizeof(real) == 8 ? (wide) : (narrow)) - (ilanes_t){0})

#define lanes_infinity() lanes_splat(__builtin_inf())
#define lanes_divide(a, b) ((a) / (b))
#define lanes_bits(v) ((ilanes_t)(v))
#define lanes_from_bits(i) ((lanes_t)(i))
/* Sums of bit patterns wrap around; those of NaN and of negative numbers do. */
#define lanes_add_bits(i, j) ((ilanes_t)((ulanes_t)(i) + (ulanes_t)(j)))
#define lanes_subtract_bits(i, j) ((ilanes_t)((ulanes_t)(i) - (ulanes_t)(j)))
#define lanes_shift_left(i, n) ((ilanes_t)((ulanes_t)(i) << (n)))
#define lanes_shift_right(i, n) ((ilanes_t)((ulanes_t)(i) >> (n)))

#define lanes_gt(a, b) ((ilanes_t)((a) > (b)))
#define lanes_ge(a, b) ((ilanes_t)((a) >= (b)))
#define lanes_lt(a, b) ((ilanes_t)((a) < (b)))
#define lanes_eq(a, b) ((ilanes_t)((a) == (b)))

#define lanes_negative(v) ((ilanes_t)((ilanes_t)(v) < 0)) /* by its sign bit: -0 is, too */
#define lanes_odd(i) (-((i) & lanes_integer(1, 1)))

/* A product rounded before it is added to anything. Where two products meet in a sum the compiler
 * may fuse either; this says which one it may not, so that every build gives the same bits. */
static inline lanes_t lanes_rounded(lanes_t v)
{
#if defined(__AVX512F__)
    __asm__("" : "+v"(v));
#elif defined(__x86_64__)
    __asm__("" : "+x"(v));
#elif defined(__aarch64__)
    __asm__("" : "+w"(v));
#endif
    return v;
}

/* a b + c, fused wherever the processor can. The compiler fuses nearly every such sum by itself; in a
 * large function it may leave one out, and another build's bits differ. */
static inline lanes_t lanes_fma(lanes_t a, lanes_t b, lanes_t c)
{
#if defined(__AVX512F__) && defined(FASTBP_FLOAT32)
    return (lanes_t)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX512F__)
    return (lanes_t)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__) && defined(__FMA__) && defined(FASTBP_FLOAT32)
    return (lanes_t)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__AVX2__) && defined(__FMA__)
    return (lanes_t)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    return a * b + c;
#endif
}

/* c - a b rounded once, for c within a factor 2 of a b: what a rounded quotient or product leaves.
 * Without fused multiply-add it comes from the products of halves, which are exact. */
static inline lanes_t lanes_minus_product(lanes_t c, lanes_t a, lanes_t b)
{
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return c - lanes_rounded(a) * b; /* not the a b known already: that one is rounded */
#else
    const ilanes_t upper = lanes_integer(-0x8000000, -0x1000);
    lanes_t a_high = (lanes_t)((ilanes_t)a & upper), a_low = a - a_high;
    lanes_t b_high = (lanes_t)((ilanes_t)b & upper), b_low = b - b_high;
    lanes_t p = a * b;
    lanes_t rest = ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low;
    return (c - p) - rest;
#endif
}

static inline lanes_t lanes_sqrt(lanes_t v)
{
    lanes_t root;
    for (int k = 0; k < LANES; k++) /* becomes one instruction */
#ifdef FASTBP_FLOAT32
        root[k] = __builtin_sqrtf(v[k]);
#else
        root[k] = __builtin_sqrt(v[k]);
#endif
    return root;
}

static inline lanes_t lanes_select(ilanes_t mask, lanes_t a, lanes_t b)
{
    return (lanes_t)((mask & (ilanes_t)a) | (~mask & (ilanes_t)b));
}

/* Where a or b is NaN, or both are 0, these give b, as x86-64 does. Of the condition GCC makes a
 * comparison and a choice, which is 4 steps of the processor instead of 1. */
static inline lanes_t lanes_max(lanes_t a, lanes_t b)
{
#if defined(__AVX512F__) && defined(FASTBP_FLOAT32)
    return (lanes_t)_mm512_max_ps(a, b);
#elif defined(__AVX512F__)
    return (lanes_t)_mm512_max_pd(a, b);
#elif defined(__AVX2__) && defined(FASTBP_FLOAT32)
    return (lanes_t)_mm256_max_ps(a, b);
#elif defined(__AVX2__)
    return (lanes_t)_mm256_max_pd(a, b);
#else
    a = lanes_rounded(a); /* of a known constant GCC would make three instructions instead of two */
    return lanes_select(a > b, a, b);
#endif
}

static inline lanes_t lanes_min(lanes_t a, lanes_t b)
{
#if defined(__AVX512F__) && defined(FASTBP_FLOAT32)
    return (lanes_t)_mm512_min_ps(a, b);
#elif defined(__AVX512F__)
    return (lanes_t)_mm512_min_pd(a, b);
#elif defined(__AVX2__) && defined(FASTBP_FLOAT32)
    return (lanes_t)_mm256_min_ps(a, b);
#elif defined(__AVX2__)
    return (lanes_t)_mm256_min_pd(a, b);
#else
    a = lanes_rounded(a); /* of a known constant GCC would make three instructions instead of two */
    return lanes_select(a < b, a, b);
#endif
}

/* NaN where a or b is; b where they are equal. */
static inline lanes_t lanes_maximum(lanes_t a, lanes_t b)
{
    return lanes_select((ilanes_t)(a > b) | (ilanes_t)(a != a), a, b);
}

static inline lanes_t lanes_minimum(lanes_t a, lanes_t b)
{
    return lanes_select((ilanes_t)(a < b) | (ilanes_t)(a != a), a, b);
}

/* a * b and a / b, but 0 where a is 0; a * b + c, but c there. GCC would compute first and choose
 * then, in two instructions. */
#if defined(__AVX512F__) && defined(FASTBP_FLOAT32)
#define not_zero(a) _mm512_cmp_ps_mask((__m512)(a), _mm512_setzero_ps(), _CMP_NEQ_UQ)
#define lanes_masked_product(a, b) \
    ((lanes_t)_mm512_maskz_mul_ps(not_zero(a), (__m512)(a), (__m512)(b)))
#define lanes_masked_quotient(a, b) \
    ((lanes_t)_mm512_maskz_div_ps(not_zero(a), (__m512)(a), (__m512)(b)))
#define lanes_masked_sum(a, b, c) \
    ((lanes_t)_mm512_mask3_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c), not_zero(a)))
#elif defined(__AVX512F__)
#define not_zero(a) _mm512_cmp_pd_mask((__m512d)(a), _mm512_setzero_pd(), _CMP_NEQ_UQ)
#define lanes_masked_product(a, b) \
    ((lanes_t)_mm512_maskz_mul_pd(not_zero(a), (__m512d)(a), (__m512d)(b)))
#define lanes_masked_quotient(a, b) \
    ((lanes_t)_mm512_maskz_div_pd(not_zero(a), (__m512d)(a), (__m512d)(b)))
#define lanes_masked_sum(a, b, c) \
    ((lanes_t)_mm512_mask3_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c), not_zero(a)))
#else
/* GCC would compute a value that it sees twice, with and without the mask. */
#define masked(a, value) ((lanes_t)((ilanes_t)lanes_rounded(value) & (ilanes_t)((a) != 0)))
#define lanes_masked_product(a, b) masked(a, (a) * (b))
#define lanes_masked_quotient(a, b) masked(a, (a) / (b))
#define lanes_masked_sum(a, b, c) \
    lanes_select((ilanes_t)((a) == 0), c, lanes_rounded((a) * (b) + (c)))
#endif

/* 1 or -1; zeros and NaN give themselves. */
static inline lanes_t lanes_sign(lanes_t v)
{
    ilanes_t one = (ilanes_t)lanes_splat(1);
    ilanes_t sign = (ilanes_t)v & lanes_integer(SIGN_BIT, SIGN_BIT);
    return lanes_select((ilanes_t)(v < 0) | (ilanes_t)(v > 0), (lanes_t)(one | sign), v);
}

#define lanes_abs(v) ((lanes_t)((ilanes_t)(v) & ~lanes_integer(SIGN_BIT, SIGN_BIT)))
#define lanes_minus_abs(v) ((lanes_t)((ilanes_t)(v) | lanes_integer(SIGN_BIT, SIGN_BIT)))
/* v >= 0 with the sign of s. */
#define lanes_with_sign(v, s) \
    ((lanes_t)((ilanes_t)(v) | ((ilanes_t)(s) & lanes_integer(SIGN_BIT, SIGN_BIT))))
/* The size of v with the sign of s. */
#define lanes_copysign(v, s) \
    ((lanes_t)(((ilanes_t)(v) & ~lanes_integer(SIGN_BIT, SIGN_BIT)) \
               | ((ilanes_t)(s) & lanes_integer(SIGN_BIT, SIGN_BIT))))

/* The least lane. */
static inline real lanes_least(lanes_t v)
{
#if defined(__AVX512F__) && defined(FASTBP_FLOAT32)
    return _mm512_reduce_min_ps((__m512)v);
#elif defined(__AVX512F__)
    return _mm512_reduce_min_pd((__m512d)v);
#else
    real least = v[0];
    for (int k = 1; k < LANES; k++)
        least = v[k] < least ? v[k] : least;
    return least;
#endif
}

/* Whether the mask is set in any lane. */
static inline int lanes_any(ilanes_t mask)
{
    integer any = 0;
    for (int k = 0; k < LANES; k++)
        any |= mask[k];
    return any != 0;
}

#endif
