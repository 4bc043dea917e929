/* What shim.c notes with: the log, which files it concerns, and faults. */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "offsets of 64 bits");

/* As in recording.py, KINDS. OPEN has no effect of its own, and is never noted. */
enum { OPEN, CREATE, WRITE, TRUNCATE, SYNC, MKDIR, RMDIR, UNLINK, RENAME, LINK, CHMOD, MARK, MET, UNSEEN };
/* As in recording.py, FAULTS. */
enum { NONE, FULL, READ_ONLY, SLOW, FSYNC_FAILS, WRITE_FAILS, DIES_BEFORE, DIES_AFTER };

/* Shared by all processes and the test, which writes it under the same lock. As in recording.py, CONTROL. */
struct control {
  int64_t number;       /* of the last operation */
  int64_t order;        /* of the fault, a new number each time */
  int64_t kind;         /* of the fault */
  int64_t at;           /* the first operation that it meets, of those that it concerns; or, to die at, of all */
  int64_t times;        /* how many it meets before it is over; 0: it stays */
  int64_t room;         /* bytes that a full disk still has */
  int64_t copies;       /* whether that disk needs room to overwrite, too, as those that copy on write */
  int64_t milliseconds; /* that a slow disk takes, for each write and fsync */
  int64_t since;        /* the operation's number when the fault was ordered */
  int64_t seen;         /* operations that it concerned since then */
  int64_t met;          /* those that it met */
  char only[128];       /* a pattern of the paths that it concerns; empty: all */
};

struct head {
  uint32_t size, kind;
  int64_t number, inode, offset, extra;
  int32_t process, thread, error, path, target, data;
};

static char folder[PATH_MAX];
static size_t folder_size;
static int log_fd = -1, control_fd = -1;
static struct control *control;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name)                                                        \
  ({                                                                      \
    static __typeof__(&name) found;                                       \
    if (!found) found = (__typeof__(&name))dlsym(RTLD_NEXT, #name);       \
    found;                                                                \
  })

/* The log, one operation at a time */

static void lock_processes(short kind) {
  struct flock whole = {.l_type = kind, .l_whence = SEEK_SET};
  while (fcntl(control_fd, F_SETLKW, &whole) && errno == EINTR) continue;
}

static void lock(void) {
  pthread_mutex_lock(&mutex);
  lock_processes(F_WRLCK);
}

static void unlock(void) {
  int error = errno;
  lock_processes(F_UNLCK);
  pthread_mutex_unlock(&mutex);
  errno = error;
}

static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void after_fork(void) { pthread_mutex_unlock(&mutex); }

struct note {
  int kind, error;
  int64_t inode, offset, extra;
  const char *path, *target;
  const void *data;
  size_t size;
};

static void write_note(struct note one) {
  int error = errno;
  size_t path = one.path ? strlen(one.path) : 0, target = one.target ? strlen(one.target) : 0;
  struct head head = {
      .size = sizeof head + path + target + one.size, .kind = one.kind, .number = control->number, .inode = one.inode,
      .offset = one.offset, .extra = one.extra, .process = getpid(), .thread = gettid(), .error = one.error,
      .path = path, .target = target, .data = one.size};
  struct iovec parts[] = {{&head, sizeof head}, {(void *)one.path, path}, {(void *)one.target, target}, {(void *)one.data, one.size}};
  if (REAL(writev)(log_fd, parts, 4) != (ssize_t)head.size) abort();
  errno = error;
}

static void end_process(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Notes an operation that happened; the caller holds the lock. */
static void note(struct note one) {
  control->number++;
  write_note(one);
  if (control->kind == DIES_AFTER && control->number - control->since == control->at) {
    write_note((struct note){.kind = MET, .extra = control->order, .offset = one.kind, .path = one.path});
    end_process();
  }
}

static void unseen(const char *what, const char *path) {
  lock();
  write_note((struct note){.kind = UNSEEN, .path = path, .target = what});
  unlock();
  fprintf(stderr, "The recorder cannot note %s: %s\n", what, path);
  abort();
}

/* Which file */

static int inside(const char *whole, char *name) {
  if (strncmp(whole, folder, folder_size) || (whole[folder_size] && whole[folder_size] != '/')) return 0;
  whole += folder_size + (whole[folder_size] == '/');
  return snprintf(name, PATH_MAX, "%s", whole) < PATH_MAX;
}

/* Writes a file's path below the folder, if it lies there. The last part may be missing, and is not followed. */
static int named(int base, const char *path, char *name) {
  char whole[2 * PATH_MAX + 2], parent[PATH_MAX], link[40];
  int error = errno, result = 0;
  size_t size = 0;
  if (!folder_size || !path || !*path || strlen(path) >= PATH_MAX) return 0;
  if (*path != '/') {
    if (base == AT_FDCWD) {
      if (getcwd(whole, PATH_MAX)) size = strlen(whole);
    } else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", base);
      ssize_t got = readlink(link, whole, PATH_MAX);
      size = got > 0 ? got : 0;
    }
    whole[size++] = '/';
  }
  strcpy(whole + size, path);
  for (size = strlen(whole); size > 1 && whole[size - 1] == '/'; size--) whole[size - 1] = 0;
  char *last = strrchr(whole, '/') + 1;
  if (!strcmp(last, ".") || !strcmp(last, "..") || !*last) {
    result = realpath(whole, parent) && inside(parent, name);
  } else {
    char kept[NAME_MAX + 1];
    if (strlen(last) <= NAME_MAX) {
      strcpy(kept, last);
      *last = 0;
      if (realpath(whole, parent)) {
        snprintf(whole, sizeof whole, "%s/%s", strcmp(parent, "/") ? parent : "", kept);
        result = inside(whole, name);
      }
    }
  }
  errno = error;
  return result;
}

/* Writes the path of an open file or folder below the folder, if it lies there. */
static int described(int fd, char *name, struct stat *status) {
  char link[40], whole[PATH_MAX];
  int error = errno, result = 0;
  if (folder_size && !fstat(fd, status) && (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode))) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, whole, sizeof whole - 1);
    if (got > 0) {
      whole[got] = 0;
      result = inside(whole, name);
    }
  }
  errno = error;
  return result;
}

static int is_there(int base, const char *path, struct stat *status) {
  int error = errno, result = !fstatat(base, path, status, AT_SYMLINK_NOFOLLOW);
  errno = error;
  return result;
}

/* Whether the folder is there that a path's last part is to lie in. */
static int is_there_above(int base, const char *path) {
  char above[PATH_MAX];
  struct stat status;
  if (snprintf(above, sizeof above, "%s", path) >= PATH_MAX) return 0;
  char *last = strrchr(above, '/');
  if (!last) return 1;
  last[last == above] = 0;
  return is_there(base, above, &status);
}

/* Faults */

static int concerns(int kind, const char *name, int64_t grows) {
  if (*control->only && fnmatch(control->only, name, 0)) return 0;
  switch (control->kind) {
    case FULL:
      return kind == CREATE || kind == MKDIR || kind == LINK || (kind == WRITE && (grows || control->copies));
    case READ_ONLY:
      return 1;
    case SLOW:
      return kind == WRITE || kind == SYNC;
    case FSYNC_FAILS:
      return kind == SYNC;
    case WRITE_FAILS:
      return kind == WRITE;
    default:
      return kind != OPEN;
  }
}

static void wait_if_slow(int kind, const char *name) {
  if (control->kind != SLOW || !concerns(kind, name, 0)) return;
  int64_t left = control->milliseconds;
  struct timespec time = {left / 1000, left % 1000 * 1000000};
  while (nanosleep(&time, &time)) continue;
}

/* Takes the lock and returns 0, or the error with which the operation is refused; then the lock is free.
   `size` is how many bytes are to be written, of which `grows` make the file longer; it may become less. */
static int begin(int kind, const char *name, size_t *size, int64_t grows) {
  wait_if_slow(kind, name);
  lock();
  if (control->kind == NONE || !concerns(kind, name, grows)) return 0;
  if (control->times && control->met >= control->times) return 0;
  int error = 0, met = 1;
  if (control->kind == DIES_BEFORE || control->kind == DIES_AFTER) {
    met = control->kind == DIES_BEFORE && control->number - control->since == control->at - 1;
  } else if (++control->seen < control->at) {
    return 0;
  }
  if (control->kind == FULL) {
    int64_t needed = kind != WRITE ? 0 : control->copies ? (int64_t)*size : grows;
    if (needed && needed <= control->room) {
      control->room -= needed;
      met = 0;
    } else if (needed && control->room && *size > (size_t)(needed - control->room)) {
      *size -= needed - control->room;
      control->room = 0;
    } else if (!needed && control->room) {
      met = 0;
    } else {
      error = ENOSPC;
    }
  }
  if (control->kind == READ_ONLY) error = EROFS;
  if (control->kind == FSYNC_FAILS || control->kind == WRITE_FAILS) error = EIO;
  control->met += met;
  if (met) write_note((struct note){.kind = MET, .extra = control->order, .offset = kind, .path = name, .error = error});
  if (met && control->kind == DIES_BEFORE) end_process();
  /* What a failed fsync leaves behind is a matter of its own. */
  if (error && kind == SYNC) {
    struct stat status = {0};
    char whole[2 * PATH_MAX];
    snprintf(whole, sizeof whole, "%s/%s", folder, name);
    stat(whole, &status);
    note((struct note){.kind = SYNC, .path = name, .inode = status.st_ino, .error = error});
  }
  if (error) unlock();
  return error;
}

#define REFUSED(kind, name)                    \
  do {                                         \
    int error = begin(kind, name, NULL, 0);    \
    if (error) {                               \
      errno = error;                           \
      return -1;                               \
    }                                          \
  } while (0)
