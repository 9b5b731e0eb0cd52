/* Records what a process writes to files, in which order, and what it was told is durable.
 *
 * Loaded with LD_PRELOAD. Below the directory POWERLOSS_ROOT every write, sync and change of a name is appended to the
 * file POWERLOSS_JOURNAL, and so is everything sent over a socket: that is how an acknowledgement is dated. From the
 * journal, powerloss.py makes the disk as it may be after the power failed at any moment of the recording.
 *
 * The order is what makes it true. A write is recorded before it happens: it may reach the disk from then on. A sync, and
 * the end of a write through O_DSYNC or O_SYNC, are recorded after they have returned: only then is anything promised.
 * What is sent is recorded before it is sent: nobody can have heard of it earlier.
 *
 *     record   kind u8 | inode u64 | offset u64 | length u64 | bytes              numbers little-endian
 *
 *     W  bytes written at an offset                T  truncated to an offset
 *     D  the last W of this inode is durable       S  the inode is durable: a file's contents, a directory's names
 *     C  file created, under the name in bytes     M  directory made
 *     R  renamed, "from\0to"                       U  name removed                        A  bytes sent
 *
 * With POWERLOSS_END=n the process is killed where it would record its n-th D: everything is written, and nobody knows
 * yet that it is durable.
 *
 * A process that calls what this file does not model (msync, fallocate and the like) is ended, so that a later change
 * cannot quietly write past the recording. One thread at a time may write.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *root;
static size_t root_length;
static int journal = -1;
static long synced_writes_left = -1;

__attribute__((constructor)) static void open_journal(void) {
    const char *path = getenv("POWERLOSS_JOURNAL");
    root = getenv("POWERLOSS_ROOT");
    if (path == NULL || root == NULL) {
        fprintf(stderr, "powerloss: POWERLOSS_JOURNAL and POWERLOSS_ROOT must be set\n");
        _exit(99);
    }
    root_length = strlen(root);
    const char *end = getenv("POWERLOSS_END");
    if (end != NULL)
        synced_writes_left = atol(end);
    /* A high number, so that nobody's habit of closing low ones hits it. */
    int opened = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    journal = opened < 0 ? -1 : fcntl(opened, F_DUPFD_CLOEXEC, 900);
    if (journal < 0) {
        perror("powerloss: journal");
        _exit(99);
    }
    syscall(SYS_close, opened);
}

static void unmodelled(const char *call) {
    fprintf(stderr, "powerloss: %s is not modelled\n", call);
    _exit(99);
}

static void record(char kind, uint64_t inode, uint64_t offset, const struct iovec *parts, int count, size_t length) {
    if (count > IOV_MAX - 4)
        unmodelled("a write of that many parts");
    struct iovec pieces[count + 4];
    uint64_t numbers[3] = {inode, offset, length};
    pieces[0] = (struct iovec){&kind, 1};
    pieces[1] = (struct iovec){numbers, sizeof numbers};
    memcpy(pieces + 2, parts, count * sizeof *parts);
    size_t total = 1 + sizeof numbers + length;
    /* Cut off only by the end of this process, and then what is recorded here has not happened. */
    if (syscall(SYS_writev, journal, pieces, count + 2) != (long)total) {
        perror("powerloss: journal");
        _exit(99);
    }
}

static void record_bytes(char kind, uint64_t inode, uint64_t offset, const void *bytes, size_t length) {
    struct iovec part = {(void *)bytes, length};
    record(kind, inode, offset, &part, 1, length);
}

/* The inode of a descriptor that leads below the root, or 0. */
static uint64_t inode_of(int descriptor) {
    char link[64], target[PATH_MAX];
    struct stat found;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, target, sizeof target);
    if (length < (ssize_t)root_length || memcmp(target, root, root_length) != 0)
        return 0;
    return fstat(descriptor, &found) == 0 ? found.st_ino : 0;
}

static int is_below_root(const char *path) {
    return strncmp(path, root, root_length) == 0;
}

static size_t sum(const struct iovec *parts, int count) {
    size_t total = 0;
    for (int at = 0; at < count; at++)
        total += parts[at].iov_len;
    return total;
}

/* --- writes ------------------------------------------------------------------------------------------------------ */

static ssize_t write_parts(int descriptor, const struct iovec *parts, int count, off_t offset, int at_offset) {
    uint64_t inode = inode_of(descriptor);
    if (inode) {
        int flags = fcntl(descriptor, F_GETFL);
        if (!at_offset) {
            struct stat found;
            fstat(descriptor, &found);
            offset = flags & O_APPEND ? found.st_size : lseek(descriptor, 0, SEEK_CUR);
        }
        record('W', inode, offset, parts, count, sum(parts, count));
    }
    ssize_t written = at_offset ? syscall(SYS_pwritev, descriptor, parts, (long)count, (long)offset, 0L)
                                : syscall(SYS_writev, descriptor, parts, (long)count);
    if (inode && written != (ssize_t)sum(parts, count))
        unmodelled("a short write");
    if (inode && fcntl(descriptor, F_GETFL) & O_DSYNC) { /* O_SYNC contains it */
        if (--synced_writes_left == 0)
            raise(SIGKILL);
        record_bytes('D', inode, 0, "", 0);
    }
    return written;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    struct iovec part = {(void *)bytes, length};
    return write_parts(descriptor, &part, 1, 0, 0);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    return write_parts(descriptor, parts, count, 0, 0);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    struct iovec part = {(void *)bytes, length};
    return write_parts(descriptor, &part, 1, offset, 1);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    return write_parts(descriptor, parts, count, offset, 1);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off_t offset) {
    return pwrite(descriptor, bytes, length, offset);
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off_t offset) {
    return pwritev(descriptor, parts, count, offset);
}

int ftruncate(int descriptor, off_t length) {
    uint64_t inode = inode_of(descriptor);
    if (inode)
        record_bytes('T', inode, length, "", 0);
    return syscall(SYS_ftruncate, descriptor, length);
}

int ftruncate64(int descriptor, off_t length) {
    return ftruncate(descriptor, length);
}

/* --- syncs ------------------------------------------------------------------------------------------------------- */

static int sync_with(long number, int descriptor) {
    uint64_t inode = inode_of(descriptor);
    int result = syscall(number, descriptor);
    if (inode && result == 0)
        record_bytes('S', inode, 0, "", 0);
    return result;
}

int fsync(int descriptor) {
    return sync_with(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    return sync_with(SYS_fdatasync, descriptor);
}

int msync(void *address, size_t length, int flags) {
    (void)address, (void)length, (void)flags;
    unmodelled("msync");
    return -1;
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    if (inode_of(descriptor))
        unmodelled("fallocate");
    return syscall(SYS_fallocate, descriptor, mode, offset, length);
}

int posix_fallocate(int descriptor, off_t offset, off_t length) {
    return fallocate(descriptor, 0, offset, length) == 0 ? 0 : errno;
}

/* --- names ------------------------------------------------------------------------------------------------------- */

static int open_file(int directory, const char *path, int flags, mode_t mode) {
    int is_new = flags & O_CREAT && is_below_root(path) && syscall(SYS_access, path, F_OK) != 0;
    int opened = syscall(SYS_openat, directory, path, flags, mode);
    if (opened >= 0 && is_new)
        record_bytes('C', inode_of(opened), 0, path, strlen(path));
    else if (opened >= 0 && flags & O_TRUNC && inode_of(opened))
        record_bytes('T', inode_of(opened), 0, "", 0);
    return opened;
}

#define OPEN_MODE(flags)                                                                                               \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

int open(const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_file(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_file(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_file(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_file(directory, path, flags, mode);
}

int mkdir(const char *path, mode_t mode) {
    struct stat made;
    int result = syscall(SYS_mkdir, path, mode);
    if (result == 0 && is_below_root(path) && stat(path, &made) == 0)
        record_bytes('M', made.st_ino, 0, path, strlen(path));
    return result;
}

int rename(const char *from, const char *to) {
    if (is_below_root(from) || is_below_root(to)) {
        struct iovec parts[3] = {{(void *)from, strlen(from)}, {"", 1}, {(void *)to, strlen(to)}};
        record('R', 0, 0, parts, 3, sum(parts, 3));
    }
    return syscall(SYS_rename, from, to);
}

int unlinkat(int directory, const char *path, int flags) {
    char link[64], whole[2 * PATH_MAX];
    int result = syscall(SYS_unlinkat, directory, path, flags);
    if (result != 0)
        return result;
    ssize_t length = 0;
    if (directory != AT_FDCWD && path[0] != '/') {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        length = readlink(link, whole, PATH_MAX - 1);
        if (length < 0)
            return result;
        whole[length++] = '/';
    }
    snprintf(whole + length, PATH_MAX, "%s", path);
    if (is_below_root(whole))
        record_bytes('U', 0, 0, whole, strlen(whole));
    return result;
}

int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path) {
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* --- what others hear of ----------------------------------------------------------------------------------------- */

ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
    ssize_t (*next)(int, const void *, size_t, int) = dlsym(RTLD_NEXT, "send");
    record_bytes('A', 0, 0, bytes, length);
    return next(descriptor, bytes, length, flags);
}
