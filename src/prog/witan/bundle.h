/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed file by which a server joins: {format, formatVersion, host, central, expires, salt, cost, sealed}; sealed is what New-CsEnrollment
 * answers. What is in clear says to a person what the file is; what counts is sealed. */
#ifndef WITAN_PROG_BUNDLE_H
#define WITAN_PROG_BUNDLE_H

#define BUNDLE_FORMAT  "witan-bundle"
#define BUNDLE_VERSION 1
#define BUNDLE_MAX     (8 << 20) /* bytes of a file */

#endif
