/* The switch for AArch64 (AAPCS64): see arch.h.
 *
 * What a call must preserve is on the stack, lowest address first:
 *
 *   sp -> x19 ... x28 | x29 | x30 | d8 ... d15 | fpcr | (8 bytes free)
 *
 * A new context returns into `entry` with fn in x19 and arg in x20. x18 is the
 * platform's and is left alone; of v8-v15 only the lower halves are preserved. */

#include "asm.h"

#define FRAME 176

    .text
    .globl NAME(rnli_arch_switch)
    HIDDEN(NAME(rnli_arch_switch))
    TYPE(NAME(rnli_arch_switch))
    .p2align 4
NAME(rnli_arch_switch):
    .cfi_startproc
    hint #34 /* bti c */
    sub sp, sp, #FRAME
    .cfi_def_cfa_offset FRAME
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x9, fpcr
    str x9, [sp, #160]
    .cfi_rel_offset x19, 0
    .cfi_rel_offset x20, 8
    .cfi_rel_offset x21, 16
    .cfi_rel_offset x22, 24
    .cfi_rel_offset x23, 32
    .cfi_rel_offset x24, 40
    .cfi_rel_offset x25, 48
    .cfi_rel_offset x26, 56
    .cfi_rel_offset x27, 64
    .cfi_rel_offset x28, 72
    .cfi_rel_offset x29, 80
    .cfi_rel_offset x30, 88
    .cfi_rel_offset d8, 96
    .cfi_rel_offset d9, 104
    .cfi_rel_offset d10, 112
    .cfi_rel_offset d11, 120
    .cfi_rel_offset d12, 128
    .cfi_rel_offset d13, 136
    .cfi_rel_offset d14, 144
    .cfi_rel_offset d15, 152
    mov x10, sp
    str x10, [x0]
    mov sp, x1 /* from here on the other stack, whose frame looks the same */
    ldr x10, [sp, #160]
    cmp x9, x10 /* writing fpcr is slow, and hardly ever needed */
    b.eq 1f
    msr fpcr, x10
1:  ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #FRAME
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore x29
    .cfi_restore x30
    .cfi_restore d8
    .cfi_restore d9
    .cfi_restore d10
    .cfi_restore d11
    .cfi_restore d12
    .cfi_restore d13
    .cfi_restore d14
    .cfi_restore d15
    ret
    .cfi_endproc
    SIZE(NAME(rnli_arch_switch))

    TYPE(rnli_arch_entry)
    .p2align 4
    .cfi_startproc
    .cfi_undefined x30 /* unwinders stop here */
    nop /* an unwinder that looks up the return address less one finds `entry` */
rnli_arch_entry:
    hint #34
    mov x0, x20
    blr x19
    brk #1
    .cfi_endproc
    SIZE(rnli_arch_entry)

    .globl NAME(rnli_arch_prepare)
    HIDDEN(NAME(rnli_arch_prepare))
    TYPE(NAME(rnli_arch_prepare))
    .p2align 4
NAME(rnli_arch_prepare):
    .cfi_startproc
    hint #34
    and x1, x1, #-16
    sub x9, x1, #FRAME
    stp x2, x3, [x9, #0]
    stp xzr, xzr, [x9, #16]
    stp xzr, xzr, [x9, #32]
    stp xzr, xzr, [x9, #48]
    stp xzr, xzr, [x9, #64]
    adr x10, rnli_arch_entry
    stp xzr, x10, [x9, #80] /* x29 is 0: the end of the chain of frames */
    stp xzr, xzr, [x9, #96]
    stp xzr, xzr, [x9, #112]
    stp xzr, xzr, [x9, #128]
    stp xzr, xzr, [x9, #144]
    mrs x10, fpcr
    str x10, [x9, #160]
    mov x0, x9
    ret
    .cfi_endproc
    SIZE(NAME(rnli_arch_prepare))

#if defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
    /* Claims BTI (each indirect target is marked), not PAC. */
    .section .note.gnu.property, "a"
    .p2align 3
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000000, 4, 1, 0
#endif
