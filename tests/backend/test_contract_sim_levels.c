/* test_contract_sim_levels.c: the contract suite over the simulator where it tells levels: over
 * the files that readiness backends share. */
#include "helper_rig.h"

int main(void)
{
    rig_model = RNL_SIM_LEVELS;
    return contract_main("sim");
}
