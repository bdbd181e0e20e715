/* A virtio device in plain C on the plain profile of virtio-msg (docs/conform-your-own.md): virtio-rng, one queue.
 * Try it:  gcc -O2 -o plain-device plain-device.c && ./plain-device /tmp/rng.sock /tmp/rng.window &
 *          virtio-msg --port plain:unix:/tmp/rng.sock conform
 * It takes one connection after another; each begins with the device reset. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WINDOW = 65536, MAX_MSG = 264, QUEUE_MAX = 256, DEV_NUM = 5, ID_RNG = 4, VERSION_1 = 1 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 0x40, FAILED = 0x80 };

static uint8_t *window; /* the memory that both sides see; an address is an offset in it */
static int peer;
static uint32_t status, features[2], bad_features;
static struct { uint32_t size, enabled; uint64_t desc, driver, device; uint16_t seen; } queue;

/* The wire and the rings are little-endian, whatever the machine is. */
static uint16_t get16(const uint8_t *p) { return p[0] | p[1] << 8; }
static uint32_t get32(const uint8_t *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }
static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }
static void put16(uint8_t *p, uint16_t v) { p[0] = v; p[1] = v >> 8; }
static void put32(uint8_t *p, uint32_t v) { put16(p, v); put16(p + 2, v >> 16); }
static void put64(uint8_t *p, uint64_t v) { put32(p, v); put32(p + 4, v >> 32); }

static int all(int fd, uint8_t *at, size_t left, int is_write) {
  while (left > 0) {
    ssize_t n = is_write ? write(fd, at, left) : read(fd, at, left);
    if (n <= 0) return 0;
    at += n, left -= n;
  }
  return 1;
}

static void send_record(const void *bytes, size_t length) {
  uint8_t record[2 + MAX_MSG];
  put16(record, length);
  memcpy(record + 2, bytes, length);
  all(peer, record, 2 + length, 1);
}

/* Sends header and payload; a response copies the token of its request. */
static void send_message(uint8_t type, uint8_t id, uint16_t dev_num, const uint8_t *token, uint8_t *frame, size_t payload) {
  frame[0] = type, frame[1] = id;
  put16(frame + 2, dev_num);
  memcpy(frame + 4, token ? token : (const uint8_t *)"\0\0", 2);
  put16(frame + 6, 8 + payload);
  send_record(frame, 8 + payload);
}

static void reset_device(void) {
  status = bad_features = features[0] = features[1] = 0;
  memset(&queue, 0, sizeof queue);
}

static int in_window(uint64_t address, uint64_t length) { return address <= WINDOW && length <= WINDOW - address; }

static void need_reset(void) {
  uint8_t frame[24] = {0};
  status |= NEEDS_RESET;
  put32(frame + 8, status);
  send_message(0, 0x40, DEV_NUM, NULL, frame, 16); /* EVENT_CONFIG about the status alone */
}

/* Fills every buffer that is available with random bytes. The driver's memory is not believed. */
static void serve(void) {
  uint16_t used = get16(window + queue.device + 2), first = used;
  if ((status & (DRIVER_OK | NEEDS_RESET)) != DRIVER_OK || !queue.enabled) return;
  while (queue.seen != get16(window + queue.driver + 2)) {
    uint32_t head, at, written = 0, count = 0;
    if ((uint16_t)(get16(window + queue.driver + 2) - queue.seen) > queue.size) return need_reset();
    head = at = get16(window + queue.driver + 4 + 2 * (queue.seen % queue.size));
    for (;;) {
      uint8_t *d = window + queue.desc + 16 * (uint64_t)at;
      if (at >= queue.size || ++count > queue.size || !in_window(get64(d), get32(d + 8))) return need_reset();
      if (get16(d + 12) & 2) written += getrandom(window + get64(d), get32(d + 8), 0);
      if (!(get16(d + 12) & 1)) break;
      at = get16(d + 14);
    }
    put32(window + queue.device + 4 + 8 * (used % queue.size), head);
    put32(window + queue.device + 8 + 8 * (used % queue.size), written);
    queue.seen++, used++;
  }
  __sync_synchronize(); /* the elements before the index */
  put16(window + queue.device + 2, used);
  if (used != first && !(get16(window + queue.driver) & 1)) {
    uint8_t frame[12] = {0};
    send_message(0, 0x42, DEV_NUM, NULL, frame, 4); /* EVENT_USED, queue 0 */
  }
}

static void set_vqueue(const uint8_t *p) {
  uint32_t flags = get32(p + 4), size = flags & 4 ? queue.size : get32(p + 8);
  uint64_t desc = flags & 8 ? queue.desc : get64(p + 16), driver = flags & 16 ? queue.driver : get64(p + 24);
  uint64_t device = flags & 32 ? queue.device : get64(p + 32);
  int enable = (flags & 3) == 1, must = enable ? 0x3c : ~flags & 0x3c; /* the fields that have to be sound */
  int good_size = size > 0 && size <= QUEUE_MAX && !(size & (size - 1));
  uint32_t n = good_size ? size : 1;
  if (get32(p) != 0 || get32(p + 12) || flags >> 6 || (flags & 3) == 3 || queue.enabled) return;
  if ((must & 4) && !good_size) return;
  if ((must & 8) && (desc % 16 || !in_window(desc, 16 * n))) return;
  if ((must & 16) && (driver % 2 || !in_window(driver, 6 + 2 * n))) return;
  if ((must & 32) && (device % 4 || !in_window(device, 6 + 8 * n))) return;
  queue.size = size, queue.desc = desc, queue.driver = driver, queue.device = device, queue.enabled = enable;
}

static void set_status(uint32_t asked) {
  if (asked == 0) { reset_device(); return; }
  status |= asked & (ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED);
  if (bad_features || features[0] != 0 || features[1] != VERSION_1) status &= ~FEATURES_OK;
  if (!(status & FEATURES_OK)) status &= ~DRIVER_OK;
}

/* Answers one frame of `length` bytes; what is malformed or unknown gets no answer at all. */
static void take(uint8_t *in, size_t length) {
  uint8_t out[MAX_MSG] = {0}, *p = in + 8, *r = out + 8;
  size_t size = length < 8 ? 0 : get16(in + 6), payload = size - 8, answer = 0, i;
  uint8_t type = in[0] & 3;
  if (size < 8 || size > length || (type & 1)) return;
  if (type == 2 && in[1] == 0x03 && payload >= 4) memcpy(r, p, answer = 4); /* PING */
  else if (type == 2 && in[1] == 0x02 && payload >= 4) {                    /* GET_DEVICES */
    uint32_t offset = get16(p), count = get16(p + 2), most = (MAX_MSG - 14) * 8;
    if (count > most) count = most;
    if (offset + count > 65536) count = 65536 - offset;
    put16(r, offset), put16(r + 4, count);
    if (DEV_NUM >= offset && DEV_NUM < offset + count) r[6 + (DEV_NUM - offset) / 8] = 1 << (DEV_NUM - offset) % 8;
    else if (count > 0 && DEV_NUM >= offset + count) put16(r + 2, DEV_NUM);
    answer = 6 + (count + 7) / 8;
  }
  if (type == 2) {
    if (answer) send_message(3, in[1], 0, in + 4, out, answer);
    return;
  }
  if (get16(in + 2) != DEV_NUM) return;
  switch (in[1]) {
  case 0x02: put32(r, ID_RNG), put32(r + 24, 2), put32(r + 32, 1), answer = 44; break; /* GET_DEVICE_INFO */
  case 0x03:                                                                         /* GET_DEVICE_FEATURES */
    if (payload < 8 || get32(p + 4) > (MAX_MSG - 16) / 4) return;
    memcpy(r, p, 8);
    for (i = 0; i < get32(p + 4); i++) put32(r + 8 + 4 * i, get32(p) + i == 1 ? VERSION_1 : 0);
    answer = 8 + 4 * get32(p + 4);
    break;
  case 0x04: /* SET_DRIVER_FEATURES */
    if (payload < 8 || get32(p + 4) > (payload - 8) / 4) return;
    for (i = 0; i < get32(p + 4) && !(status & FEATURES_OK); i++) {
      uint32_t block = get32(p) + i, bits = get32(p + 8 + 4 * i);
      if (block < 2) features[block] = bits;
      else if (bits) bad_features = 1;
    }
    break;
  case 0x05: /* GET_CONFIG: there is none */
    if (payload < 8 || get32(p) || get32(p + 4)) return;
    answer = 12;
    break;
  case 0x06: /* SET_CONFIG: nothing is applied */
    if (payload < 12 || get32(p + 8) > payload - 12) return;
    put32(r + 4, get32(p + 4)), answer = 12;
    break;
  case 0x07: put32(r, status), answer = 4; break;
  case 0x08:
    if (payload < 4) return;
    set_status(get32(p)), put32(r, status), answer = 4;
    break;
  case 0x09: /* GET_VQUEUE */
    if (payload < 4) return;
    memcpy(r, p, 4);
    if (get32(p) == 0) {
      put32(r + 4, QUEUE_MAX), put32(r + 8, queue.size), put32(r + 12, queue.enabled);
      put64(r + 16, queue.desc), put64(r + 24, queue.driver), put64(r + 32, queue.device);
    }
    answer = 40;
    break;
  case 0x0a:
    if (payload < 40) return;
    set_vqueue(p);
    break;
  case 0x0b: /* RESET_VQUEUE: RING_RESET is not offered */
    if (payload < 4) return;
    break;
  case 0x0c:
    if (payload < 4) return;
    memcpy(r, p, 4), answer = 24; /* GET_SHM: no such region */
    break;
  case 0x41: serve(); return; /* EVENT_AVAIL */
  default: return;
  }
  send_message(1, in[1], DEV_NUM, in + 4, out, answer);
}

int main(int argc, char **argv) {
  struct sockaddr_un where = {.sun_family = AF_UNIX};
  static uint8_t frame[65536];
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), file;
  if (argc != 3) return fprintf(stderr, "usage: plain-device SOCKET WINDOW\n"), 2;
  snprintf(where.sun_path, sizeof where.sun_path, "%s", argv[1]);
  unlink(argv[1]);
  file = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || ftruncate(file, WINDOW) || bind(listener, (void *)&where, sizeof where) || listen(listener, 1))
    return perror("plain-device"), 1;
  window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (window == MAP_FAILED) return perror("mmap"), 1;
  printf("plain:unix:%s\n", argv[1]), fflush(stdout); /* what to give to --port */
  while ((peer = accept(listener, NULL, NULL)) >= 0) {
    char hello[512];
    uint8_t length[2];
    reset_device();
    snprintf(hello, sizeof hello, "virtio-msg-plain 1 revision=1 max_msg_size=%d features=0 window=%d file=%s", MAX_MSG, WINDOW, argv[2]);
    send_record(hello, strlen(hello));
    while (all(peer, length, 2, 0) && all(peer, frame, get16(length), 0)) take(frame, get16(length));
    close(peer);
  }
  return 0;
}
