/* A processor that says that it has AVX2 and nothing wider, to every library of a process.

   Preloaded (LD_PRELOAD), it asks the kernel to refuse the instruction CPUID, executes it in the
   handler of the refusal and clears the bits of AVX-512, AVX10 and AMX in what it says. Libraries
   choose their kernels by these bits, so each takes the ones it has for processors with AVX2; none
   has to offer a setting for it. Needs Linux on x86-64 and a processor whose CPUID can be refused
   (cpuid_fault in /proc/cpuinfo). */

#define _GNU_SOURCE
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif

#define BIT(n) (1u << (n))

/* Leaf 7. Subleaf 0: F DQ IFMA PF ER CD BW VL; VBMI VBMI2 VNNI BITALG VPOPCNTDQ; 4VNNIW 4FMAPS
   VP2INTERSECT AMX-BF16 FP16 AMX-TILE AMX-INT8. Subleaf 1: BF16 AMX-FP16; AMX-COMPLEX AVX10. */
#define WIDE_EBX (BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31))
#define WIDE_ECX (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
#define WIDE_EDX (BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25))
#define WIDE_EAX_1 (BIT(5) | BIT(21))
#define WIDE_EDX_1 (BIT(8) | BIT(19))

static void allow_cpuid(int allowed)
{
    if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, (unsigned long)allowed) != 0) {
        fputs("avx2_only: this kernel or processor cannot refuse CPUID\n", stderr);
        _exit(1);
    }
}

static void answer(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    unsigned leaf = (unsigned)registers[REG_RAX], subleaf = (unsigned)registers[REG_RCX];
    unsigned a, b, c, d;
    (void)info;
    if (memcmp((const void *)registers[REG_RIP], "\x0f\xa2", 2) != 0) {
        signal(number, SIG_DFL); /* a true fault: the instruction is repeated and ends the process */
        return;
    }
    allow_cpuid(1);
    __cpuid_count(leaf, subleaf, a, b, c, d);
    allow_cpuid(0);
    if (leaf == 7 && subleaf == 0) {
        b &= ~WIDE_EBX;
        c &= ~WIDE_ECX;
        d &= ~WIDE_EDX;
    } else if (leaf == 7 && subleaf == 1) {
        a &= ~WIDE_EAX_1;
        d &= ~WIDE_EDX_1;
    }
    registers[REG_RAX] = a;
    registers[REG_RBX] = b;
    registers[REG_RCX] = c;
    registers[REG_RDX] = d;
    registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = answer;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, NULL);
    allow_cpuid(0);
}
