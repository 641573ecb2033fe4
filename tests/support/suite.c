#include "support/suite.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

int suite_run(const char *suite, const struct suite_test *tests, size_t count, int argc,
              char **argv)
{
    CU_pSuite s;
    unsigned failures;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    s = CU_add_suite(suite, NULL, NULL);
    for (size_t i = 0; s && i < count; i++) {
        if (argc > 1 && !strstr(tests[i].name, argv[1]))
            continue;
        if (!CU_add_test(s, tests[i].name, tests[i].fn))
            s = NULL;
    }
    if (!s) {
        fprintf(stderr, "%s: cannot set up: %s\n", suite, CU_get_error_msg());
        return 2;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    if (CU_get_number_of_tests_run() == 0) {
        fprintf(stderr, "%s: no test has this name\n", suite);
        failures = 1;
    }
    CU_cleanup_registry();
    return failures ? 1 : 0;
}
