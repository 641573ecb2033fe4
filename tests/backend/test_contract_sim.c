/* test_contract_sim.c: the contract suite over the simulator, as far as both ends are
 * driven by the table; the rest of the contract is told by sim.fidelity. */
#include "helper_rig.h"

int main(void)
{
    return contract_main("sim");
}
