/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over its corpus without a fuzzer: what was found once stays found in every build. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes lie in memory of exactly their size, so that AddressSanitizer sees a step too far. */
static int replay(const char *dir, const char *name)
{
	char path[512];
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0)
		return -1;
	long size = ftell(f);
	uint8_t *bytes = size >= 0 ? malloc(size != 0 ? (size_t)size : 1) : NULL;
	rewind(f);
	size_t n = bytes != NULL ? fread(bytes, 1, (size_t)size, f) : 0;
	(void)fclose(f);
	if (bytes == NULL || n != (size_t)size)
		return -1;
	(void)fprintf(stderr, "%s\n", path); /* the last line names what broke it */
	(void)LLVMFuzzerTestOneInput(bytes, n);
	free(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned n = 0;
	DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
	if (d == NULL)
		return 2;
	for (struct dirent *e; (e = readdir(d)) != NULL; n++)
		if (e->d_name[0] != '.' && replay(argv[1], e->d_name) != 0)
			return 1;
	(void)closedir(d);
	return n > 2 ? 0 : 1; /* . and .. are no corpus */
}
