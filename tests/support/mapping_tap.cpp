// SPDX-License-Identifier: MIT
// See mapping_tap.hpp. Owns the program's mmap(), mmap64(), munmap() and mremap(): nothing else in
// a test program may define them.
#include "mapping_tap.hpp"

#include <cstdarg>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <sys/types.h>

namespace
{

// Its nodes come from the sanitizer's allocator, which does not call mmap(). Never destroyed: the
// process maps and unmaps until its very end.
class Record
{
  public:
    void add(void *start, size_t bytes)
    {
        const std::lock_guard guard(lock_);
        const auto [begin, end] = pages(start, bytes);
        cut(begin, end);
        if (begin < end)
            ranges_[begin] = end;
    }
    void forget(void *start, size_t bytes)
    {
        const std::lock_guard guard(lock_);
        const auto [begin, end] = pages(start, bytes);
        cut(begin, end);
    }
    std::vector<hs_test::AddressRange> list()
    {
        const std::lock_guard guard(lock_);
        std::vector<hs_test::AddressRange> joined;
        for (const auto &[begin, end] : ranges_) {
            if (!joined.empty() && joined.back().second == begin)
                joined.back().second = end;
            else
                joined.emplace_back(begin, end);
        }
        return joined;
    }

  private:
    static hs_test::AddressRange pages(void *start, size_t bytes)
    {
        const uint64_t begin = reinterpret_cast<uintptr_t>(start);
        return {begin, begin + ((bytes + 4095) & ~size_t(4095))};
    }
    void cut(uint64_t begin, uint64_t end)
    {
        auto at = ranges_.upper_bound(begin);
        if (at != ranges_.begin() && std::prev(at)->second > begin)
            --at;
        while (at != ranges_.end() && at->first < end) {
            const auto [old_begin, old_end] = *at;
            at = ranges_.erase(at);
            if (old_begin < begin)
                ranges_[old_begin] = begin;
            if (old_end > end)
                ranges_[end] = old_end;
        }
    }

    std::mutex lock_;
    std::map<uint64_t, uint64_t> ranges_; // first byte to end; apart from one another
};

Record &record()
{
    static auto *const one = new Record;
    return *one;
}

template <typename F> F *next(F *, const char *name)
{
    return reinterpret_cast<F *>(dlsym(RTLD_NEXT, name));
}

} // namespace

// What is being unmapped is forgotten before, because another thread may get its addresses at once.
extern "C" {

__attribute__((visibility("default"))) void *mmap(void *address, size_t bytes, int prot, int flags,
                                                  int fd, off_t offset) noexcept
{
    static auto *const real = next(&mmap, "mmap");
    void *got = real(address, bytes, prot, flags, fd, offset);
    if (got != MAP_FAILED)
        record().add(got, bytes);
    return got;
}

__attribute__((visibility("default"))) void *mmap64(void *address, size_t bytes, int prot,
                                                    int flags, int fd, off64_t offset) noexcept
{
    return mmap(address, bytes, prot, flags, fd, offset);
}

__attribute__((visibility("default"))) int munmap(void *address, size_t bytes) noexcept
{
    static auto *const real = next(&munmap, "munmap");
    record().forget(address, bytes);
    const int status = real(address, bytes);
    if (status != 0)
        record().add(address, bytes);
    return status;
}

__attribute__((visibility("default"))) void *mremap(void *old, size_t old_bytes, size_t bytes,
                                                    int flags, ...) noexcept
{
    static auto *const real = next(&mremap, "mremap");
    va_list arguments;
    va_start(arguments, flags);
    void *wanted = (flags & MREMAP_FIXED) != 0 ? va_arg(arguments, void *) : nullptr;
    va_end(arguments);
    record().forget(old, old_bytes);
    void *got = real(old, old_bytes, bytes, flags, wanted);
    if (got != MAP_FAILED)
        record().add(got, bytes);
    else
        record().add(old, old_bytes);
    return got;
}

} // extern "C"

namespace hs_test
{

std::vector<AddressRange> mapped_by_the_program()
{
    return record().list();
}

} // namespace hs_test
