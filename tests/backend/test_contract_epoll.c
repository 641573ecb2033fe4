/* test_contract_epoll.c: the contract suite over epoll. */
#include "helper_rig.h"

int main(void)
{
    return contract_main("epoll");
}
