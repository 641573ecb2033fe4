/* suite.h: the little that every CUnit program here shares.
 *
 *     static void reads_a_line(void) { CU_ASSERT_EQUAL(...); }
 *     SUITE("reader", { "reads a line", reads_a_line }, ...)
 *
 * SUITE makes main: it runs all tests, or those whose names contain argv[1]. */
#ifndef RUNNEL_TESTS_SUITE_H
#define RUNNEL_TESTS_SUITE_H

#include <CUnit/CUnit.h>
#include <stddef.h>

struct suite_test {
    const char *name;
    void (*fn)(void);
};

int suite_run(const char *suite, const struct suite_test *tests, size_t count, int argc,
              char **argv);

#define SUITE(name, ...)                                                              \
    static const struct suite_test suite_tests_[] = {__VA_ARGS__};                    \
    int main(int argc, char **argv)                                                   \
    {                                                                                 \
        return suite_run(name, suite_tests_, sizeof suite_tests_ / sizeof *suite_tests_, \
                         argc, argv);                                                 \
    }

#endif
