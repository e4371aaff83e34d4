/* SPDX-License-Identifier: Apache-2.0 */
/* file - small files, read whole and replaced atomically: a reader sees the old content or the new, also after a power cut. */
#ifndef WITAN_OS_FILE_H
#define WITAN_OS_FILE_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* Reads the regular file `path` (relative to dirfd, which may be AT_FDCWD) whole. out is initialised here with the ceiling, and is
 * to be ended by buf_fini whatever the answer. ABSENT, REFUSED (no permission), CEILING (larger), SYSTEM; d may be NULL. */
err file_read(int dirfd, const char *path, size_t ceiling, struct buf *out, struct diag *d);
/* Writes content to a new file beside `path`, with exactly this mode from the beginning, and renames it into place once it is on
 * the disk. ABSENT (no such directory), REFUSED, DISK_FULL, SYSTEM; on error nothing has changed. d may be NULL. */
err file_write(int dirfd, const char *path, str content, unsigned mode, struct diag *d);

#endif
