/* The switch for RISC-V, 64 bits (LP64, LP64F, LP64D): see arch.h.
 *
 * What a call must preserve is on the stack, lowest address first:
 *
 *   sp -> s0 ... s11 | ra | fcsr (low word) | fs0 ... fs11
 *
 * A new context returns into `entry` with fn in s1 and arg in s2. fcsr is not
 * preserved by calls, except for its rounding mode, so all of it goes along. */

#include "asm.h"

#if defined(__riscv_float_abi_double)
#define FSAVE   fsd
#define FLOAD   fld
#define FRAME   208
#elif defined(__riscv_float_abi_single)
#define FSAVE   fsw
#define FLOAD   flw
#define FRAME   208
#else
#define FRAME   112
#endif

    .text
    .globl NAME(rnli_arch_switch)
    HIDDEN(NAME(rnli_arch_switch))
    TYPE(NAME(rnli_arch_switch))
    .p2align 4
NAME(rnli_arch_switch):
    .cfi_startproc
    addi sp, sp, -FRAME
    .cfi_def_cfa_offset FRAME
    sd s0, 0(sp)
    sd s1, 8(sp)
    sd s2, 16(sp)
    sd s3, 24(sp)
    sd s4, 32(sp)
    sd s5, 40(sp)
    sd s6, 48(sp)
    sd s7, 56(sp)
    sd s8, 64(sp)
    sd s9, 72(sp)
    sd s10, 80(sp)
    sd s11, 88(sp)
    sd ra, 96(sp)
    .cfi_rel_offset s0, 0
    .cfi_rel_offset s1, 8
    .cfi_rel_offset s2, 16
    .cfi_rel_offset s3, 24
    .cfi_rel_offset s4, 32
    .cfi_rel_offset s5, 40
    .cfi_rel_offset s6, 48
    .cfi_rel_offset s7, 56
    .cfi_rel_offset s8, 64
    .cfi_rel_offset s9, 72
    .cfi_rel_offset s10, 80
    .cfi_rel_offset s11, 88
    .cfi_rel_offset ra, 96
#ifdef FSAVE
    frcsr t0
    sw t0, 104(sp)
    FSAVE fs0, 112(sp)
    FSAVE fs1, 120(sp)
    FSAVE fs2, 128(sp)
    FSAVE fs3, 136(sp)
    FSAVE fs4, 144(sp)
    FSAVE fs5, 152(sp)
    FSAVE fs6, 160(sp)
    FSAVE fs7, 168(sp)
    FSAVE fs8, 176(sp)
    FSAVE fs9, 184(sp)
    FSAVE fs10, 192(sp)
    FSAVE fs11, 200(sp)
    .cfi_rel_offset fs0, 112
    .cfi_rel_offset fs1, 120
    .cfi_rel_offset fs2, 128
    .cfi_rel_offset fs3, 136
    .cfi_rel_offset fs4, 144
    .cfi_rel_offset fs5, 152
    .cfi_rel_offset fs6, 160
    .cfi_rel_offset fs7, 168
    .cfi_rel_offset fs8, 176
    .cfi_rel_offset fs9, 184
    .cfi_rel_offset fs10, 192
    .cfi_rel_offset fs11, 200
#endif
    sd sp, 0(a0)
    mv sp, a1 /* from here on the other stack, whose frame looks the same */
#ifdef FSAVE
    lw t0, 104(sp)
    fscsr t0
    FLOAD fs0, 112(sp)
    FLOAD fs1, 120(sp)
    FLOAD fs2, 128(sp)
    FLOAD fs3, 136(sp)
    FLOAD fs4, 144(sp)
    FLOAD fs5, 152(sp)
    FLOAD fs6, 160(sp)
    FLOAD fs7, 168(sp)
    FLOAD fs8, 176(sp)
    FLOAD fs9, 184(sp)
    FLOAD fs10, 192(sp)
    FLOAD fs11, 200(sp)
#endif
    ld s0, 0(sp)
    ld s1, 8(sp)
    ld s2, 16(sp)
    ld s3, 24(sp)
    ld s4, 32(sp)
    ld s5, 40(sp)
    ld s6, 48(sp)
    ld s7, 56(sp)
    ld s8, 64(sp)
    ld s9, 72(sp)
    ld s10, 80(sp)
    ld s11, 88(sp)
    ld ra, 96(sp)
    addi sp, sp, FRAME
    .cfi_def_cfa_offset 0
    .cfi_restore s0
    .cfi_restore s1
    .cfi_restore s2
    .cfi_restore s3
    .cfi_restore s4
    .cfi_restore s5
    .cfi_restore s6
    .cfi_restore s7
    .cfi_restore s8
    .cfi_restore s9
    .cfi_restore s10
    .cfi_restore s11
    .cfi_restore ra
#ifdef FSAVE
    .cfi_restore fs0
    .cfi_restore fs1
    .cfi_restore fs2
    .cfi_restore fs3
    .cfi_restore fs4
    .cfi_restore fs5
    .cfi_restore fs6
    .cfi_restore fs7
    .cfi_restore fs8
    .cfi_restore fs9
    .cfi_restore fs10
    .cfi_restore fs11
#endif
    jr ra
    .cfi_endproc
    SIZE(NAME(rnli_arch_switch))

    TYPE(rnli_arch_entry)
    .p2align 4
    .cfi_startproc
    .cfi_undefined ra /* unwinders stop here */
    nop /* an unwinder that looks up the return address less one finds `entry` */
rnli_arch_entry:
    mv a0, s2
    jalr s1
    ebreak
    .cfi_endproc
    SIZE(rnli_arch_entry)

    .globl NAME(rnli_arch_prepare)
    HIDDEN(NAME(rnli_arch_prepare))
    TYPE(NAME(rnli_arch_prepare))
    .p2align 4
NAME(rnli_arch_prepare):
    .cfi_startproc
    andi a1, a1, -16
    addi a0, a1, -FRAME
    mv t0, a0
1:  sd zero, 0(t0) /* s0 is 0: the end of the chain of frames */
    addi t0, t0, 8
    bltu t0, a1, 1b
    sd a2, 8(a0)
    sd a3, 16(a0)
    lla t0, rnli_arch_entry
    sd t0, 96(a0)
#ifdef FSAVE
    frcsr t0
    sw t0, 104(a0)
#endif
    ret
    .cfi_endproc
    SIZE(NAME(rnli_arch_prepare))

#if defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
