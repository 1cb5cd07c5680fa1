/* A config file: it is refused, or what is written of it reads back as the same. */
#include "engine/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dp_config config, again; /* large: paths */
    dp_error error = {0};
    dp_text first = {0}, second = {0};
    dp_status status = dp_config_parse(&config, (const char *)data, size, "config", &error);
    if (status != DP_OK) {
        fuzz_check_error(status, &error);
        return 0;
    }
    dp_config_write(&config, &first);
    fuzz_demand(dp_config_parse(&again, dp_text_string(&first), first.length, "again", &error) ==
                DP_OK);
    dp_config_write(&again, &second);
    fuzz_demand(strcmp(dp_text_string(&first), dp_text_string(&second)) == 0);
    dp_text_clear(&first);
    dp_text_clear(&second);
    return 0;
}
