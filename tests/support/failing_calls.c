/* failing_calls: a library to be preloaded (LD_PRELOAD) into a program under test. It counts what
 * the program and its libraries ask for memory, on the thread of main and from its beginning on,
 * and makes one such call fail, once:
 *
 *   FAILING_KIND    memory: malloc, calloc, realloc, reallocarray, aligned_alloc, memalign,
 *                   posix_memalign; mapping: mmap
 *   FAILING_PHASE   start: until MPI_Init; joining: in it; run: after it; leaving: in MPI_Finalize;
 *                   not set: all of them
 *   FAILING_POINT   number of the call of that kind in that phase, from 1; 0 or not set: none
 *   FAILING_WHOSE   only calls are counted whose WHOSE, below, begins so; not set: all. How often a
 *                   library asks may differ from run to run, and with it the numbers of the rest
 *   FAILING_RANK    only on the rank to which the launcher gave this number; not set: anywhere
 *   FAILING_REPORT  a file that gets a line for each call of the kind in that phase, or where there
 * is a point for that call alone: "NUMBER FUNCTION BYTES WHOSE INNER STACK"
 *
 * WHOSE is what the program has called that asked in the end: a library, as libmpi.so.40, or the
 * program itself; INNER is the one that asked. STACK is the same number for all calls that came the
 * same way.
 *
 * What the C library does within itself is seen as far as it calls malloc as everybody does; that
 * is all but what malloc itself asks of the system, whose failure is that of malloc. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FRAMES_MAX = 64 };

static _Thread_local bool is_counting; /* on the thread of main, but while we are at work */
static bool is_in_phase;
static const char *kind, *phase, *whose, *report;
static unsigned long point, counted;

/* The C library's own, by names that nobody interposes. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* The C library's (MPI's) function of this name. */
#define REAL(name, type) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

/* --- who asks --------------------------------------------------------------------------------- */

typedef struct module {
    uintptr_t address; /* that lies in it */
    uintptr_t base;
    const char *name;
} module;

static bool has_address(const struct dl_phdr_info *info, uintptr_t address) {
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && address >= begin &&
            address - begin < info->dlpi_phdr[i].p_memsz)
            return true;
    }
    return false;
}

static int look_at_module(struct dl_phdr_info *info, size_t size, void *context) {
    module *found = context;
    (void)size;
    if (!has_address(info, found->address))
        return 0;
    const char *slash = strrchr(info->dlpi_name, '/');
    found->base = info->dlpi_addr;
    found->name = slash == NULL ? info->dlpi_name : slash + 1;
    return 1;
}

/* Of the program the name is empty, as the loader has it. */
static module module_of(const void *address) {
    module found = {.address = (uintptr_t)address, .name = "unknown"};
    dl_iterate_phdr(look_at_module, &found);
    return found;
}

typedef struct owner {
    const char *whose, *inner;
    uint64_t stack; /* the same where the calls on the way are */
} owner;

/* From the innermost frame that is not ours outwards to the program, and then on for `stack`. */
static owner find_owner(void) {
    void *frames[FRAMES_MAX];
    const int count = backtrace(frames, FRAMES_MAX);
    const uintptr_t own = module_of((void *)(uintptr_t)find_owner).base;
    bool found = false;
    owner caller = {.whose = "unknown"};
    for (int i = 0; i < count; i++) {
        const module frame = module_of(frames[i]);
        const bool is_program = frame.name[0] == '\0';
        const char *name = is_program ? program_invocation_short_name : frame.name;
        if (frame.base == own)
            continue;
        caller.stack = (caller.stack ^ (frame.address - frame.base)) * 0x100000001b3U;
        if (caller.inner == NULL)
            caller.inner = caller.whose = name;
        found = found || is_program;
        if (!found)
            caller.whose = name;
    }
    return caller;
}

static void note(const char *function, size_t bytes, const owner *caller) {
    char line[512];
    if (report == NULL)
        return;
    const int length = snprintf(line, sizeof line, "%lu %s %zu %s %s %016" PRIx64 "\n", counted,
                                function, bytes, caller->whose, caller->inner, caller->stack);
    const int descriptor =
        (int)syscall(SYS_openat, AT_FDCWD, report, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (descriptor < 0 || syscall(SYS_write, descriptor, line, (size_t)length) != length)
        abort();
    syscall(SYS_close, descriptor);
}

/* Counts a call; says whether it is to fail, with errno. */
static bool fails(const char *of_kind, const char *function, size_t bytes) {
    if (!is_counting || !is_in_phase || strcmp(kind, of_kind) != 0)
        return false;
    is_counting = false;
    const bool is_looked_at = whose != NULL || point == 0 || counted + 1 == point;
    const owner caller = is_looked_at ? find_owner() : (owner){0};
    const bool counts = whose == NULL || strncmp(caller.whose, whose, strlen(whose)) == 0;
    counted += counts;
    const bool is_it = counts && counted == point;
    if (is_it || (counts && point == 0))
        note(function, bytes, &caller);
    is_counting = true;
    if (is_it)
        errno = ENOMEM;
    return is_it;
}

/* --- the calls -------------------------------------------------------------------------------- */

void *malloc(size_t size) {
    return fails("memory", "malloc", size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails("memory", "calloc", count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    if (block != NULL && size == 0) /* frees */
        return __libc_realloc(block, size);
    return fails("memory", "realloc", size) ? NULL : __libc_realloc(block, size);
}

void *reallocarray(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fails("memory", "aligned_alloc", size) ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size) {
    return fails("memory", "memalign", size) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (fails("memory", "posix_memalign", size))
        return ENOMEM;
    *block = __libc_memalign(alignment, size);
    return *block == NULL ? ENOMEM : 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
    if (fails("mapping", "mmap", length))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, length, protection, flags, descriptor, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int descriptor,
             off64_t offset) {
    return mmap(address, length, protection, flags, descriptor, offset);
}

/* --- when ------------------------------------------------------------------------------------- */

static void begin_phase(const char *name) {
    is_in_phase = phase == NULL || strcmp(phase, name) == 0;
}

int MPI_Init(int *count, char ***arguments);
int MPI_Init(int *count, char ***arguments) {
    typedef int (*function)(int *, char ***);
    begin_phase("joining");
    const int result = REAL("MPI_Init", function)(count, arguments);
    begin_phase("run");
    return result;
}

int MPI_Finalize(void);
int MPI_Finalize(void) {
    typedef int (*function)(void);
    begin_phase("leaving");
    return REAL("MPI_Finalize", function)();
}

typedef int main_function(int, char **, char **);
static main_function *program_main;

static int counted_main(int count, char **arguments, char **environment) {
    const char *wanted = getenv("FAILING_RANK"), *own = getenv("OMPI_COMM_WORLD_RANK");
    const char *number = getenv("FAILING_POINT");
    void *frames[1];
    (void)backtrace(frames, 1); /* which loads a library the first time */
    kind = getenv("FAILING_KIND");
    phase = getenv("FAILING_PHASE");
    report = getenv("FAILING_REPORT");
    whose = getenv("FAILING_WHOSE");
    point = number == NULL ? 0 : strtoul(number, NULL, 10);
    is_counting = kind != NULL && (wanted == NULL || (own != NULL && strcmp(wanted, own) == 0));
    begin_phase("start");
    return program_main(count, arguments, environment);
}

int __libc_start_main(main_function *main, int count, char **arguments, void (*begin)(void),
                      void (*end)(void), void (*end_of_loader)(void), void *stack);
int __libc_start_main(main_function *main, int count, char **arguments, void (*begin)(void),
                      void (*end)(void), void (*end_of_loader)(void), void *stack) {
    typedef int (*function)(main_function *, int, char **, void (*)(void), void (*)(void),
                            void (*)(void), void *);
    program_main = main;
    return REAL("__libc_start_main", function)(counted_main, count, arguments, begin, end,
                                               end_of_loader, stack);
}
