/* test_contract_iocp.c: the contract suite over IOCP. */
#include "helper_rig.h"

int main(void)
{
    return contract_main("iocp");
}
