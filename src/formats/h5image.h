/* h5image: finds what an HDF5 file holds from its bytes, without HDF5's library.
 *
 * Files come from anywhere, and the library trusts what they say of themselves: damaged or made-up
 * structures let it read outside of its memory, follow links to other files, or allocate what a
 * header claims. So files are written by the library (formats/h5writer) and read by this. It knows
 * the plain part of the format that the library writes unless told otherwise ("earliest": version 0
 * of the superblock, groups as symbol tables), and of that only datasets that lie in one piece, of
 * integers, floats and strings of fixed length, little-endian. Everything else is an error: links,
 * other files, chunks and filters. Nothing is allocated; what is found lies inside the bytes.
 *
 * The format: "HDF5 File Format Specification Version 3.0", The HDF Group.
 */
#ifndef DP_FORMATS_H5IMAGE_H
#define DP_FORMATS_H5IMAGE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_H5_RANK_MAX 2

/* The extent of a dataset: rank 0 (one value), 1 or 2. */
typedef struct dp_h5shape {
    int rank;
    uint64_t size[DP_H5_RANK_MAX];
} dp_h5shape;

/* Bytes of a file, which outlive this. */
typedef struct dp_h5image {
    const unsigned char *bytes;
    uint64_t size; /* of what HDF5 uses: other bytes may follow */
    uint64_t root; /* where the root group is described */
    const char *name;
} dp_h5image;

typedef enum dp_h5kind {
    DP_H5_OTHER,
    DP_H5_UNSIGNED, /* of 1, 2, 4 or 8 bytes */
    DP_H5_SIGNED,   /* the same */
    DP_H5_FLOAT,    /* of 4 or 8 bytes, IEEE 754 */
    DP_H5_STRING,   /* of one length each, whatever they are padded with */
} dp_h5kind;

/* A dataset or attribute, checked to lie inside the image as a whole. */
typedef struct dp_h5value {
    dp_h5kind kind;
    size_t width; /* bytes of an element, at least 1 */
    dp_h5shape shape;
    const unsigned char *data; /* aligned to nothing */
    uint64_t bytes;            /* width times the elements of the shape */
} dp_h5value;

/* `name` is how messages call the file; it is kept. DP_ERR_INPUT where this is no HDF5 file, is cut
 * short or is of a form that is not read. */
dp_status dp_h5image_open(dp_h5image *image, const void *bytes, size_t size, const char *name,
                          dp_error *error) DP_CHECKED;

/* The dataset at a path like "/params/W1", or the attribute of the root of this name. DP_ERR_INPUT
 * names it where it is not there, is damaged or is not of the forms that are read. */
dp_status dp_h5image_find(const dp_h5image *image, const char *object, dp_h5value *value,
                          dp_error *error) DP_CHECKED;
dp_status dp_h5image_find_attribute(const dp_h5image *image, const char *attribute,
                                    dp_h5value *value, dp_error *error) DP_CHECKED;

/* Whether there is such an attribute, readable or not. */
bool dp_h5image_has_attribute(const dp_h5image *image, const char *attribute) DP_CHECKED;

#endif
