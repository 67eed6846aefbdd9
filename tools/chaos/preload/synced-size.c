/*
 * For LD_PRELOAD into redis-server (Linux): after every fsync or fdatasync of its incremental AOF, the size that is now
 * safe on disk goes to the file named by SYNCED_SIZE_FILE, as "size path". A power loss is then: SIGKILL, and truncate
 * the AOF to that size.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The line keeps its length for one path, so it can be written over the last one. */
static void note(int fd, long long size) {
  const char *file = getenv("SYNCED_SIZE_FILE");
  char link[64], path[512], line[600];
  if (file == NULL) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  if (strstr(path, "incr.aof") == NULL) return;
  int bytes = snprintf(line, sizeof line, "%020lld %s\n", size, path);
  int out = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (out < 0) return;
  if (pwrite(out, line, bytes, 0) == bytes && ftruncate(out, bytes) != 0) { /* the next line mends it */
  }
  close(out);
}

static int synced(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  struct stat before;
  /* Before the call: what is written during it may or may not be safe. */
  long long size = fstat(fd, &before) == 0 ? (long long)before.st_size : -1;
  int result = real(fd);
  if (result == 0 && size >= 0) note(fd, size);
  return result;
}

int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }
