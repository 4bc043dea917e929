/* Notes what a process does to the files below one folder, in the order in which it happens, and refuses, delays or ends
   it when told to. Loaded by LD_PRELOAD; recorder.py reads the log and writes the orders, build.py compiles it.

   It stands between a library (SQLite, Python's own io) and the C library, so it sees what SQLite writes, too. It keeps
   no table of open files: what a descriptor is, the system says each time. What it cannot note it does not let pass: the
   process ends with SIGABRT, and the log says why (`unseen`). fsync is noted and not done: what a power cut leaves is
   made from the log. */
#include "noting.h"

/* Files: made, written, cut, flushed */

static int open_noted(int base, const char *path, int flags, mode_t mode) {
  char name[PATH_MAX];
  struct stat status;
  int writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
  if (!writes || (flags & O_TMPFILE) == O_TMPFILE || !named(base, path, name)) return REAL(openat)(base, path, flags, mode);
  int there = is_there(base, path, &status);
  if (there ? (flags & O_CREAT && flags & O_EXCL) : !(flags & O_CREAT)) return REAL(openat)(base, path, flags, mode);
  if (there && S_ISLNK(status.st_mode)) unseen("a write through a symbolic link", name);
  int cuts = there && flags & O_TRUNC && status.st_size;
  REFUSED(!there ? CREATE : cuts ? TRUNCATE : OPEN, name);
  int fd = REAL(openat)(base, path, flags, mode);
  if (fd >= 0 && (!there || cuts) && !fstat(fd, &status))
    note((struct note){.kind = there ? TRUNCATE : CREATE, .path = name, .inode = status.st_ino, .extra = status.st_mode & 07777});
  unlock();
  return fd;
}

#define MODE(flags)                                         \
  mode_t mode = 0;                                          \
  if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {     \
    va_list rest;                                           \
    va_start(rest, flags);                                  \
    mode = va_arg(rest, int);                               \
    va_end(rest);                                           \
  }

int open(const char *path, int flags, ...) { MODE(flags) return open_noted(AT_FDCWD, path, flags, mode); }
int openat(int base, const char *path, int flags, ...) { MODE(flags) return open_noted(base, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_noted(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
/* What they are called where the compiler checks arguments. */
int __open_2(const char *path, int flags) { return open_noted(AT_FDCWD, path, flags, 0); }
int __openat_2(int base, const char *path, int flags) { return open_noted(base, path, flags, 0); }

static ssize_t write_noted(int fd, const void *data, size_t size, int64_t at) {
  char name[PATH_MAX];
  struct stat status;
  if (!size || !described(fd, name, &status)) return at < 0 ? REAL(write)(fd, data, size) : REAL(pwrite)(fd, data, size, at);
  int appends = fcntl(fd, F_GETFL) & O_APPEND;
  int64_t start = appends ? status.st_size : at < 0 ? lseek(fd, 0, SEEK_CUR) : at;
  int64_t grows = start + (int64_t)size - status.st_size;
  int error = begin(WRITE, name, &size, grows > 0 ? grows : 0);
  if (error) {
    errno = error;
    return -1;
  }
  if (appends && !fstat(fd, &status)) start = status.st_size; /* another thread may have been first */
  ssize_t done = at < 0 ? REAL(write)(fd, data, size) : REAL(pwrite)(fd, data, size, at);
  if (done > 0 && at < 0) start = lseek(fd, 0, SEEK_CUR) - done;
  if (done > 0) note((struct note){.kind = WRITE, .path = name, .inode = status.st_ino, .offset = start, .data = data, .size = done});
  unlock();
  return done;
}

/* Several parts are one write, and a long one may be done in part. */
static ssize_t write_parts(int fd, const struct iovec *parts, int count, int64_t at) {
  char name[PATH_MAX];
  struct stat status;
  if (!described(fd, name, &status)) return at < 0 ? REAL(writev)(fd, parts, count) : REAL(pwritev)(fd, parts, count, at);
  size_t size = 0;
  for (int i = 0; i < count; i++) size += parts[i].iov_len;
  char *whole = malloc(size + 1), *end = whole;
  if (!whole) abort();
  for (int i = 0; i < count; i++) end = mempcpy(end, parts[i].iov_base, parts[i].iov_len);
  ssize_t done = write_noted(fd, whole, size, at);
  free(whole);
  return done;
}

/* What the system would copy by itself is read and written here. */
static ssize_t copy_noted(int out, off_t *out_at, int in, off_t *in_at, size_t size) {
  static _Thread_local char chunk[1 << 16];
  if (size > sizeof chunk) size = sizeof chunk;
  ssize_t got = in_at ? pread(in, chunk, size, *in_at) : read(in, chunk, size);
  if (got <= 0) return got;
  ssize_t done = write_noted(out, chunk, got, out_at ? *out_at : -1);
  if (done < got && !in_at) lseek(in, (done > 0 ? done : 0) - got, SEEK_CUR);
  if (done > 0 && in_at) *in_at += done;
  if (done > 0 && out_at) *out_at += done;
  return done;
}

ssize_t write(int fd, const void *data, size_t size) { return write_noted(fd, data, size, -1); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return write_noted(fd, data, size, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return write_parts(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return write_parts(fd, parts, count, at); }

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
  char name[PATH_MAX];
  struct stat status;
  if (!described(fd, name, &status)) return REAL(pwritev2)(fd, parts, count, at, flags);
  if (flags) unseen("a write with flags", name);
  return write_parts(fd, parts, count, at);
}

ssize_t sendfile(int out, int in, off_t *at, size_t size) {
  char name[PATH_MAX];
  struct stat status;
  if (!described(out, name, &status)) return REAL(sendfile)(out, in, at, size);
  return copy_noted(out, NULL, in, at, size);
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t size, unsigned flags) {
  char name[PATH_MAX];
  struct stat status;
  if (!described(out, name, &status)) return REAL(copy_file_range)(in, in_at, out, out_at, size, flags);
  return copy_noted(out, out_at, in, in_at, size);
}

static int cut(int fd, const char *path, const char *name, struct stat *status, off_t size) {
  if (size == status->st_size) return 0;
  REFUSED(TRUNCATE, name);
  int done = path ? REAL(truncate)(path, size) : REAL(ftruncate)(fd, size);
  if (!done) note((struct note){.kind = TRUNCATE, .path = name, .inode = status->st_ino, .offset = size});
  unlock();
  return done;
}

int ftruncate(int fd, off_t size) {
  char name[PATH_MAX];
  struct stat status;
  return described(fd, name, &status) ? cut(fd, NULL, name, &status, size) : REAL(ftruncate)(fd, size);
}

int truncate(const char *path, off_t size) {
  char name[PATH_MAX];
  struct stat status;
  if (!named(AT_FDCWD, path, name) || !is_there(AT_FDCWD, path, &status)) return REAL(truncate)(path, size);
  if (S_ISLNK(status.st_mode)) unseen("a write through a symbolic link", name);
  return cut(-1, path, name, &status, size);
}

int posix_fallocate(int fd, off_t at, off_t size) {
  char name[PATH_MAX];
  struct stat status;
  if (!described(fd, name, &status)) return REAL(posix_fallocate)(fd, at, size);
  int64_t grows = at + size - status.st_size;
  if (grows <= 0) return REAL(posix_fallocate)(fd, at, size);
  size_t left = size;
  int error = begin(WRITE, name, &left, grows);
  if (error) return error;
  if (left < (size_t)size) error = ENOSPC;
  if (!error) error = REAL(posix_fallocate)(fd, at, size);
  if (!error) note((struct note){.kind = TRUNCATE, .path = name, .inode = status.st_ino, .offset = at + size});
  unlock();
  return error;
}

static int sync_noted(int fd, int (*real)(int)) {
  char name[PATH_MAX];
  struct stat status;
  if (!described(fd, name, &status)) return real(fd);
  REFUSED(SYNC, name);
  note((struct note){.kind = SYNC, .path = name, .inode = status.st_ino});
  unlock();
  return 0;
}

int fsync(int fd) { return sync_noted(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_noted(fd, REAL(fdatasync)); }

/* Names */

int mkdirat(int base, const char *path, mode_t mode) {
  char name[PATH_MAX];
  struct stat status;
  if (!named(base, path, name) || is_there(base, path, &status)) return REAL(mkdirat)(base, path, mode);
  REFUSED(MKDIR, name);
  int done = REAL(mkdirat)(base, path, mode);
  if (!done && is_there(base, path, &status))
    note((struct note){.kind = MKDIR, .path = name, .inode = status.st_ino, .extra = status.st_mode & 07777});
  unlock();
  return done;
}

int unlinkat(int base, const char *path, int flags) {
  char name[PATH_MAX];
  struct stat status;
  int kind = flags & AT_REMOVEDIR ? RMDIR : UNLINK;
  if (!named(base, path, name) || !is_there(base, path, &status)) return REAL(unlinkat)(base, path, flags);
  REFUSED(kind, name);
  int done = REAL(unlinkat)(base, path, flags);
  if (!done) note((struct note){.kind = kind, .path = name, .inode = status.st_ino});
  unlock();
  return done;
}

int renameat2(int base, const char *path, int new_base, const char *new_path, unsigned flags) {
  char name[PATH_MAX], target[PATH_MAX];
  struct stat status, other;
  int from = named(base, path, name), to = named(new_base, new_path, target);
  if (!(from || to) || !is_there(base, path, &status)) return REAL(renameat2)(base, path, new_base, new_path, flags);
  /* What it would lie in is missing. */
  if (!to && !is_there_above(new_base, new_path)) return REAL(renameat2)(base, path, new_base, new_path, flags);
  if (!from || !to) unseen("a rename into the folder or out of it", from ? name : target);
  if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) unseen("a rename with flags", name);
  /* Two names of one file: the system changes nothing. */
  int same = is_there(new_base, new_path, &other) && other.st_ino == status.st_ino;
  REFUSED(RENAME, name);
  int done = REAL(renameat2)(base, path, new_base, new_path, flags);
  if (!done && !same) note((struct note){.kind = RENAME, .path = name, .target = target, .inode = status.st_ino, .extra = flags});
  unlock();
  return done;
}

int linkat(int base, const char *path, int new_base, const char *new_path, int flags) {
  char name[PATH_MAX], target[PATH_MAX];
  struct stat status;
  int from = named(base, path, name), to = named(new_base, new_path, target);
  if (!to || !is_there(base, path, &status)) return REAL(linkat)(base, path, new_base, new_path, flags);
  if (!from || S_ISLNK(status.st_mode)) unseen("a link to what is not in the folder", target);
  REFUSED(LINK, target);
  int done = REAL(linkat)(base, path, new_base, new_path, flags);
  if (!done) note((struct note){.kind = LINK, .path = name, .target = target, .inode = status.st_ino});
  unlock();
  return done;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int remove(const char *path) {
  struct stat status;
  return unlinkat(AT_FDCWD, path, is_there(AT_FDCWD, path, &status) && S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0);
}
int rename(const char *path, const char *new_path) { return renameat2(AT_FDCWD, path, AT_FDCWD, new_path, 0); }
int renameat(int base, const char *path, int new_base, const char *new_path) { return renameat2(base, path, new_base, new_path, 0); }
int link(const char *path, const char *new_path) { return linkat(AT_FDCWD, path, AT_FDCWD, new_path, 0); }

int fchmod(int fd, mode_t mode) {
  char name[PATH_MAX];
  struct stat status;
  if (!described(fd, name, &status)) return REAL(fchmod)(fd, mode);
  REFUSED(CHMOD, name);
  int done = REAL(fchmod)(fd, mode);
  if (!done) note((struct note){.kind = CHMOD, .path = name, .inode = status.st_ino, .extra = mode});
  unlock();
  return done;
}

int fchmodat(int base, const char *path, mode_t mode, int flags) {
  char name[PATH_MAX];
  struct stat status;
  if (!named(base, path, name) || !is_there(base, path, &status)) return REAL(fchmodat)(base, path, mode, flags);
  REFUSED(CHMOD, name);
  int done = REAL(fchmodat)(base, path, mode, flags);
  if (!done) note((struct note){.kind = CHMOD, .path = name, .inode = status.st_ino, .extra = mode});
  unlock();
  return done;
}

int chmod(const char *path, mode_t mode) { return fchmodat(AT_FDCWD, path, mode, 0); }

/* What cannot be noted, and must not happen below the folder */

#define NOT_BELOW(what, base, path)                               \
  do {                                                            \
    char name[PATH_MAX];                                          \
    if (named(base, path, name)) unseen(what, name);              \
  } while (0)

#define NOT_IN(what, fd)                                          \
  do {                                                            \
    char name[PATH_MAX];                                          \
    struct stat status;                                           \
    if (described(fd, name, &status)) unseen(what, name);         \
  } while (0)

void *mmap(void *start, size_t size, int access, int flags, int fd, off_t at) {
  char name[PATH_MAX];
  struct stat status;
  if (fd >= 0 && access & PROT_WRITE && (flags & MAP_TYPE) != MAP_PRIVATE && described(fd, name, &status)) {
    /* Processes that share a log of SQLite find their way in it by such a file; after a crash it is made anew. */
    if (fnmatch("*-shm", name, 0)) unseen("a file mapped to be written", name);
  }
  return REAL(mmap)(start, size, access, flags, fd, at);
}

FILE *fopen(const char *path, const char *mode) {
  if (strpbrk(mode, "wa+")) NOT_BELOW("a file written by stdio", AT_FDCWD, path);
  return REAL(fopen)(path, mode);
}

FILE *freopen(const char *path, const char *mode, FILE *file) {
  if (strpbrk(mode, "wa+")) NOT_BELOW("a file written by stdio", AT_FDCWD, path);
  return REAL(freopen)(path, mode, file);
}

FILE *fdopen(int fd, const char *mode) {
  if (strpbrk(mode, "wa+")) NOT_IN("a file written by stdio", fd);
  return REAL(fdopen)(fd, mode);
}

int mkstemp(char *path) {
  NOT_BELOW("a temporary file", AT_FDCWD, path);
  return REAL(mkstemp)(path);
}

int mkostemp(char *path, int flags) {
  NOT_BELOW("a temporary file", AT_FDCWD, path);
  return REAL(mkostemp)(path, flags);
}

int symlinkat(const char *target, int base, const char *path) {
  NOT_BELOW("a symbolic link", base, path);
  return REAL(symlinkat)(target, base, path);
}

int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

int fallocate(int fd, int mode, off_t at, off_t size) {
  NOT_IN("fallocate", fd);
  return REAL(fallocate)(fd, mode, at, size);
}

ssize_t splice(int in, off_t *in_at, int out, off_t *out_at, size_t size, unsigned flags) {
  NOT_IN("splice", out);
  return REAL(splice)(in, in_at, out, out_at, size, flags);
}

/* Files that share their blocks: who asks for it can do without. */
int ioctl(int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  char name[PATH_MAX];
  struct stat status;
  if ((request == _IOW(0x94, 9, int) || request == _IOW(0x94, 13, int64_t[4])) && described(fd, name, &status)) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return REAL(ioctl)(fd, request, argument);
}

#ifdef __GLIBC__
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wattribute-alias"
#pragma GCC diagnostic ignored "-Wmissing-attributes"
#define ALSO(as, name) extern __typeof__(name) as __attribute__((alias(#name)))
ALSO(open64, open);
ALSO(openat64, openat);
ALSO(creat64, creat);
ALSO(__open64_2, __open_2);
ALSO(__openat64_2, __openat_2);
ALSO(pwrite64, pwrite);
ALSO(pwritev64, pwritev);
ALSO(pwritev64v2, pwritev2);
ALSO(sendfile64, sendfile);
ALSO(ftruncate64, ftruncate);
ALSO(truncate64, truncate);
ALSO(posix_fallocate64, posix_fallocate);
ALSO(fallocate64, fallocate);
ALSO(mmap64, mmap);
ALSO(fopen64, fopen);
ALSO(freopen64, freopen);
ALSO(mkstemp64, mkstemp);
ALSO(mkostemp64, mkostemp);
#endif

/* For the process itself, by ctypes */

/* Notes a sentence between two operations: what somebody has been told, for instance. */
void lianke_disk_mark(const char *text) {
  if (!folder_size) return;
  lock();
  write_note((struct note){.kind = MARK, .path = text});
  unlock();
}

static int high(int low) {
  int fd = fcntl(low, F_DUPFD_CLOEXEC, 900);
  if (fd < 0) abort();
  close(low);
  return fd;
}

/* Begins to watch a folder; for a process that was forked from one that watched none. */
void lianke_disk_watch(const char *watched, const char *log, const char *orders) {
  static int handles_forks;
  /* Out of the way of programs that count on low numbers. */
  log_fd = high(REAL(open)(log, O_WRONLY | O_APPEND));
  control_fd = high(REAL(open)(orders, O_RDWR));
  control = REAL(mmap)(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, control_fd, 0);
  if (control == MAP_FAILED || !realpath(watched, folder)) abort();
  if (!handles_forks++) pthread_atfork(before_fork, after_fork, after_fork);
  folder_size = strlen(folder);
}

__attribute__((constructor)) static void start(void) {
  const char *watched = getenv("LIANKE_DISK_FOLDER"), *log = getenv("LIANKE_DISK_LOG"), *orders = getenv("LIANKE_DISK_CONTROL");
  if (watched && log && orders) lianke_disk_watch(watched, log, orders);
}
