#include "formats/findings.h"

#include <stdarg.h>
#include <stdio.h>

void dp_findings_add(dp_findings *findings, dp_verdict verdict, const char *subject,
                     const char *format, ...) {
    static const char *const names[] = {"ok", "warning", "problem"};
    char words[2 * DP_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    dp_text_append_format(&findings->lines, "%-8s %-12s ", names[verdict], subject);
    dp_text_append_wrapped(&findings->lines, 22, words);
    findings->counts[verdict]++;
}

void dp_findings_conclude(dp_findings *findings, const char *good) {
    const size_t warnings = findings->counts[DP_VERDICT_WARNING];
    const size_t problems = findings->counts[DP_VERDICT_PROBLEM];
    dp_text_append_format(&findings->lines, "\n%zu problem%s, %zu warning%s%s\n", problems,
                          problems == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s",
                          problems == 0 ? good : "");
}

void dp_findings_clear(dp_findings *findings) {
    dp_text_clear(&findings->lines);
}
