/* SPDX-License-Identifier: Apache-2.0 */
/* All rows of declared objects, for whoever has defined KIND, PROP and END; they are undefined at the end. May be included any number of times. */
#include "model/schema/topology.def"
#include "model/schema/user.def"
#include "model/schema/certificate.def"
#include "model/schema/federation.def"
#include "model/schema/conferencing.def"
#include "model/schema/im.def"
#include "model/schema/wall.def"
#include "model/schema/client.def"
#include "model/schema/voice.def"
#include "model/schema/network.def"
#include "model/schema/pchat.def"
#include "model/schema/monitoring.def"
#include "model/schema/admin.def"
#include "model/schema/backup.def"
#undef KIND
#undef PROP
#undef END
