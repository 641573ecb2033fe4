/* The switch for i386, System V: see arch.h.
 *
 * What a call must preserve is on the stack, lowest address first:
 *
 *   sp -> mxcsr | x87 control word | edi | esi | ebx | ebp | return
 *
 * A new context returns into `entry` with fn in ebx and arg in esi. mxcsr goes
 * along where the build has SSE; elsewhere nobody can change it. */

#include "asm.h"

#if defined(__SSE__)
#define SAVE_MXCSR(at) stmxcsr at
#define LOAD_MXCSR(at) ldmxcsr at
#else
#define SAVE_MXCSR(at)
#define LOAD_MXCSR(at)
#endif

    .text
    .globl NAME(rnli_arch_switch)
    HIDDEN(NAME(rnli_arch_switch))
    TYPE(NAME(rnli_arch_switch))
    .p2align 4
NAME(rnli_arch_switch):
    .cfi_startproc
    endbr32
    movl 4(%esp), %eax
    movl 8(%esp), %edx
    pushl %ebp
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset %ebp, 0
    pushl %ebx
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset %ebx, 0
    pushl %esi
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset %esi, 0
    pushl %edi
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset %edi, 0
    subl $8, %esp
    .cfi_adjust_cfa_offset 8
    SAVE_MXCSR((%esp))
    fnstcw 4(%esp)
    movl %esp, (%eax)
    movl %edx, %esp /* from here on the other stack, whose frame looks the same */
    LOAD_MXCSR((%esp))
    fldcw 4(%esp)
    addl $8, %esp
    .cfi_adjust_cfa_offset -8
    popl %edi
    .cfi_adjust_cfa_offset -4
    .cfi_restore %edi
    popl %esi
    .cfi_adjust_cfa_offset -4
    .cfi_restore %esi
    popl %ebx
    .cfi_adjust_cfa_offset -4
    .cfi_restore %ebx
    popl %ebp
    .cfi_adjust_cfa_offset -4
    .cfi_restore %ebp
    popl %ecx /* not `ret`: it is always predicted wrong here */
    .cfi_adjust_cfa_offset -4
    .cfi_register %eip, %ecx
    notrack jmp *%ecx
    .cfi_endproc
    SIZE(NAME(rnli_arch_switch))

    TYPE(rnli_arch_entry)
    .p2align 4
    .cfi_startproc
    .cfi_undefined %eip /* unwinders stop here */
    nop /* an unwinder that looks up the return address less one finds `entry` */
rnli_arch_entry:
    endbr32
    subl $12, %esp /* the argument, and the call's alignment */
    pushl %esi
    call *%ebx
    ud2
    .cfi_endproc
    SIZE(rnli_arch_entry)

    .globl NAME(rnli_arch_prepare)
    HIDDEN(NAME(rnli_arch_prepare))
    TYPE(NAME(rnli_arch_prepare))
    .p2align 4
NAME(rnli_arch_prepare):
    .cfi_startproc
    endbr32
    movl 8(%esp), %eax /* top */
    andl $-16, %eax
    subl $28, %eax /* leaves the stack pointer at `top` in entry */
    SAVE_MXCSR((%eax))
    movl $0, 4(%eax)
    fnstcw 4(%eax)
    movl $0, 8(%eax)
    movl 16(%esp), %edx /* arg */
    movl %edx, 12(%eax)
    movl 12(%esp), %edx /* fn */
    movl %edx, 16(%eax)
    movl $0, 20(%eax) /* ebp: the end of the chain of frames */
    call 1f
    .cfi_adjust_cfa_offset 4
1:  popl %edx
    .cfi_adjust_cfa_offset -4
    addl $(rnli_arch_entry - 1b), %edx
    movl %edx, 24(%eax)
    ret
    .cfi_endproc
    SIZE(NAME(rnli_arch_prepare))

#if defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
    /* Claims IBT (each indirect target is marked), not shadow stacks. */
    .section .note.gnu.property, "a"
    .p2align 2
    .long 4, 12, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 1
#endif
