/* test_contract_sim_edges.c: the contract suite over the simulator where it tells edges: over
 * the files that readiness backends share. */
#include "helper_rig.h"

int main(void)
{
    rig_model = RNL_SIM_EDGES;
    return contract_main("sim");
}
