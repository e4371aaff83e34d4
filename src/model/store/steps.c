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
	/* Settings become objects like all others: numbers and truth by their JSON types. */
	{ "declared objects, history, audit, credentials",
		"ALTER TABLE user ADD COLUMN body TEXT NOT NULL DEFAULT '{}';"
		"ALTER TABLE user ADD COLUMN sam TEXT COLLATE NOCASE;"
		"ALTER TABLE user ADD COLUMN upn TEXT COLLATE NOCASE;"
		"ALTER TABLE user ADD COLUMN line TEXT COLLATE NOCASE;"
		"CREATE INDEX user_sam ON user (sam) WHERE sam IS NOT NULL;"
		"CREATE INDEX user_upn ON user (upn) WHERE upn IS NOT NULL;"
		"CREATE INDEX user_line ON user (line) WHERE line IS NOT NULL;"
		"CREATE INDEX user_name ON user (display_name COLLATE NOCASE);"
		"CREATE TABLE object ("
		" kind TEXT NOT NULL COLLATE NOCASE, identity TEXT NOT NULL COLLATE NOCASE, body TEXT NOT NULL, version INTEGER NOT NULL,"
		" PRIMARY KEY (kind, identity)"
		") STRICT, WITHOUT ROWID;"
		"INSERT INTO object (kind, identity, body, version)"
		" SELECT object, 'Global', json_group_object(property, json(CASE value WHEN 'True' THEN 'true' WHEN 'False' THEN 'false' ELSE value END)), 0"
		" FROM setting GROUP BY object;"
		"DROP TABLE setting;"
		"CREATE TABLE history ("
		" version INTEGER PRIMARY KEY NOT NULL, time INTEGER NOT NULL, author TEXT NOT NULL, command TEXT NOT NULL, diff TEXT NOT NULL, sealed BLOB"
		") STRICT;"
		"CREATE TABLE audit ("
		" number INTEGER PRIMARY KEY NOT NULL, time INTEGER NOT NULL, author TEXT NOT NULL, address TEXT NOT NULL, command TEXT NOT NULL,"
		" result TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL CHECK (length(hash) = 32)"
		") STRICT;"
		"CREATE TABLE credential ("
		" aor TEXT NOT NULL REFERENCES user (aor) ON DELETE CASCADE, kind TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (aor, kind)"
		") STRICT, WITHOUT ROWID;" },
	/* gone: kind '' is a user. A mark is drawn for each version, so that another history of the store is told from this one. */
	{ "what copies on other servers need",
		"CREATE TABLE gone ("
		" kind TEXT NOT NULL COLLATE NOCASE, identity TEXT NOT NULL COLLATE NOCASE, version INTEGER NOT NULL, PRIMARY KEY (kind, identity)"
		") STRICT, WITHOUT ROWID;"
		"CREATE TABLE file (name TEXT PRIMARY KEY NOT NULL, content BLOB NOT NULL, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
		"CREATE TABLE mark (version INTEGER PRIMARY KEY NOT NULL, mark INTEGER NOT NULL) STRICT;"
		"CREATE TABLE staged ("
		" class TEXT NOT NULL, gone INTEGER NOT NULL, key TEXT NOT NULL COLLATE NOCASE, key2 TEXT NOT NULL COLLATE NOCASE, name TEXT, enabled INTEGER,"
		" md5 BLOB, sha256 BLOB, body TEXT, created INTEGER, changed INTEGER, content BLOB, PRIMARY KEY (class, key, key2)"
		") STRICT, WITHOUT ROWID;"
		"CREATE INDEX user_version ON user (version);"
		"CREATE INDEX object_version ON object (version);"
		"CREATE INDEX gone_version ON gone (version);"
		"INSERT INTO mark (version, mark) SELECT value, random() FROM counter WHERE name = 'version';" },
	/* Not for copies on other servers: it belongs to where the user signs in. */
	{ "what people keep: contacts, containers, publications",
		"CREATE TABLE kept ("
		" aor TEXT NOT NULL REFERENCES user (aor) ON DELETE CASCADE, kind INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
		" PRIMARY KEY (aor, kind, key)"
		") STRICT, WITHOUT ROWID;" },
	/* A ring: the oldest go. Nor for copies. */
	{ "incidents of walls and rules for content",
		"CREATE TABLE incident ("
		" number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, time INTEGER NOT NULL, rule TEXT NOT NULL, action TEXT NOT NULL, modality TEXT NOT NULL,"
		" sender TEXT NOT NULL, receiver TEXT NOT NULL, text TEXT NOT NULL"
		") STRICT;" },
};

const size_t store_n_steps = sizeof store_steps / sizeof *store_steps;
