/* f(n, ...) with n as a constant, so that the compiler makes a copy of an inlined f for each: of
 * arguments n between the two numbers in the name. As tape/gates.h has it for gates, and block.h
 * for two sizes. */
#ifndef FASTBP_CONSTANTS_H
#define FASTBP_CONSTANTS_H

#define CASE_OF_CONSTANT(k, f, ...) \
    case k:                         \
        f(k, __VA_ARGS__);          \
        break;
#define LAST_CONSTANT(k, f, ...) \
    default:                     \
        f(k, __VA_ARGS__);

#define with_constant_0_1(f, n, ...)                                           \
    switch (n) {                                                               \
        CASE_OF_CONSTANT(0, f, __VA_ARGS__) LAST_CONSTANT(1, f, __VA_ARGS__)   \
    }
#define with_constant_0_3(f, n, ...)                                              \
    switch (n) {                                                                  \
        CASE_OF_CONSTANT(0, f, __VA_ARGS__) CASE_OF_CONSTANT(1, f, __VA_ARGS__)   \
        CASE_OF_CONSTANT(2, f, __VA_ARGS__) LAST_CONSTANT(3, f, __VA_ARGS__)      \
    }
#define with_constant_1_4(f, n, ...)                                              \
    switch (n) {                                                                  \
        CASE_OF_CONSTANT(1, f, __VA_ARGS__) CASE_OF_CONSTANT(2, f, __VA_ARGS__)   \
        CASE_OF_CONSTANT(3, f, __VA_ARGS__) LAST_CONSTANT(4, f, __VA_ARGS__)      \
    }
#define with_constant_1_6(f, n, ...)                                              \
    switch (n) {                                                                  \
        CASE_OF_CONSTANT(1, f, __VA_ARGS__) CASE_OF_CONSTANT(2, f, __VA_ARGS__)   \
        CASE_OF_CONSTANT(3, f, __VA_ARGS__) CASE_OF_CONSTANT(4, f, __VA_ARGS__)   \
        CASE_OF_CONSTANT(5, f, __VA_ARGS__) LAST_CONSTANT(6, f, __VA_ARGS__)      \
    }

#endif
