// Gives one process a wall clock that can be stepped and a disk that cannot be read, by standing
// before libc (LD_PRELOAD): a real step would be everybody's, and CLOCK_REALTIME has no namespace.
//
// The file named by CHAOS_SHIM holds two 64-bit words, little endian, and may change at any time:
//
//     [ nanoseconds to add to CLOCK_REALTIME ][ 1: reads of files in a folder "spool" fail ]

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define NANOS 1000000000LL
// The kernel's clock does not step with ours, so that who waits for a time of day is woken to look
// again; both kinds of wait may wake for nothing.
#define SLICE_NANOS (50 * 1000000LL)

static volatile int64_t *words;

__attribute__((constructor)) static void open_words(void) {
    static int64_t none[2];
    const char *path = getenv("CHAOS_SHIM");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    words = page == MAP_FAILED ? none : page;
    if (file >= 0) close(file);
}

static int64_t nanos(const struct timespec *time) {
    return time->tv_sec * NANOS + time->tv_nsec;
}

static struct timespec timespec_of(int64_t nanos) {
    return (struct timespec){nanos / NANOS, nanos % NANOS};
}

static int is_wall(clockid_t clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int clock_gettime(clockid_t clock, struct timespec *time) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = REAL(clock_gettime);
    int answer = real(clock, time);
    if (answer == 0 && words && is_wall(clock)) *time = timespec_of(nanos(time) + words[0]);
    return answer;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *time, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, time) == 0 ? base : 0;
}

// The kernel's time for a deadline by our clock, or for the next look if that comes first.
static struct timespec slice(const struct timespec *deadline, int *is_last) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t left = nanos(deadline) - nanos(&now);
    *is_last = left <= SLICE_NANOS;
    return timespec_of(nanos(&now) - words[0] + (*is_last ? (left > 0 ? left : 0) : SLICE_NANOS));
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline) {
    static __typeof__(&pthread_cond_timedwait) real;
    if (!real) real = REAL(pthread_cond_timedwait);
    // Small numbers are of the clock that counts from the boot: that one does not step.
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (nanos(deadline) < nanos(&now) / 2) return real(cond, mutex, deadline);
    int is_last;
    struct timespec until = slice(deadline, &is_last);
    int answer = real(cond, mutex, &until);
    return answer == ETIMEDOUT && !is_last ? 0 : answer;
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
                  const struct timespec *restrict deadline) {
    static __typeof__(&cnd_timedwait) real;
    if (!real) real = REAL(cnd_timedwait);
    int is_last;
    struct timespec until = slice(deadline, &is_last);
    int answer = real(cond, mutex, &until);
    return answer == thrd_timedout && !is_last ? thrd_success : answer;
}

ssize_t pread64(int file, void *buffer, size_t bytes, off64_t at) {
    static __typeof__(&pread64) real;
    if (!real) real = REAL(pread64);
    if (words[1]) {
        char link[64], path[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length > 0 ? length : 0] = 0;
        if (strstr(path, "/spool/")) {
            errno = EIO;
            return -1;
        }
    }
    return real(file, buffer, bytes, at);
}
