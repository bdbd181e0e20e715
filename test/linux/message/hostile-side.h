// A device side that breaks every rule, whatever carries its frames: what hostile-device.c and the bridge's hostile-model.c
// share. Requests get answers of the right form, most of them sound, so that drivers come up and there is something to
// break; between them come frames that are spoilt, events that nobody caused, and cursors and descriptors anywhere in
// the window.
#ifndef HOSTILE_SIDE_H
#define HOSTILE_SIDE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUES = 4, DEVICES = 4 };

static uint32_t types[DEVICES] = {34, 41, 4, 3};
static uint8_t *window;
// in bytes; a power of two, and addresses are offsets in it from there on
static uint32_t windowSize;
static uint32_t state;
static struct {
  uint32_t status;
  struct {
    uint32_t size;
    uint32_t flags;
    uint8_t addresses[24];
    uint16_t used;
  } queues[QUEUES];
} devices[DEVICES];

// Whoever includes this carries the frame to the kernel, or not.
static void deliver(uint8_t *frame, size_t size);

static uint32_t any(uint32_t below) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return below ? state % below : state;
}

static uint32_t word(const uint8_t *at) { return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24; }
static void put(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = value >> (8 * i);
}

static void say(uint8_t type, uint8_t id, uint16_t device, uint16_t token, const uint8_t *payload, size_t size) {
  uint8_t frame[600] = {type, id, device, device >> 8, token, token >> 8, (8 + size), (8 + size) >> 8};
  memcpy(frame + 8, payload, size);
  size += 8;
  if (any(16) == 0)
    // of a configuration, what Linux's drivers allocate by is left as it was made
    for (unsigned n = any(4) + 1; n > 0; n--) frame[any(frame[1] == 0x05 && size > 20 ? 20 : size)] = any(256);
  if (any(64) == 0) size = any(size + 1);
  deliver(frame, size);
}

// Completes what is available, or what is not.
static void serve(unsigned device, unsigned queue) {
  uint32_t size = devices[device].queues[queue].size;
  uint32_t avail = word(devices[device].queues[queue].addresses + 8) % windowSize;
  uint32_t used = word(devices[device].queues[queue].addresses + 16) % windowSize;
  uint8_t payload[4];

  // of 1024 descriptors at most, which is more than the kernel takes in a small window
  if (!size || avail > windowSize - 16384 || used > windowSize - 16384) return;
  uint16_t idx = window[avail + 2] | window[avail + 3] << 8;
  for (unsigned n = 0; n < 64 && devices[device].queues[queue].used != idx; n++) {
    uint16_t at = devices[device].queues[queue].used++ % size;
    uint8_t *element = window + used + 4 + 8 * at;
    put(element, any(20) ? (uint32_t)(window[avail + 4 + 2 * at] | window[avail + 5 + 2 * at] << 8) : any(0));
    put(element + 4, any(4) ? any(16) : any(0));
  }
  uint16_t shown = any(40) ? devices[device].queues[queue].used : any(65536);
  window[used + 2] = shown;
  window[used + 3] = shown >> 8;
  put(payload, any(30) ? queue : any(0));
  say(0, 0x42, device, 0, payload, 4);
}

static void answer(const uint8_t *frame, size_t size) {
  uint8_t payload[560] = {0}, id = frame[1];
  uint16_t device = frame[2] | frame[3] << 8, token = frame[4] | frame[5] << 8;
  unsigned at = device % DEVICES, index = size >= 12 ? word(frame + 8) % QUEUES : 0;
  size_t length = 0;

  if (any(200) == 0) return;
  if (frame[0] & 2) {
    memcpy(payload, frame + 8, size >= 12 ? 2 : 0);
    payload[4] = 4;
    payload[6] = 0xf;
    say(3, id, 0, token, payload, 7);
    return;
  }
  switch (id) {
    case 0x02:
      put(payload, types[at]);
      put(payload + 24, 2);
      put(payload + 28, any(8) ? 64 : any(0));
      put(payload + 32, any(8) ? QUEUES : any(0));
      length = 44;
      break;
    case 0x03:
      memcpy(payload, frame + 8, 8);
      put(payload + 8, any(4) ? 1 : any(0));
      put(payload + 12, any(8) ? 1 : any(0));
      length = 16;
      break;
    case 0x05:
      put(payload, any(8) ? 1 : any(0));
      memcpy(payload + 4, frame + 8, 8);
      length = 12 + word(frame + 12) % 512;
      // Linux's own drivers for GPIO and the console allocate as much as bytes 0, 1 and 4 to 7 say, and warn above 4 MiB
      for (size_t i = 12; i < length; i++) {
        uint32_t at = word(frame + 8) + i - 12;
        payload[i] = any(4) || at == 1 || (at & ~1u) == 6 ? 0 : any(256);
      }
      break;
    case 0x07:
    case 0x08:
      if (id == 8) devices[at].status = word(frame + 8);
      if (id == 8 && !devices[at].status) memset(&devices[at], 0, sizeof(devices[at]));
      put(payload, any(60) ? devices[at].status : any(0));
      length = 4;
      break;
    case 0x09:
      put(payload, word(frame + 8));
      put(payload + 4, any(12) ? 64 : any(0));
      put(payload + 8, devices[at].queues[index].size);
      put(payload + 12, devices[at].queues[index].flags);
      memcpy(payload + 16, devices[at].queues[index].addresses, 24);
      length = 40;
      break;
    case 0x0a:
      devices[at].queues[index].size = word(frame + 16);
      devices[at].queues[index].flags = 1;
      devices[at].queues[index].used = 0;
      memcpy(devices[at].queues[index].addresses, frame + 24, 24);
      break;
    case 0x41:
      serve(at, index);
      return;
  }
  say(1, id, device, token, payload, length);
}

enum { DISTURBANCES = 6 };

// Something that no driver asked for: `what` is below DISTURBANCES.
static void disturb_drivers(unsigned what) {
  uint8_t bytes[64];

  for (unsigned i = 0; i < sizeof(bytes); i++) bytes[i] = any(256);
  switch (what) {
    case 0:
      say(any(2), any(256), any(6), any(65536), bytes, any(60));
      break;
    case 1:
      put(bytes, any(QUEUES + 1));
      say(0, 0x42, any(DEVICES), 0, bytes, 4);
      break;
    case 2:
      put(bytes, any(64) ? 15 : 0x4f);
      put(bytes + 4, any(4));
      put(bytes + 8, any(70));
      put(bytes + 12, any(70));
      say(0, 0x40, any(DEVICES), 0, bytes, 16 + any(8));
      break;
    case 3:
      serve(any(DEVICES), any(QUEUES));
      break;
    default:
      for (unsigned n = any(8); n > 0; n--) window[16 + any(windowSize - 16)] = any(256);
  }
}

#endif
