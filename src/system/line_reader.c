#include "system/line_reader.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 16)

dp_status dp_line_reader_open(dp_line_reader *reader, const char *path, dp_error *error) {
    const bool is_standard = strcmp(path, "-") == 0;
    *reader = (dp_line_reader){.name = is_standard ? "the standard input" : path};
    reader->descriptor = is_standard ? STDIN_FILENO : dp_file_open(path, O_RDONLY);
    if (reader->descriptor < 0)
        return dp_fail_errno(error, errno, "cannot read %s", path);
    return DP_OK;
}

void dp_line_reader_close(dp_line_reader *reader) {
    if (reader->descriptor > STDIN_FILENO)
        dp_file_close(&reader->descriptor);
    dp_memory_free(reader->buffer);
    *reader = (dp_line_reader){.descriptor = -1};
}

/* Makes room for another reading, and for the 0 behind the last line. */
static dp_status make_room(dp_line_reader *reader, dp_error *error) {
    const size_t kept = reader->end - reader->begin;
    if (reader->begin > 0)
        memmove(reader->buffer, reader->buffer + reader->begin, kept);
    reader->begin = 0;
    reader->end = kept;
    DP_TRY_GROW(reader->buffer, &reader->capacity, kept + READ_BYTES + 1);
    return DP_OK;
}

dp_status dp_line_reader_fill(dp_line_reader *reader, bool *more, dp_error *error) {
    bool whole = false;
    while (!whole && !reader->ended) {
        if (reader->end - reader->begin > DP_LINE_READER_MAX)
            return dp_fail(error, DP_ERR_INPUT,
                           "%s has a line of more than %zu bytes: is it a text?", reader->name,
                           DP_LINE_READER_MAX);
        DP_TRY(make_room(reader, error));
        char *at = reader->buffer + reader->end;
        const ssize_t count = read(reader->descriptor, at, reader->capacity - reader->end - 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return dp_fail_errno(error, errno, "cannot read %s", reader->name);
        reader->end += (size_t)count;
        reader->ended = count == 0;
        whole = memchr(at, '\n', (size_t)count) != NULL;
    }
    *more = reader->begin < reader->end;
    return DP_OK;
}

bool dp_line_reader_must_wait(const dp_line_reader *reader) {
    struct pollfd file = {.fd = reader->descriptor, .events = POLLIN};
    return !reader->ended && poll(&file, 1, 0) == 0;
}

bool dp_line_reader_next(dp_line_reader *reader, char **line, size_t *length) {
    const size_t left = reader->end - reader->begin;
    if (left == 0) /* and maybe no buffer yet */
        return false;
    *line = reader->buffer + reader->begin;
    char *end = memchr(*line, '\n', left);
    if (end == NULL && !reader->ended)
        return false;
    *length = end == NULL ? left : (size_t)(end - *line);
    reader->begin += *length + (end != NULL);
    if (*length > 0 && (*line)[*length - 1] == '\r')
        --*length;
    (*line)[*length] = '\0';
    return true;
}
