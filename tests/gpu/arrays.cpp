// SPDX-License-Identifier: MIT
// Copies to and from HIP arrays: on a GPU they are kernels of image_store and image_load, so that
// what comes back has gone through the image instructions twice.
#include <catch2/catch.hpp>

#include "hs_test.hpp"

#include <hip/hip_runtime_api.h>

#include <vector>

namespace
{

template <typename T> void round_trip(std::mt19937_64 &random, int channels)
{
    const size_t width = 1 + random() % 200, height = 1 + random() % 60;
    const size_t texel = sizeof(T) * size_t(channels), row = width * texel;
    std::vector<uint8_t> source(row * height), back(row * height);
    for (uint8_t &byte : source)
        byte = uint8_t(random());
    const int bits = int(sizeof(T)) * 8;
    hipChannelFormatDesc format = {bits, channels > 1 ? bits : 0, channels > 2 ? bits : 0,
                                   channels > 2 ? bits : 0, hipChannelFormatKindUnsigned};
    hipArray *array = nullptr;
    CAPTURE(width, height, bits, channels);
    REQUIRE(hipMallocArray(&array, &format, width, height, hipArrayDefault) == hipSuccess);
    REQUIRE(hipMemcpy2DToArray(array, 0, 0, source.data(), row, row, height,
                               hipMemcpyHostToDevice) == hipSuccess);
    REQUIRE(hipMemcpy2DFromArray(back.data(), row, array, 0, 0, row, height,
                                 hipMemcpyDeviceToHost) == hipSuccess);
    CHECK(back == source);

    // A part of it, written anew: the rest stays.
    const size_t x = random() % width, y = random() % height;
    const size_t part_row = (width - x) * texel, part_rows = height - y;
    for (size_t i = 0; i < part_rows; i++)
        for (size_t k = 0; k < part_row; k++)
            source[(y + i) * row + x * texel + k] ^= 0xff;
    REQUIRE(hipMemcpy2DToArray(array, x * texel, y, &source[y * row + x * texel], row, part_row,
                               part_rows, hipMemcpyHostToDevice) == hipSuccess);
    REQUIRE(hipMemcpy2DFromArray(back.data(), row, array, 0, 0, row, height,
                                 hipMemcpyDeviceToHost) == hipSuccess);
    CHECK(back == source);
    CHECK(hipFreeArray(array) == hipSuccess);
}

} // namespace

TEST_CASE("what is copied into an array comes back out of it")
{
    HS_RANDOM(random);
    for (int channels : {1, 2, 4}) {
        round_trip<uint8_t>(random, channels);
        round_trip<uint16_t>(random, channels);
        round_trip<uint32_t>(random, channels);
    }
}
