/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a photo; what is taken is within its ceilings. */
#include <stdint.h>
#include <stdlib.h>

#include "service/photo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct photo p;
	if (failed(photo_read((str){ (const char *)data, size }, &p, NULL)))
		return 0;
	if (size > PHOTO_MAX || p.type == NULL || p.width == 0 || p.width > PHOTO_SIDE || p.height == 0 || p.height > PHOTO_SIDE)
		abort();
	return 0;
}
