#include "tls/helper_pki.h"

#include <stdlib.h>

static struct pki the_pki;

static void free_the_pki(void)
{
    pki_free(&the_pki);
}

struct pki *pki(void)
{
    if (!the_pki.root) {
        pki_make(&the_pki);
        atexit(free_the_pki);
    }
    return &the_pki;
}
