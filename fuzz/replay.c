/* replay.c: main of a plain program that runs a target over files, and over all
 * files of folders, each in an allocation of exactly its size. Prints a file's
 * name before it runs when asked to (-v), so that a crash has one. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t files;
static bool verbose;

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0, got;
    char block[4096];

    if (!file) {
        perror(path);
        return 2;
    }
    if (verbose)
        fprintf(stderr, "%s\n", path);
    while ((got = fread(block, 1, sizeof block, file)) > 0) {
        uint8_t *more = realloc(data, size + got);

        CHECK(more);
        data = more;
        memcpy(data + size, block, got);
        size += got;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    files++;
    return 0;
}

static int run_folder(DIR *folder, const char *path)
{
    struct dirent *entry;
    char name[4096];
    int rc = 0;

    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        rc = run_file(name);
    }
    return rc;
}

static int run(const char *path)
{
    DIR *folder = opendir(path);
    int rc;

    if (!folder)
        return run_file(path);
    rc = run_folder(folder, path);
    closedir(folder);
    return rc;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int rc = 0;

        if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else
            rc = run(argv[i]);
        if (rc)
            return rc;
    }
    if (files == 0) {
        fprintf(stderr, "usage: %s [-v] FILE-OR-FOLDER...\n", argv[0]);
        return 2;
    }
    printf("%zu inputs\n", files);
    return 0;
}
