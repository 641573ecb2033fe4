/* In struct regs the general registers begin at 0, the floating ones at 96, the
 * control words at 192. */
#include "helper_regs.h"

#include <string.h>

#include "under.h"

#if defined(__APPLE__)
#define BEGIN ".globl _regs_across\n_regs_across:\n"
#define END   ""
#else
#define BEGIN ".globl regs_across\n.type regs_across, %function\nregs_across:\n"
#define END   ".size regs_across, . - regs_across\n"
#endif

#if defined(__x86_64__)
__asm__(".text\n"
        BEGIN
        "    endbr64\n"
        "    pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "    subq $24, %rsp\n"
        "    stmxcsr (%rsp); fnstcw 4(%rsp); movq %rsi, 8(%rsp)\n"
        "    ldmxcsr 192(%rdi); fldcw 200(%rdi)\n"
        "    movq (%rdi), %rbx; movq 8(%rdi), %rbp; movq 16(%rdi), %r12\n"
        "    movq 24(%rdi), %r13; movq 32(%rdi), %r14; movq 40(%rdi), %r15\n"
        "    movq %rcx, %rdi\n"
        "    call *%rdx\n"
        "    movq 8(%rsp), %rsi\n"
        "    movq %rbx, (%rsi); movq %rbp, 8(%rsi); movq %r12, 16(%rsi)\n"
        "    movq %r13, 24(%rsi); movq %r14, 32(%rsi); movq %r15, 40(%rsi)\n"
        "    stmxcsr 192(%rsi); fnstcw 200(%rsi)\n"
        "    ldmxcsr (%rsp); fldcw 4(%rsp)\n"
        "    addq $24, %rsp\n"
        "    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp\n"
        "    ret\n"
        END);
#elif defined(__i386__)
#if defined(__SSE__)
#define MXCSR(op, at) "    " op "mxcsr " at "\n"
#else
#define MXCSR(op, at)
#endif
__asm__(".text\n"
        BEGIN
        "    pushl %ebp; pushl %ebx; pushl %esi; pushl %edi\n"
        "    subl $28, %esp\n" /* 16, the return address and this: a multiple of 16 */
        "    fnstcw 20(%esp)\n"
        MXCSR("st", "24(%esp)")
        "    movl 48(%esp), %eax; movl 60(%esp), %ecx\n"
        "    movl %ecx, (%esp)\n" /* arg */
        "    movl 56(%esp), %edx\n" /* fn */
        "    fldcw 192(%eax)\n"
        MXCSR("ld", "200(%eax)")
        "    movl (%eax), %ebx; movl 8(%eax), %esi; movl 16(%eax), %edi\n"
        "    movl 24(%eax), %ebp\n"
        "    call *%edx\n"
        "    movl 52(%esp), %eax\n"
        "    movl %ebx, (%eax); movl %esi, 8(%eax); movl %edi, 16(%eax)\n"
        "    movl %ebp, 24(%eax)\n"
        "    fnstcw 192(%eax)\n"
        MXCSR("st", "200(%eax)")
        "    fldcw 20(%esp)\n"
        MXCSR("ld", "24(%esp)")
        "    addl $28, %esp\n"
        "    popl %edi; popl %esi; popl %ebx; popl %ebp\n"
        "    ret\n"
        END);
#elif defined(__aarch64__)
/* A line each: for Apple's assembler a semicolon begins a comment. */
__asm__(".text\n"
        BEGIN
        "    hint #34\n"
        "    sub sp, sp, #176\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mrs x9, fpcr\n"
        "    stp x9, x1, [sp, #160]\n"
        "    ldp x19, x20, [x0, #0]\n"
        "    ldp x21, x22, [x0, #16]\n"
        "    ldp x23, x24, [x0, #32]\n"
        "    ldp x25, x26, [x0, #48]\n"
        "    ldp x27, x28, [x0, #64]\n"
        "    ldr x29, [x0, #80]\n"
        "    ldp d8, d9, [x0, #96]\n"
        "    ldp d10, d11, [x0, #112]\n"
        "    ldp d12, d13, [x0, #128]\n"
        "    ldp d14, d15, [x0, #144]\n"
        "    ldr x9, [x0, #192]\n"
        "    msr fpcr, x9\n"
        "    mov x0, x3\n"
        "    blr x2\n"
        "    ldr x0, [sp, #168]\n"
        "    stp x19, x20, [x0, #0]\n"
        "    stp x21, x22, [x0, #16]\n"
        "    stp x23, x24, [x0, #32]\n"
        "    stp x25, x26, [x0, #48]\n"
        "    stp x27, x28, [x0, #64]\n"
        "    str x29, [x0, #80]\n"
        "    stp d8, d9, [x0, #96]\n"
        "    stp d10, d11, [x0, #112]\n"
        "    stp d12, d13, [x0, #128]\n"
        "    stp d14, d15, [x0, #144]\n"
        "    mrs x9, fpcr\n"
        "    str x9, [x0, #192]\n"
        "    ldr x9, [sp, #160]\n"
        "    msr fpcr, x9\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #176\n"
        "    ret\n"
        END);
#elif !defined(REGS_UNKNOWN)
#define EACH_S(op, base, at)                                                             \
    "    " op " s0, " at "+0(" base "); " op " s1, " at "+8(" base "); " op " s2, " at   \
    "+16(" base "); " op " s3, " at "+24(" base "); " op " s4, " at "+32(" base "); " op \
    " s5, " at "+40(" base "); " op " s6, " at "+48(" base "); " op " s7, " at "+56("    \
    base "); " op " s8, " at "+64(" base "); " op " s9, " at "+72(" base "); " op        \
    " s10, " at "+80(" base "); " op " s11, " at "+88(" base ")\n"
#define EACH_FS(op, base, at)                                                              \
    "    " op " fs0, " at "+0(" base "); " op " fs1, " at "+8(" base "); " op " fs2, " at  \
    "+16(" base "); " op " fs3, " at "+24(" base "); " op " fs4, " at "+32(" base "); " op \
    " fs5, " at "+40(" base "); " op " fs6, " at "+48(" base "); " op " fs7, " at "+56("   \
    base "); " op " fs8, " at "+64(" base "); " op " fs9, " at "+72(" base "); " op        \
    " fs10, " at "+80(" base "); " op " fs11, " at "+88(" base ")\n"
__asm__(".text\n"
        BEGIN
        "    addi sp, sp, -224\n"
        EACH_S("sd", "sp", "0") EACH_FS("fsd", "sp", "96")
        "    frrm t0; sd t0, 192(sp); sd a1, 200(sp); sd ra, 208(sp)\n"
        EACH_S("ld", "a0", "0") EACH_FS("fld", "a0", "96")
        "    ld t0, 192(a0); fsrm t0\n"
        "    mv a0, a3\n"
        "    jalr a2\n"
        "    ld a0, 200(sp)\n"
        EACH_S("sd", "a0", "0") EACH_FS("fsd", "a0", "96")
        "    frrm t0; sd t0, 192(a0)\n"
        "    ld t0, 192(sp); fsrm t0; ld ra, 208(sp)\n"
        EACH_S("ld", "sp", "0") EACH_FS("fld", "sp", "96")
        "    addi sp, sp, 224\n"
        "    ret\n"
        END);
#endif

#if defined(__x86_64__)
/* All exceptions masked; rounding, flush to zero and x87 precision vary. */
static void control(uint64_t *words, unsigned seed)
{
    words[0] = 0x1f80 | (uint64_t)(seed & 3) << 13 | (uint64_t)(seed >> 2 & 1) << 15;
    words[1] = 0x007f | (uint64_t)(seed & 3) << 10 | (uint64_t)(seed & 4 ? 2 : 3) << 8;
}
#elif defined(__i386__)
static void control(uint64_t *words, unsigned seed)
{
    words[0] = 0x007f | (uint64_t)(seed & 3) << 10 | (uint64_t)(seed & 4 ? 2 : 3) << 8;
    words[1] = REGS_CONTROL < 2 ? 0 : 0x1f80 | (uint64_t)(seed & 3) << 13;
}
#elif defined(__aarch64__)
static void control(uint64_t *words, unsigned seed)
{
    words[0] = (uint64_t)(seed & 3) << 22 | (uint64_t)(seed >> 2 & 1) << 24;
}
#elif !defined(REGS_UNKNOWN)
static void control(uint64_t *words, unsigned seed)
{
    words[0] = seed & 3;
}
#endif

#ifndef REGS_UNKNOWN
void regs_fill(struct regs *regs, unsigned seed)
{
    memset(regs, 0, sizeof *regs);
    for (unsigned i = 0; i != REGS_GENERAL; i++)
        regs->general[i] = (uintptr_t)(seed * UINT64_C(0x9e3779b97f4a7c15) + i * 0x01010101);
    for (unsigned i = 0; i != REGS_FLOATING; i++)
        regs->floating[i] = seed * UINT64_C(0xc2b2ae3d27d4eb4f) + i;
    /* Of these Valgrind knows the rounding only. */
    control(regs->control, UNDER_VALGRIND ? seed & 3 : seed);
}
#endif
