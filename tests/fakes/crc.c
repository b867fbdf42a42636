// CRC-32C and CRC-64/NVME, eight bytes per step, for the fake store: the Python standard library
// has neither, and a fake that checks at 5 MB/s would be the slowest thing in every test.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t t32[8][256];
static uint64_t t64[8][256];

void crc_init(void) {
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t a = i;
    uint64_t b = i;
    for (int k = 0; k < 8; ++k) {
      a = (a >> 1) ^ ((a & 1) ? 0x82F63B78U : 0);
      b = (b >> 1) ^ ((b & 1) ? 0x9A6C9329AC4BC9B5ULL : 0);
    }
    t32[0][i] = a;
    t64[0][i] = b;
  }
  for (int k = 1; k < 8; ++k)
    for (int i = 0; i < 256; ++i) {
      t32[k][i] = (t32[k - 1][i] >> 8) ^ t32[0][t32[k - 1][i] & 255];
      t64[k][i] = (t64[k - 1][i] >> 8) ^ t64[0][t64[k - 1][i] & 255];
    }
}

uint32_t crc32c(uint32_t crc, const unsigned char* p, size_t n) {
  crc = ~crc;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t w;
    memcpy(&w, p, 8);
    w ^= crc;
    crc = t32[7][w & 255] ^ t32[6][(w >> 8) & 255] ^ t32[5][(w >> 16) & 255] ^
          t32[4][(w >> 24) & 255] ^ t32[3][(w >> 32) & 255] ^ t32[2][(w >> 40) & 255] ^
          t32[1][(w >> 48) & 255] ^ t32[0][w >> 56];
  }
  for (; n; --n) crc = (crc >> 8) ^ t32[0][(crc ^ *p++) & 255];
  return ~crc;
}

uint64_t crc64nvme(uint64_t crc, const unsigned char* p, size_t n) {
  crc = ~crc;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t w;
    memcpy(&w, p, 8);
    w ^= crc;
    crc = t64[7][w & 255] ^ t64[6][(w >> 8) & 255] ^ t64[5][(w >> 16) & 255] ^
          t64[4][(w >> 24) & 255] ^ t64[3][(w >> 32) & 255] ^ t64[2][(w >> 40) & 255] ^
          t64[1][(w >> 48) & 255] ^ t64[0][w >> 56];
  }
  for (; n; --n) crc = (crc >> 8) ^ t64[0][(crc ^ *p++) & 255];
  return ~crc;
}
