/* SPDX-License-Identifier: MIT */
/*
 * hip-scatter for C++20: owners that clean up behind themselves, spans in and out, errors as values
 * or as exceptions. Header only, over hip_scatter.h; nothing in here throws through the C library.
 *
 * Everything that can fail exists twice: try_... returns a result, the other form throws
 * hip_scatter::error.
 */
#ifndef HIP_SCATTER_HIP_SCATTER_HPP
#define HIP_SCATTER_HIP_SCATTER_HPP

#include <hip_scatter/hip_scatter.h>

#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hip_scatter
{

/** What went wrong: HIP's error code and the library's text, which names step and range. */
struct failure {
    hipError_t code = hipErrorUnknown;
    std::string message;
};

/** A failure as an exception. what() is the library's text after the name of the function. */
class __attribute__((visibility("default"))) error : public std::runtime_error
{
  public:
    explicit error(const failure &f) : std::runtime_error(f.message), code_(f.code) {}
    /** HIP's error code. */
    [[nodiscard]] hipError_t code() const noexcept
    {
        return code_;
    }

  private:
    hipError_t code_;
};

/**
 * A value or a failure, with the names of std::expected (C++23). value() of a failure throws
 * hip_scatter::error; error() of a value is undefined.
 */
template <typename T> class [[nodiscard]] result
{
  public:
    result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    result(failure f) : state_(std::in_place_index<1>, std::move(f)) {}
    [[nodiscard]] bool has_value() const noexcept
    {
        return state_.index() == 0;
    }
    explicit operator bool() const noexcept
    {
        return has_value();
    }
    [[nodiscard]] T &value() &
    {
        throw_if_failed();
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] const T &value() const &
    {
        throw_if_failed();
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] T value() &&
    {
        throw_if_failed();
        return std::move(*std::get_if<0>(&state_));
    }
    [[nodiscard]] T &operator*() &
    {
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] T *operator->()
    {
        return std::get_if<0>(&state_);
    }
    [[nodiscard]] const failure &error() const noexcept
    {
        return *std::get_if<1>(&state_);
    }

  private:
    void throw_if_failed() const
    {
        if (!has_value())
            throw hip_scatter::error(error());
    }
    std::variant<T, failure> state_;
};

/** Success or a failure. */
template <> class [[nodiscard]] result<void>
{
  public:
    result() = default;
    result(failure f) : failure_(std::move(f)), failed_(true) {}
    [[nodiscard]] bool has_value() const noexcept
    {
        return !failed_;
    }
    explicit operator bool() const noexcept
    {
        return !failed_;
    }
    void value() const
    {
        if (failed_)
            throw hip_scatter::error(failure_);
    }
    [[nodiscard]] const failure &error() const noexcept
    {
        return failure_;
    }

  private:
    failure failure_;
    bool failed_ = false;
};

namespace detail
{

/* The failure of the C call that the calling thread has just made. */
inline failure last_failure(hipError_t code, const char *function)
{
    const char *text = hipScatterGetLastErrorMessage();

    return {code, std::string(function) + ": " + text};
}

inline result<void> check(hipError_t code, const char *function)
{
    if (code == hipSuccess)
        return {};
    return last_failure(code, function);
}

template <typename R>
concept contiguous_memory = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
    !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>>;

} // namespace detail

/** The hipScatterRange of a piece of writable host memory: a span, vector, array, ... */
template <detail::contiguous_memory R> [[nodiscard]] hipScatterRange range_of(R &&memory)
{
    return {static_cast<void *>(std::ranges::data(memory)),
            std::ranges::size(memory) * sizeof(std::ranges::range_value_t<R>)};
}

/** The hipScatterRanges of a list of pieces of memory, in its order. */
template <std::ranges::input_range L>
requires detail::contiguous_memory<std::ranges::range_reference_t<L>>
[[nodiscard]] std::vector<hipScatterRange> ranges_of(L &&list)
{
    std::vector<hipScatterRange> ranges;

    for (auto &&memory : list)
        ranges.push_back(range_of(memory));
    return ranges;
}

/** How to register. Unset members mean: the library's choice, the current device. */
struct options {
    unsigned int flags = hipScatterRegisterDefault; /**< hipScatterRegister... */
    std::span<const int> devices = {};              /**< HIP ordinals; the first owns the buffer */
};

class pool;

/**
 * A device-contiguous block of a pool; gives itself back. The pool must outlive it. Move only.
 * Giving back does not wait for the device: see hipScatterPoolFree().
 */
class block
{
  public:
    block() = default;
    block(block &&other) noexcept
        : pool_(other.pool_), data_(std::exchange(other.data_, nullptr)), size_(other.size_)
    {
    }
    block &operator=(block &&other) noexcept
    {
        if (this != &other) {
            reset();
            pool_ = other.pool_;
            data_ = std::exchange(other.data_, nullptr);
            size_ = other.size_;
        }
        return *this;
    }
    ~block()
    {
        reset();
    }

    /** Device address of the first byte; null for an empty block. */
    [[nodiscard]] void *data() const noexcept
    {
        return data_;
    }
    /** Bytes as asked for. */
    [[nodiscard]] std::size_t size() const noexcept
    {
        return data_ ? size_ : 0;
    }
    explicit operator bool() const noexcept
    {
        return data_ != nullptr;
    }
    /** The block as so many whole T, for kernels; the host cannot follow it. */
    template <typename T = std::byte> [[nodiscard]] std::span<T> device_span() const noexcept
    {
        return {static_cast<T *>(data_), size() / sizeof(T)};
    }
    /** The host memory behind the block, in device order: what preadv() needs. */
    [[nodiscard]] result<std::vector<hipScatterRange>> try_host_ranges() const
    {
        std::size_t count = 0;
        hipError_t code = hipScatterPoolGetBlockRanges(pool_, data_, nullptr, &count);
        std::vector<hipScatterRange> ranges(code == hipSuccess ? count : 0);

        if (code == hipSuccess)
            code = hipScatterPoolGetBlockRanges(pool_, data_, ranges.data(), &count);
        if (code != hipSuccess)
            return detail::last_failure(code, "hipScatterPoolGetBlockRanges");
        return ranges;
    }
    /** @copydoc try_host_ranges */
    [[nodiscard]] std::vector<hipScatterRange> host_ranges() const
    {
        return try_host_ranges().value();
    }
    /** Gives the block back now. */
    void reset() noexcept
    {
        if (data_)
            (void)hipScatterPoolFree(pool_, std::exchange(data_, nullptr));
    }
    /** Lets go of the block without giving it back: it lives until the pool is destroyed. */
    [[nodiscard]] void *release() noexcept
    {
        return std::exchange(data_, nullptr);
    }

  private:
    friend class pool;
    block(hipScatterPool_t owner, void *data, std::size_t size) noexcept
        : pool_(owner), data_(data), size_(size)
    {
    }
    hipScatterPool_t pool_ = nullptr;
    void *data_ = nullptr;
    std::size_t size_ = 0;
};

/**
 * Scattered host memory that devices see as one contiguous range; hipScatterPoolCreate() to
 * hipScatterPoolDestroy(). Move only. The destructor waits for the pool's devices, and what it
 * cannot do it cannot say: destroy() can.
 */
class pool
{
  public:
    pool() = default;
    /** @throws error */
    explicit pool(std::span<const hipScatterRange> ranges, const options &how = {})
        : pool(create(ranges, how).value())
    {
    }
    pool(pool &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), data_(other.data_), size_(other.size_)
    {
    }
    pool &operator=(pool &&other) noexcept
    {
        if (this != &other) {
            (void)try_destroy();
            handle_ = std::exchange(other.handle_, nullptr);
            data_ = other.data_;
            size_ = other.size_;
        }
        return *this;
    }
    ~pool()
    {
        if (handle_)
            (void)hipScatterPoolDestroy(handle_);
    }

    /** A pool over ranges, or why there is none. */
    [[nodiscard]] static result<pool> create(std::span<const hipScatterRange> ranges,
                                             const options &how = {})
    {
        hipScatterPoolProps props{};
        pool made;

        props.structSize = sizeof(props);
        props.ranges = ranges.data();
        props.count = ranges.size();
        props.flags = how.flags;
        props.deviceCount = static_cast<int>(how.devices.size());
        props.devices = how.devices.data();
        hipError_t code = hipScatterPoolCreate(&made.handle_, &props);
        if (code != hipSuccess)
            return detail::last_failure(code, "hipScatterPoolCreate");
        result<hipScatterPoolInfo> about = made.try_info();
        if (!about)
            return about.error();
        made.data_ = about->devPtr;
        made.size_ = about->size;
        return made;
    }

    /** Device address of the first byte; null for an empty object. */
    [[nodiscard]] void *data() const noexcept
    {
        return handle_ ? data_ : nullptr;
    }
    /** Bytes. */
    [[nodiscard]] std::size_t size() const noexcept
    {
        return handle_ ? size_ : 0;
    }
    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }
    /** The C handle, still owned by this object. */
    [[nodiscard]] hipScatterPool_t handle() const noexcept
    {
        return handle_;
    }
    /** The window as so many whole T, for kernels. The host cannot follow it: what the CPU sees of
     * an alias window is at hipScatterPoolInfo::hostWindow. */
    template <typename T = std::byte> [[nodiscard]] std::span<T> device_span() const noexcept
    {
        return {static_cast<T *>(data()), size() / sizeof(T)};
    }

    /** hipScatterPoolGetInfo(): backing in use and why, counts, cost. */
    [[nodiscard]] result<hipScatterPoolInfo> try_info() const
    {
        hipScatterPoolInfo info{};

        info.structSize = sizeof(info);
        hipError_t code = hipScatterPoolGetInfo(handle_, &info);
        if (code != hipSuccess)
            return detail::last_failure(code, "hipScatterPoolGetInfo");
        return info;
    }
    /** @copydoc try_info */
    [[nodiscard]] hipScatterPoolInfo info() const
    {
        return try_info().value();
    }

    /** hipScatterPoolGetUsage(): how full and how fragmented. */
    [[nodiscard]] result<hipScatterPoolUsage> try_usage() const
    {
        hipScatterPoolUsage usage{};

        usage.structSize = sizeof(usage);
        hipError_t code = hipScatterPoolGetUsage(handle_, &usage);
        if (code != hipSuccess)
            return detail::last_failure(code, "hipScatterPoolGetUsage");
        return usage;
    }
    /** @copydoc try_usage */
    [[nodiscard]] hipScatterPoolUsage usage() const
    {
        return try_usage().value();
    }

    /** HIP ordinals of the devices that have access, the owner first. */
    [[nodiscard]] result<std::vector<int>> try_devices() const
    {
        int count = 0;
        hipError_t code = hipScatterPoolGetDevices(handle_, nullptr, &count);
        std::vector<int> devices(static_cast<std::size_t>(count));

        if (code == hipSuccess)
            code = hipScatterPoolGetDevices(handle_, devices.data(), &count);
        if (code != hipSuccess)
            return detail::last_failure(code, "hipScatterPoolGetDevices");
        devices.resize(static_cast<std::size_t>(count));
        return devices;
    }
    /** @copydoc try_devices */
    [[nodiscard]] std::vector<int> devices() const
    {
        return try_devices().value();
    }
    /** hipScatterPoolGrantAccess() */
    result<void> try_grant_access(std::span<const int> devices)
    {
        return detail::check(
            hipScatterPoolGrantAccess(handle_, devices.data(), static_cast<int>(devices.size())),
            "hipScatterPoolGrantAccess");
    }
    /** @copydoc try_grant_access */
    void grant_access(std::span<const int> devices)
    {
        try_grant_access(devices).value();
    }
    /** hipScatterPoolRevokeAccess() */
    result<void> try_revoke_access(std::span<const int> devices)
    {
        return detail::check(
            hipScatterPoolRevokeAccess(handle_, devices.data(), static_cast<int>(devices.size())),
            "hipScatterPoolRevokeAccess");
    }
    /** @copydoc try_revoke_access */
    void revoke_access(std::span<const int> devices)
    {
        try_revoke_access(devices).value();
    }

    /** A block of so many bytes; alignment as of hipScatterPoolMalloc(). */
    [[nodiscard]] result<block> try_allocate(std::size_t bytes, std::size_t alignment = 0)
    {
        void *data = nullptr;
        hipError_t code = hipScatterPoolMalloc(handle_, &data, bytes, alignment);

        if (code != hipSuccess)
            return detail::last_failure(code, "hipScatterPoolMalloc");
        return block(handle_, data, bytes);
    }
    /** @copydoc try_allocate */
    [[nodiscard]] block allocate(std::size_t bytes, std::size_t alignment = 0)
    {
        return try_allocate(bytes, alignment).value();
    }

    /** The device address of a host byte that the pool was made from. */
    [[nodiscard]] result<void *> try_device_pointer(const void *host) const
    {
        void *device = nullptr;
        hipError_t code = hipScatterPoolGetDevicePointer(handle_, &device, host);

        if (code != hipSuccess)
            return detail::last_failure(code, "hipScatterPoolGetDevicePointer");
        return device;
    }
    /** The device address of a host object that the pool was made from. */
    template <typename T> [[nodiscard]] T *device_pointer(T *host) const
    {
        return static_cast<T *>(const_cast<std::remove_cv_t<T> *>(
            static_cast<const T *>(try_device_pointer(host).value())));
    }

    /** The host memory behind [offset, offset + bytes) of the pool, in device order. */
    [[nodiscard]] result<std::vector<hipScatterRange>> try_host_ranges(std::size_t offset,
                                                                       std::size_t bytes) const
    {
        const char *start = static_cast<const char *>(data()) + offset;
        std::size_t count = 0, covered = 0;
        hipError_t code = hipScatterGetHostRanges(start, bytes, nullptr, 0, &count, &covered);
        std::vector<hipScatterRange> ranges(code == hipSuccess ? count : 0);

        if (code == hipSuccess && count)
            code = hipScatterGetHostRanges(start, bytes, ranges.data(), ranges.size(), &count,
                                           &covered);
        if (code != hipSuccess)
            return detail::last_failure(code, "hipScatterGetHostRanges");
        return ranges;
    }
    /** @copydoc try_host_ranges */
    [[nodiscard]] std::vector<hipScatterRange> host_ranges(std::size_t offset,
                                                           std::size_t bytes) const
    {
        return try_host_ranges(offset, bytes).value();
    }

    /** Destroys the pool. After a failure the object still owns it. */
    result<void> try_destroy()
    {
        if (!handle_)
            return {};
        hipError_t code = hipScatterPoolDestroy(handle_);
        if (code != hipSuccess)
            return detail::last_failure(code, "hipScatterPoolDestroy");
        handle_ = nullptr;
        return {};
    }
    /** @copydoc try_destroy */
    void destroy()
    {
        try_destroy().value();
    }
    /** Hands the pool over to the caller, who destroys it. */
    [[nodiscard]] hipScatterPool_t release() noexcept
    {
        return std::exchange(handle_, nullptr);
    }

  private:
    hipScatterPool_t handle_ = nullptr;
    void *data_ = nullptr;
    std::size_t size_ = 0;
};

/**
 * A window over scattered host memory, without more: hipHostRegisterScatter() to
 * hipHostUnregisterScatter(). Move only.
 */
class registration
{
  public:
    registration() = default;
    /** @throws error */
    explicit registration(std::span<const hipScatterRange> ranges,
                          unsigned int flags = hipScatterRegisterDefault)
        : registration(create(ranges, flags).value())
    {
    }
    registration(registration &&other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(other.size_)
    {
    }
    registration &operator=(registration &&other) noexcept
    {
        if (this != &other) {
            (void)try_unregister();
            data_ = std::exchange(other.data_, nullptr);
            size_ = other.size_;
        }
        return *this;
    }
    ~registration()
    {
        if (data_)
            (void)hipHostUnregisterScatter(data_);
    }

    /** A window over ranges, or why there is none. */
    [[nodiscard]] static result<registration> create(std::span<const hipScatterRange> ranges,
                                                     unsigned int flags = hipScatterRegisterDefault)
    {
        registration made;
        hipError_t code = hipHostRegisterScatter(&made.data_, ranges.data(), ranges.size(), flags);

        if (code != hipSuccess) {
            made.data_ = nullptr;
            return detail::last_failure(code, "hipHostRegisterScatter");
        }
        for (const hipScatterRange &range : ranges)
            made.size_ += range.size;
        return made;
    }

    /** Device address of the first byte; null for an empty object. */
    [[nodiscard]] void *data() const noexcept
    {
        return data_;
    }
    /** Bytes: the sum of all ranges. */
    [[nodiscard]] std::size_t size() const noexcept
    {
        return data_ ? size_ : 0;
    }
    explicit operator bool() const noexcept
    {
        return data_ != nullptr;
    }
    /** The window as so many whole T, for kernels. The host cannot follow it: what the CPU sees of
     * an alias window is at hipScatterPoolInfo::hostWindow. */
    template <typename T = std::byte> [[nodiscard]] std::span<T> device_span() const noexcept
    {
        return {static_cast<T *>(data_), size() / sizeof(T)};
    }
    /** Unregisters. After a failure the object still owns the window. */
    result<void> try_unregister()
    {
        if (!data_)
            return {};
        hipError_t code = hipHostUnregisterScatter(data_);
        if (code != hipSuccess)
            return detail::last_failure(code, "hipHostUnregisterScatter");
        data_ = nullptr;
        return {};
    }
    /** @copydoc try_unregister */
    void unregister()
    {
        try_unregister().value();
    }
    /** Hands the window over to the caller, who unregisters it. */
    [[nodiscard]] void *release() noexcept
    {
        return std::exchange(data_, nullptr);
    }

  private:
    void *data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace hip_scatter

#endif
