/* The switch for x86-64, System V.
 *
 *   void rnli_arch_switch(void **save, void *to)
 *   void *rnli_arch_prepare(void *low, void *top, void (*fn)(void *), void *arg)
 *
 * What a call must preserve is on the stack, lowest address first:
 *
 *   sp -> mxcsr, x87 control word | r15 | r14 | r13 | r12 | rbx | rbp | return
 *
 * A new context returns into `entry` with fn in r12 and arg in r13. */

#include "asm.h"

    .text
    .globl NAME(rnli_arch_switch)
    HIDDEN(NAME(rnli_arch_switch))
    TYPE(NAME(rnli_arch_switch))
    .p2align 4
NAME(rnli_arch_switch):
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    popq %rcx /* not `ret`: it is always predicted wrong here, 8 ns more */
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    notrack jmp *%rcx
    .cfi_endproc
    SIZE(NAME(rnli_arch_switch))

    TYPE(rnli_arch_entry)
    .p2align 4
    .cfi_startproc
    .cfi_undefined %rip /* unwinders stop here */
    nop /* an unwinder that looks up the return address less one finds `entry` */
rnli_arch_entry:
    endbr64
    xorl %ebp, %ebp
    movq %r13, %rdi
    call *%r12
    ud2
    .cfi_endproc
    SIZE(rnli_arch_entry)

    .globl NAME(rnli_arch_prepare)
    HIDDEN(NAME(rnli_arch_prepare))
    TYPE(NAME(rnli_arch_prepare))
    .p2align 4
NAME(rnli_arch_prepare):
    .cfi_startproc
    endbr64
    andq $-16, %rsi
    leaq -80(%rsi), %rax
    stmxcsr (%rax)
    fnstcw 4(%rax)
    movq $0, 8(%rax)
    movq $0, 16(%rax)
    movq %rcx, 24(%rax)
    movq %rdx, 32(%rax)
    movq $0, 40(%rax)
    movq $0, 48(%rax)
    leaq rnli_arch_entry(%rip), %rdx
    movq %rdx, 56(%rax)
    movq $0, 64(%rax)
    ret
    .cfi_endproc
    SIZE(NAME(rnli_arch_prepare))

#if defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
    /* Claims IBT (each indirect target is marked), not shadow stacks. */
    .section .note.gnu.property, "a"
    .p2align 3
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 1, 0
#endif
