/* asm.h: names as ELF and Mach-O spell them, for the assembly files. */
#ifndef RNLI_TASK_ASM_H
#define RNLI_TASK_ASM_H

#if defined(__APPLE__)
#define NAME(x)   _##x
#define HIDDEN(x) .private_extern x
#define TYPE(x)
#define SIZE(x)
#else
#define NAME(x)   x
#define HIDDEN(x) .hidden x
#define TYPE(x)   .type x, %function
#define SIZE(x)   .size x, . - x
#endif

#endif
