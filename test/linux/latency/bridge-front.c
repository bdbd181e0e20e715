// Plays the kernel of /dev/virtio-msg-bridge and a driver before a device model, as small as they can be: takes its
// topology, gives it a window, finds its I2C device, lays the queue, and times transfers on it, as many as stdin says
// (driver-ring.h). Of a kernel nothing is in that.
//
//   bridge-front ENTRY_SIZE TX_OFFSET RX_OFFSET
//
// Descriptors 3 to 6 are what the model gave with ATTACH, its rings' file and the eventfds kick and call, and a file of
// RING_MEMORY bytes, which it maps at offset 0. The epoch is 1.
#define _GNU_SOURCE
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../host/linux-module/bridge-uapi.h"
#include "driver-ring.h"

enum { RING_FD = 3, KICK = 4, CALL = 5, WINDOW_FD = 6, ANSWER_MS = 5000 };
enum { ADDRESS = 0x100000, I2C = 34, HEADER = 8, RESPONSE = 1, BUS = 2 };
enum { GET_DEVICE_INFO = 2, SET_DRIVER_FEATURES = 4, SET_DEVICE_STATUS = 8, SET_VQUEUE = 10, EVENT_AVAIL = 0x41 };

struct frame {
  uint8_t type, id;
  uint16_t device, token, size;
  uint32_t payload[64];
};

static struct vmsgb_ring_header *tx, *rx;
static uint32_t entry_size;
static uint16_t device;

static void *slot(struct vmsgb_ring_header *header, uint32_t cursor) {
  return (uint8_t *)(header + 1) + (size_t)(cursor % VMSGB_RING_ENTRIES) * entry_size;
}

// Puts a frame into the model's rx ring, and calls.
static void say(uint8_t type, uint8_t id, uint16_t number, const void *payload, size_t size) {
  struct frame frame = {type, id, number, id & 0x40 ? 0 : 1, HEADER + size, {0}};
  if (size) memcpy(frame.payload, payload, size);
  memcpy(slot(rx, rx->prod), &frame, HEADER + size);
  __atomic_store_n(&rx->prod, rx->prod + 1, __ATOMIC_RELEASE);
  if (write(CALL, &(uint64_t){1}, 8) != 8) fail("call");
}

// Takes the next frame of the model's; whether there was one.
static int take(struct frame *frame) {
  if (__atomic_load_n(&tx->prod, __ATOMIC_ACQUIRE) == tx->cons) return 0;
  memcpy(frame, slot(tx, tx->cons), sizeof(*frame));
  __atomic_store_n(&tx->cons, tx->cons + 1, __ATOMIC_RELEASE);
  return 1;
}

static void wait_kick(void) {
  struct pollfd asked = {KICK, POLLIN, 0};
  uint64_t count;
  if (poll(&asked, 1, ANSWER_MS) != 1) fail("the model does not kick");
  if (read(KICK, &count, 8) != 8) fail("kick");
}

// Waits for the frame with this type and id.
static struct frame await(uint8_t type, uint8_t id) {
  struct frame frame;
  for (;;) {
    while (take(&frame))
      if (frame.type == type && frame.id == id) return frame;
    wait_kick();
  }
}

static struct frame ask(uint8_t id, uint16_t number, const void *payload, size_t size) {
  say(0, id, number, payload, size);
  return await(RESPONSE, id);
}

static void set_status(uint32_t status) { ask(SET_DEVICE_STATUS, device, &status, sizeof(status)); }

static void start(void) {
  uint16_t numbers[16], count = 0;
  for (struct frame frame = {0}; frame.id != VMSGB_TOPOLOGY_COMMIT; ) {
    while (!take(&frame)) wait_kick();
    if (frame.id == VMSGB_TOPOLOGY_DEV_ADD && count < 16) numbers[count++] = frame.payload[2];
  }
  struct vmsgb_map_add add = {
      .epoch = 1, .seq = 1, .id = 1, .address = ADDRESS, .length = RING_MEMORY, .mmap_length = RING_MEMORY, .flags = 1};
  say(BUS, VMSGB_MAP_ADD, 0, &add, sizeof(add));
  if ((int32_t)await(BUS | RESPONSE, VMSGB_MAP_ADD).payload[6]) fail("the model does not map the window");
  for (int at = 0; at < count; at++)
    if (ask(GET_DEVICE_INFO, numbers[at], NULL, 0).payload[0] == I2C) device = numbers[at];
  set_status(0);
  set_status(3);
  ask(SET_DRIVER_FEATURES, device, (uint32_t[]){0, 2, 1, 1}, 16);
  set_status(11);
  uint32_t queue[10] = {0, 1, RING_SIZE, 0, ADDRESS + DESC_AT, 0, ADDRESS + AVAIL_AT, 0, ADDRESS + USED_AT, 0};
  ask(SET_VQUEUE, device, queue, sizeof(queue));
  set_status(15);
}

static void notify(void) { say(0, EVENT_AVAIL, device, (uint32_t[]){0, 0}, 8); }

static void wait_used(void) {
  struct frame frame;
  wait_kick();
  while (take(&frame)) continue;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  entry_size = atoi(argv[1]);
  off_t end = lseek(RING_FD, 0, SEEK_END);
  uint8_t *rings = mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_SHARED, RING_FD, 0);
  struct ring ring = {.address = ADDRESS};
  ring.memory = mmap(NULL, RING_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, WINDOW_FD, 0);
  if (rings == MAP_FAILED || ring.memory == MAP_FAILED) fail("memory");
  tx = (void *)(rings + atol(argv[2]));
  rx = (void *)(rings + atol(argv[3]));
  start();
  measure(&ring, notify, wait_used);
  return 0;
}
