/* test_contract_select.c: the contract suite over select. */
#include "helper_rig.h"

int main(void)
{
    return contract_main("select");
}
