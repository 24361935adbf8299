/* SPDX-License-Identifier: MIT */
/*
 * The library's own log, off unless HIP_SCATTER_LOG_LEVEL asks for it: 1 errors, 2 decisions, 3
 * operations, 4 every ioctl. One line per event on stderr, or in the file that HIP_SCATTER_LOG_FILE
 * names: hip_scatter:3 pid=12 tid=12 t=1.000123 register count=4096 bytes=16777216 ... When off a
 * call costs one load and one branch.
 */
#ifndef HS_LOG_H
#define HS_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

enum hs_log_level {
    HS_LOG_ERROR = 1,
    HS_LOG_DECISION = 2,
    HS_LOG_OPERATION = 3,
    HS_LOG_IOCTL = 4,
};

/* Set once, when the library is loaded. */
extern int hs_log_threshold;

__attribute__((format(printf, 2, 3))) void hs_log_write(int level, const char *format, ...);

#define hs_log(level, ...)                                                                         \
    do {                                                                                           \
        if (__builtin_expect(hs_log_threshold >= (level), 0))                                      \
            hs_log_write((level), __VA_ARGS__);                                                    \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
