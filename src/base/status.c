#include "base/status.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Messages quote what users and files say, and go to a terminal. */

dp_status dp_fail(dp_error *error, dp_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    dp_utf8_clean(error->message);
    error->status = status;
    return status;
}

/* Appends ": text" behind the first `length` bytes of the message, as much of it as fits. */
static void append_text(dp_error *error, int length, const char *text) {
    if (length < 0 || (size_t)length >= sizeof error->message)
        return;
    char *end = error->message + length;
    if (snprintf(end, sizeof error->message - (size_t)length, ": %s", text) < 0)
        *end = '\0';
}

dp_status dp_fail_errno(dp_error *error, int system_errno, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    append_text(error, length, strerror(system_errno));
    dp_utf8_clean(error->message);
    error->status = system_errno == ENOMEM ? DP_ERR_MEMORY : DP_ERR_IO;
    return error->status;
}

dp_status dp_fail_prefix(dp_error *error, const char *format, ...) {
    char message[DP_ERROR_MESSAGE_SIZE];
    if (error->message[0] == '\0')
        return error->status;
    memcpy(message, error->message, sizeof message);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    append_text(error, length, message);
    dp_utf8_clean(error->message);
    return error->status;
}
