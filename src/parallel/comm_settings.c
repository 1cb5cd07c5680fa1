/* What MPI is set to, by the launcher, a file or the environment. */
#include "parallel/comm_internal.h"

#include "system/filesystem.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* --- as MPI tells it ----------------------------------------------------------------------------
 */

/* Reads a parameter of Open MPI of at most so many elements of its type. False where there is none.
 * Takes 0.2 s, as Open MPI loads all its components for that, those that it has no use for, too. */
static bool read_parameter(const char *name, int elements, void *value) {
    int provided = 0, index = 0, count = 0;
    bool found = false;
    MPI_T_cvar_handle handle;
    if (MPI_T_init_thread(MPI_THREAD_SINGLE, &provided) != MPI_SUCCESS)
        return false;
    if (MPI_T_cvar_get_index(name, &index) == MPI_SUCCESS &&
        MPI_T_cvar_handle_alloc(index, NULL, &handle, &count) == MPI_SUCCESS) {
        found = count <= elements && MPI_T_cvar_read(handle, value) == MPI_SUCCESS;
        MPI_T_cvar_handle_free(&handle);
    }
    MPI_T_finalize();
    return found;
}

/* --- as its components know it ------------------------------------------------------------------
 */

/* Of libopen-pal, where a parameter is a union of these (opal/mca/base/mca_base_var.h). */
typedef union parameter {
    const char *text;
    int integer;
} parameter;
typedef int find_function(const char *name, int *index);
typedef int get_function(int index, const void *storage, void *source, const char **file);

/* One of a component that is in use, at once; NULL where it has none or this is no Open MPI. */
static const parameter *find_parameter(const char *name) {
    const parameter *found = NULL;
    int index = 0;
    find_function *find = NULL;
    get_function *get = NULL;
    void *program = dlopen(NULL, RTLD_LAZY);
    if (program == NULL)
        return NULL;
    void *symbols[] = {dlsym(program, "mca_base_var_find_by_name"),
                       dlsym(program, "mca_base_var_get_value")};
    memcpy(&find, &symbols[0], sizeof find); /* which ISO C does not let us cast */
    memcpy(&get, &symbols[1], sizeof get);
    if (find != NULL && get != NULL &&
        (find(name, &index) != 0 || get(index, &found, NULL, NULL) != 0))
        found = NULL;
    dlclose(program);
    return found;
}

/* A text of fewer than `size` bytes; false where there is none. */
static bool read_text(const char *name, char *text, size_t size) {
    const parameter *found = find_parameter(name);
    if (found == NULL || found->text == NULL)
        return read_parameter(name, (int)size - 1, text);
    return (size_t)snprintf(text, size, "%s", found->text) < size;
}

/* --- what is asked ------------------------------------------------------------------------------
 */

int dp_comm_mpi_yields(void) {
    int yields = 0;
    return read_parameter("mpi_yield_when_idle", 1, &yields) ? yields != 0 : -1;
}

/* What a dead connection of the launcher takes: a silence, then probes at an interval. */
int dp_comm_host_patience(void) {
    int silence = 0, interval = 0, probes = 0;
    if (!read_parameter("oob_tcp_keepalive_time", 1, &silence) ||
        !read_parameter("oob_tcp_keepalive_intvl", 1, &interval) ||
        !read_parameter("oob_tcp_keepalive_probes", 1, &probes))
        return -1;
    return silence <= 0 ? 0 : silence + interval * probes;
}

uint64_t dp_comm_shared_free(char folder[DP_PATH_SIZE]) {
    uint64_t bytes = 0;
    dp_error ignored;
    memset(folder, 0, DP_PATH_SIZE);
    if (!read_text("osc_sm_backing_directory", folder, DP_PATH_SIZE))
        snprintf(folder, DP_PATH_SIZE, "/dev/shm");
    return dp_filesystem_free_bytes(folder, &bytes, &ignored) == DP_OK ? bytes : UINT64_MAX;
}
