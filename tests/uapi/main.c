// SPDX-License-Identifier: MIT
/*
 * The assertions proper are static (uapi_layout.c); this program proves that every variant was
 * compiled and agrees on the request number.
 */
#include <stdio.h>

#include "uapi_layout.h"

int main(void)
{
    static const struct {
        const char *name;
        unsigned long (*request)(void);
    } variants[] = {
        {"C, alone", uapi_c_alone},
        {"C, linux/kfd_ioctl.h first", uapi_c_before},
        {"C, linux/kfd_ioctl.h last", uapi_c_after},
        {"C++, alone", uapi_cxx_alone},
        {"C++, linux/kfd_ioctl.h first", uapi_cxx_before},
        {"C++, linux/kfd_ioctl.h last", uapi_cxx_after},
    };
    int failures = 0;

    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        unsigned long request = variants[i].request();

        if (request != 0xC0304B28UL) {
            printf("%s: request number %#lx, expected 0xc0304b28\n", variants[i].name, request);
            failures++;
        }
    }
    return failures ? 1 : 0;
}
