/* SPDX-License-Identifier: Apache-2.0 */
#include "model/store/store_priv.h"

const struct store_step store_steps[] = {
	{ "users, settings, locks",
		"CREATE TABLE user ("
		" aor TEXT PRIMARY KEY NOT NULL CHECK (length(aor) > 2),"
		" display_name TEXT NOT NULL,"
		" enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),"
		" ha1_md5 BLOB CHECK (ha1_md5 IS NULL OR length(ha1_md5) = 16),"
		" ha1_sha256 BLOB NOT NULL CHECK (length(ha1_sha256) = 32),"
		" created INTEGER NOT NULL, changed INTEGER NOT NULL, version INTEGER NOT NULL"
		") STRICT, WITHOUT ROWID;"
		"CREATE TABLE setting ("
		" object TEXT NOT NULL, property TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (object, property)"
		") STRICT, WITHOUT ROWID;"
		"CREATE TABLE lock ("
		" aor TEXT PRIMARY KEY NOT NULL REFERENCES user (aor) ON DELETE CASCADE,"
		" failures INTEGER NOT NULL, until_ms INTEGER NOT NULL"
		") STRICT, WITHOUT ROWID;"
		"CREATE TABLE counter (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
		"INSERT INTO counter (name, value) VALUES ('version', 0);" },
};

const size_t store_n_steps = sizeof store_steps / sizeof *store_steps;
