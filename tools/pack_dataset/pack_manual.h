/* pack_manual: man page and bash completion of pack_dataset, made from its option table. */
#ifndef DP_PACK_DATASET_PACK_MANUAL_H
#define DP_PACK_DATASET_PACK_MANUAL_H

#include "options/options.h"

/* Writes pack_dataset(1) and the completion to where man and bash-completion look below `folder`,
 * which is created. */
dp_status dp_pack_manual_write(dp_option_table options, const char *folder,
                               dp_error *error) DP_CHECKED;

#endif
