/* rules.h: what debug builds say of calls that cannot be right (runnel/core.h).
 *
 * An assert, for the core has no other way to say anything; a release build looks
 * at nothing of this, and then needs no function for it. */
#ifndef RNLI_CORE_RULES_H
#define RNLI_CORE_RULES_H

#include <assert.h>

#define RNLI_RULE(holds, sentence) assert((holds) && sentence)

/* What may not be NULL. */
#define RNLI_GIVEN(pointer) assert((pointer) && "a NULL that may not be one")
/* What may be, where it has no bytes. */
#define RNLI_GIVEN_IF(len, pointer) assert(((pointer) || !(len)) && "a NULL that has bytes")

#endif
