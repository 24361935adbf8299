/* SPDX-License-Identifier: MIT */
/*
 * What stands at a GPU's program counter, for people: the function, and the source line if the code
 * object has debug information. ROCr keeps a list of loaded code objects for debuggers
 * (_amdgpu_r_debug, in the form of <link.h>); names are URIs as in the AMDGPU code object
 * documentation of LLVM: file://path#offset=N&size=N, or memory://pid#offset=N&size=N. libdw reads
 * the debug information, if it is installed. Memory of the program is read as the kernel would:
 * what is gone or half written is not found, and nothing crashes.
 */
#include <dlfcn.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host.h"

enum { MAX_OBJECTS = 4096, MAX_URI = 4096 };
static const uint64_t max_image = 1ull << 30;

static bool read_program(void *to, const void *from, size_t bytes)
{
    struct iovec local = {to, bytes}, remote = {(void *)(uintptr_t)from, bytes};
    return syscall(SYS_process_vm_readv, getpid(), &local, 1ul, &remote, 1ul, 0ul) == (long)bytes;
}

/* ---- the code object
 * -------------------------------------------------------------------------------- */

struct image {
    char *bytes; /* malloc'ed */
    size_t size;
    uint64_t loaded_at; /* what is added to its addresses */
};

/* Byte by byte up to the end: the string may lie at the end of a mapping. */
static bool read_string(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (!read_program(&to[i], &from[i], 1))
            return false;
        if (!to[i])
            return true;
    }
    return false;
}

/* The loaded object with the highest address that is not above pc. */
static bool find_object(uint64_t pc, uint64_t *loaded_at, char uri[MAX_URI])
{
    /* Not in the program's own scope if a plug-in has loaded ROCr. */
    void *rocr = dlopen("libhsa-runtime64.so.1", RTLD_LAZY | RTLD_NOLOAD);
    const struct r_debug *list = rocr ? dlsym(rocr, "_amdgpu_r_debug") : NULL;
    struct link_map map, found = {.l_name = NULL};
    const struct link_map *next = list ? list->r_map : NULL;
    for (int i = 0; next && i < MAX_OBJECTS && read_program(&map, next, sizeof(map)); i++) {
        if (map.l_addr <= pc && (!found.l_name || map.l_addr > found.l_addr))
            found = map;
        next = map.l_next;
    }
    *loaded_at = found.l_addr;
    return found.l_name && read_string(uri, found.l_name, MAX_URI);
}

/* %41 is A. */
static void decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        char hex[3] = {0};
        if (*from == '%' && from[1] && from[2]) {
            memcpy(hex, from + 1, 2);
            *to++ = (char)strtoul(hex, NULL, 16);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static uint64_t parameter(const char *fragment, const char *name)
{
    const char *at = fragment ? strstr(fragment, name) : NULL;
    return at ? strtoull(at + strlen(name), NULL, 0) : 0;
}

static bool read_file(const char *path, uint64_t offset, struct image *image)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (!image->size) { /* no part is named: all of it */
        long end = syscall(SYS_lseek, fd, 0, SEEK_END);
        image->size = end > 0 ? (size_t)end : 0;
    }
    image->bytes = image->size && image->size <= max_image ? malloc(image->size) : NULL;
    bool ok =
        image->bytes && pread(fd, image->bytes, image->size, (off_t)offset) == (ssize_t)image->size;
    syscall(SYS_close, fd);
    return ok;
}

static bool load_image(char *uri, struct image *image)
{
    char *fragment = strchr(uri, '#');
    if (fragment)
        *fragment++ = '\0';
    uint64_t offset = parameter(fragment, "offset=");
    image->size = parameter(fragment, "size=");
    if (!strncmp(uri, "file://", 7)) {
        decode(uri + 7);
        return read_file(uri + 7, offset, image);
    }
    if (strncmp(uri, "memory://", 9) != 0 || !image->size || image->size > max_image)
        return false;
    image->bytes = malloc(image->size);
    return image->bytes && read_program(image->bytes, (const void *)(uintptr_t)offset, image->size);
}

/* ---- what stands there
 * ------------------------------------------------------------------------------ */

/* The function around an address of the image, mangled; NULL: none. */
static const char *function_at(const struct image *image, uint64_t address)
{
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)(const void *)image->bytes;
    if (image->size < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
        elf->e_shoff > image->size ||
        (image->size - elf->e_shoff) / sizeof(Elf64_Shdr) < elf->e_shnum)
        return NULL;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(const void *)(image->bytes + elf->e_shoff);
    for (unsigned s = 0; s < elf->e_shnum; s++) {
        const Elf64_Shdr *table = &sections[s];
        if ((table->sh_type != SHT_SYMTAB && table->sh_type != SHT_DYNSYM) ||
            table->sh_link >= elf->e_shnum || table->sh_offset > image->size ||
            table->sh_size > image->size - table->sh_offset)
            continue;
        const Elf64_Shdr *names = &sections[table->sh_link];
        const Elf64_Sym *symbols =
            (const Elf64_Sym *)(const void *)(image->bytes + table->sh_offset);
        for (size_t i = 0; i < table->sh_size / sizeof(*symbols); i++) {
            uint64_t name = names->sh_offset + symbols[i].st_name;
            if (ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC && symbols[i].st_value <= address &&
                address - symbols[i].st_value < symbols[i].st_size && name < image->size &&
                memchr(image->bytes + name, 0, image->size - name))
                return image->bytes + name;
        }
    }
    return NULL;
}

/* libdw and libelf, loaded at the first need: most processes never fault. */
struct dw {
    unsigned (*elf_version)(unsigned);
    Elf *(*elf_memory)(char *, size_t);
    int (*elf_end)(Elf *);
    Dwarf *(*dwarf_begin_elf)(Elf *, Dwarf_Cmd, Elf_Scn *);
    int (*dwarf_end)(Dwarf *);
    int (*dwarf_nextcu)(Dwarf *, Dwarf_Off, Dwarf_Off *, size_t *, Dwarf_Off *, uint8_t *,
                        uint8_t *);
    Dwarf_Die *(*dwarf_offdie)(Dwarf *, Dwarf_Off, Dwarf_Die *);
    Dwarf_Line *(*dwarf_getsrc_die)(Dwarf_Die *, Dwarf_Addr);
    const char *(*dwarf_linesrc)(Dwarf_Line *, Dwarf_Word *, Dwarf_Word *);
    int (*dwarf_lineno)(Dwarf_Line *, int *);
};

static bool load_libdw(struct dw *dw)
{
    void *library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
    bool ok = library != NULL;
#define FIND(name)                                                                                 \
    do {                                                                                           \
        void *function = ok ? dlsym(library, #name) : NULL;                                        \
        memcpy(&dw->name, &function, sizeof(function));                                            \
        ok = function != NULL;                                                                     \
    } while (0)
    FIND(elf_version);
    FIND(elf_memory);
    FIND(elf_end);
    FIND(dwarf_begin_elf);
    FIND(dwarf_end);
    FIND(dwarf_nextcu);
    FIND(dwarf_offdie);
    FIND(dwarf_getsrc_die);
    FIND(dwarf_linesrc);
    FIND(dwarf_lineno);
#undef FIND
    return ok;
}

/* Appends ", file:line". */
static void add_line(const struct image *image, uint64_t address, char *text, size_t bytes)
{
    struct dw dw;
    if (!load_libdw(&dw) || !dw.elf_version(EV_CURRENT))
        return;
    Elf *elf = dw.elf_memory(image->bytes, image->size);
    Dwarf *dwarf = elf ? dw.dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
    Dwarf_Off offset = 0, next;
    size_t header;
    while (dwarf && !dw.dwarf_nextcu(dwarf, offset, &next, &header, NULL, NULL, NULL)) {
        Dwarf_Die die;
        Dwarf_Line *line = dw.dwarf_offdie(dwarf, offset + header, &die)
                               ? dw.dwarf_getsrc_die(&die, address)
                               : NULL;
        const char *file = line ? dw.dwarf_linesrc(line, NULL, NULL) : NULL;
        int number = 0;
        if (file && !dw.dwarf_lineno(line, &number) && number > 0) {
            size_t used = strlen(text);
            snprintf(text + used, bytes - used, ", %s:%d", file, number);
            break;
        }
        offset = next;
    }
    if (dwarf)
        dw.dwarf_end(dwarf);
    if (elf)
        dw.elf_end(elf);
}

static void add_function(const char *mangled, char *text, size_t bytes)
{
    char *(*demangle)(const char *, char *, size_t *, int *); /* a HIP program has libstdc++ */
    void *function = dlsym(RTLD_DEFAULT, "__cxa_demangle");
    memcpy(&demangle, &function, sizeof(function));
    char *readable = demangle ? demangle(mangled, NULL, NULL, NULL) : NULL;
    snprintf(text, bytes, "%s", readable ? readable : mangled);
    free(readable);
}

void sgh_describe_pc(uint64_t pc, char *text, size_t bytes)
{
    char uri[MAX_URI];
    struct image image = {.bytes = NULL};
    text[0] = '\0';
    if (!find_object(pc, &image.loaded_at, uri))
        return;
    if (load_image(uri, &image)) {
        uint64_t address = pc - image.loaded_at;
        const char *function = function_at(&image, address);
        if (function) {
            add_function(function, text, bytes);
            add_line(&image, address, text, bytes);
        }
    }
    free(image.bytes);
}
