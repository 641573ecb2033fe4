/* afl.c: main of an AFL++ program: the forkserver starts behind the set-up, and
 * each process runs many inputs, which come through shared memory. */
#include "fuzz.h"

#include <unistd.h>

__AFL_FUZZ_INIT();

int main(void)
{
    const uint8_t *data;

    __AFL_INIT();
    data = __AFL_FUZZ_TESTCASE_BUF;
    while (__AFL_LOOP(100000))
        LLVMFuzzerTestOneInput(data, (size_t)__AFL_FUZZ_TESTCASE_LEN);
    return 0;
}
