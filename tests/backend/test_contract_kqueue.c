/* test_contract_kqueue.c: the contract suite over kqueue. */
#include "helper_rig.h"

int main(void)
{
    return contract_main("kqueue");
}
