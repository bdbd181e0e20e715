// A driver's virtqueue of an I2C device, and the transfer w1+r1 on it, timed: what the front ends of this folder share.
#ifndef DRIVER_RING_H
#define DRIVER_RING_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHIP = 0x48, RING_SIZE = 64, RING_MEMORY = 65536 };
enum { DESC_AT = 4096, AVAIL_AT = 8192, USED_AT = 12288, BUFFERS_AT = 16384 };
enum { DESC_NEXT = 1, DESC_WRITE = 2, I2C_FAIL_NEXT = 1, I2C_M_RD = 2 };

struct ring {
  uint8_t *memory;
  // what the device calls the first byte of the memory
  uint64_t address;
  // interrupts are asked for with an event index
  int has_event;
  uint16_t offered;
};

struct ring_desc { uint64_t address; uint32_t length; uint16_t flags, next; };
// 5.16.6 of virtio
struct i2c_header { uint16_t address, padding; uint32_t flags; };
struct i2c_buffers { struct i2c_header write, read; uint8_t number, value, write_status, read_status; };

static inline void fail(const char *what) {
  perror(what);
  exit(1);
}

static inline void describe(struct ring *ring, unsigned index, const void *at, uint32_t length, uint16_t flags) {
  struct ring_desc *desc = (struct ring_desc *)(ring->memory + DESC_AT) + index;
  *desc = (struct ring_desc){ring->address + ((const uint8_t *)at - ring->memory), length, flags, index + 1};
}

// As Linux's i2c-virtio: a message is a chain, both are one notification, and one interrupt ends both.
static inline void transfer(struct ring *ring, void (*notify)(void), void (*wait)(void)) {
  struct i2c_buffers *buffers = (void *)(ring->memory + BUFFERS_AT);
  uint16_t *avail = (void *)(ring->memory + AVAIL_AT), *used = (void *)(ring->memory + USED_AT);
  buffers->write = (struct i2c_header){CHIP << 1, 0, I2C_FAIL_NEXT};
  buffers->read = (struct i2c_header){CHIP << 1, 0, I2C_M_RD};
  buffers->number = 0x20;
  buffers->write_status = buffers->read_status = 0xff;
  describe(ring, 0, &buffers->write, 8, DESC_NEXT);
  describe(ring, 1, &buffers->number, 1, DESC_NEXT);
  describe(ring, 2, &buffers->write_status, 1, DESC_WRITE);
  describe(ring, 3, &buffers->read, 8, DESC_NEXT);
  describe(ring, 4, &buffers->value, 1, DESC_NEXT | DESC_WRITE);
  describe(ring, 5, &buffers->read_status, 1, DESC_WRITE);
  avail[2 + ring->offered++ % RING_SIZE] = 0;
  avail[2 + ring->offered++ % RING_SIZE] = 3;
  if (ring->has_event) avail[2 + RING_SIZE] = ring->offered - 1;
  __atomic_store_n(&avail[1], ring->offered, __ATOMIC_SEQ_CST);
  notify();
  while (__atomic_load_n(&used[1], __ATOMIC_ACQUIRE) != ring->offered) wait();
  if (buffers->write_status || buffers->read_status) {
    fprintf(stderr, "status %u, %u\n", buffers->write_status, buffers->read_status);
    exit(1);
  }
}

static inline double now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static inline int compare_times(const void *one, const void *other) {
  double difference = *(const double *)one - *(const double *)other;
  return difference < 0 ? -1 : difference > 0;
}

// For each number on stdin: so many transfers, and a line as i2c-loop has it, 50th and 99th percentile and minimum in us.
static inline void measure(struct ring *ring, void (*notify)(void), void (*wait)(void)) {
  int count;
  while (scanf("%d", &count) == 1 && count > 0) {
    double *times = calloc(count, sizeof(*times));
    if (!times) fail("memory");
    for (int at = 0; at < count; at++) {
      double before = now_us();
      transfer(ring, notify, wait);
      times[at] = now_us() - before;
    }
    qsort(times, count, sizeof(*times), compare_times);
    printf("w1+r1 %.1f %.1f %.1f\n", times[count / 2], times[count * 99 / 100], times[0]);
    fflush(stdout);
    free(times);
  }
}

#endif
