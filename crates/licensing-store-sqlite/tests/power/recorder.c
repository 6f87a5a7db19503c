/* Loaded before libc into the program under test: records, in their order, what it does to the files of a database
 * named power.db, so that the test can replay it up to any moment and leave out what was not synced.
 *
 * A record: one letter (W write, T truncate, S sync, U unlink), length of the name, name, offset and length as 64-bit
 * little-endian numbers, and for a write its bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <pthread.h>

#define FDS 1024
static char names[FDS][64];
static int record = -1;
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

#define REAL(result, name, ...) ((result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("POWER_LOG");
    if (path) record = REAL(int, open64, const char *, int, ...)(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static void put(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length) {
        ssize_t done = REAL(ssize_t, write, int, const void *, size_t)(record, at, length);
        if (done <= 0) _exit(99);
        at += done;
        length -= (size_t)done;
    }
}

static void tell(char what, const char *name, uint64_t offset, uint64_t length, const void *bytes) {
    unsigned char size = (unsigned char)strlen(name);
    pthread_mutex_lock(&one);
    put(&what, 1);
    put(&size, 1);
    put(name, size);
    put(&offset, 8);
    put(&length, 8);
    if (bytes) put(bytes, length);
    pthread_mutex_unlock(&one);
}

static const char *interesting(const char *path) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    size_t length = strlen(name);
    if (record < 0 || strncmp(name, "power.db", 8) || length >= 64) return 0;
    return length > 4 && !strcmp(name + length - 4, "-shm") ? 0 : name;
}

static const char *known(int fd) {
    return record >= 0 && fd >= 0 && fd < FDS && names[fd][0] ? names[fd] : 0;
}

static int opened(int fd, const char *path) {
    const char *name = interesting(path);
    if (fd >= 0 && fd < FDS) strcpy(names[fd], name ? name : "");
    return fd;
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return opened(REAL(int, open64, const char *, int, ...)(path, flags, mode), path);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return opened(REAL(int, open, const char *, int, ...)(path, flags, mode), path);
}

int close(int fd) {
    if (fd >= 0 && fd < FDS) names[fd][0] = 0;
    return REAL(int, close, int)(fd);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    const char *name = known(fd);
    if (name) tell('W', name, (uint64_t)lseek64(fd, 0, SEEK_CUR), length, bytes);
    return REAL(ssize_t, write, int, const void *, size_t)(fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    const char *name = known(fd);
    if (name) tell('W', name, (uint64_t)offset, length, bytes);
    return REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

int ftruncate64(int fd, off64_t length) {
    const char *name = known(fd);
    if (name) tell('T', name, (uint64_t)length, 0, 0);
    return REAL(int, ftruncate64, int, off64_t)(fd, length);
}

int ftruncate(int fd, off_t length) {
    return ftruncate64(fd, length);
}

/* Told afterwards: what was written before it is durable only then. */
int fsync(int fd) {
    const char *name = known(fd);
    int done = REAL(int, fsync, int)(fd);
    if (name && !done) tell('S', name, 0, 0, 0);
    return done;
}

int fdatasync(int fd) {
    return fsync(fd);
}

int unlink(const char *path) {
    const char *name = interesting(path);
    if (name) tell('U', name, 0, 0, 0);
    return REAL(int, unlink, const char *)(path);
}
