/* A virtio device in plain C on the plain profile of virtio-msg (docs/conform-your-own.md): virtio-rng, one queue.
 * Try it:  gcc -O2 -o plain-device plain-device.c && ./plain-device /tmp/rng.sock /tmp/rng.window &
 *          virtio-msg --port plain:unix:/tmp/rng.sock conform */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WINDOW = 65536, MAX_MSG = 264, QUEUE_MAX = 256, DEV_NUM = 5, ID_RNG = 4, VERSION_1 = 1 };
enum { DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 0x40, SETTABLE = 0x8f };

static int peer;
static uint8_t *window;                           /* what both sides see; an address is an offset in it */
static uint8_t out[1024], *const r = out + 2 + 8; /* a record is a length and a frame; its payload is built at r */
/* All that a reset clears. features[2]: what was selected in blocks that do not exist. */
static struct { uint32_t status, features[3], size, enabled; uint64_t desc, driver, device; uint16_t seen; } dev;

/* The wire and the rings are little-endian, whatever the machine is. */
static uint16_t get16(const uint8_t *p) { return p[0] | p[1] << 8; }
static uint32_t get32(const uint8_t *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }
static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }
static void put16(uint8_t *p, uint16_t v) { p[0] = v; p[1] = v >> 8; }
static void put32(uint8_t *p, uint32_t v) { put16(p, v); put16(p + 2, v >> 16); }
static void put64(uint8_t *p, uint64_t v) { put32(p, v); put32(p + 4, v >> 32); }
static int is_sound(uint64_t at, uint64_t length, int align) { return at % align == 0 && at <= WINDOW && length <= WINDOW - at; }
static void send_record(int length) { put16(out, length), send(peer, out, 2 + length, MSG_NOSIGNAL); }

static void send_message(uint8_t type, uint8_t id, uint16_t dev_num, uint16_t token, uint16_t payload) {
  out[2] = type, out[3] = id, put16(out + 4, dev_num), put16(out + 6, token), put16(out + 8, 8 + payload);
  send_record(8 + payload);
}

static void need_reset(void) {
  put32(r, dev.status |= NEEDS_RESET);
  send_message(0, 0x40, DEV_NUM, 0, 16); /* EVENT_CONFIG about the status alone */
}

/* Fills every available buffer with random bytes. What the driver wrote is not believed: bad rings need a reset. */
static void serve(void) {
  uint8_t *avail = window + dev.driver, *used = window + dev.device, *d;
  uint16_t idx = get16(used + 2), first = idx;
  if ((dev.status & (DRIVER_OK | NEEDS_RESET)) != DRIVER_OK || !dev.enabled) return;
  for (; dev.seen != get16(avail + 2); dev.seen++, idx++) {
    uint32_t head = get16(avail + 4 + 2 * (dev.seen % dev.size)), at = head, written = 0, count = 0;
    if ((uint16_t)(get16(avail + 2) - dev.seen) > dev.size) return need_reset();
    do {
      d = window + dev.desc + 16 * at;
      if (at >= dev.size || ++count > dev.size || !is_sound(get64(d), get32(d + 8), 1)) return need_reset();
      if (get16(d + 12) & 2) written += getrandom(window + get64(d), get32(d + 8), 0);
      at = get16(d + 14);
    } while (get16(d + 12) & 1);
    put32(used + 4 + 8 * (idx % dev.size), head), put32(used + 8 + 8 * (idx % dev.size), written);
  }
  __sync_synchronize(); /* the elements before the index */
  put16(used + 2, idx);
  if (idx != first && !(get16(avail) & 1)) send_message(0, 0x42, DEV_NUM, 0, 4); /* EVENT_USED of queue 0 */
}

/* All or nothing: a field that may not be, or a queue that is enabled, and nothing changes. */
static void set_vqueue(const uint8_t *p) {
  uint32_t flags = get32(p + 4), op = flags & 3, n = flags & 4 ? dev.size : get32(p + 8);
  uint64_t desc = flags & 8 ? dev.desc : get64(p + 16), driver = flags & 16 ? dev.driver : get64(p + 24);
  uint64_t device = flags & 32 ? dev.device : get64(p + 32);
  uint32_t check = op == 1 ? 0x3c : ~flags & 0x3c; /* the fields that have to be sound now */
  if (get32(p) != 0 || get32(p + 12) || flags >> 6 || op == 3 || dev.enabled || n > QUEUE_MAX) return;
  if ((check & 4 && (n == 0 || n & (n - 1))) || (check & 8 && !is_sound(desc, 16 * n, 16)) ||
      (check & 16 && !is_sound(driver, 6 + 2 * n, 2)) || (check & 32 && !is_sound(device, 6 + 8 * n, 4))) return;
  dev.size = n, dev.desc = desc, dev.driver = driver, dev.device = device, dev.enabled = op == 1;
}

static void set_status(uint32_t asked) {
  if (asked == 0) memset(&dev, 0, sizeof dev);
  dev.status |= asked & SETTABLE;
  if (dev.features[0] || dev.features[1] != VERSION_1 || dev.features[2]) dev.status &= ~FEATURES_OK;
  if (!(dev.status & FEATURES_OK)) dev.status &= ~DRIVER_OK;
}

/* Puts the payload of the answer at r and returns its length; -1: no answer, as to all that is malformed or unknown. */
static int answer_bus(uint8_t id, const uint8_t *p, uint32_t payload) {
  uint32_t offset = get16(p), count = get16(p + 2), most = (MAX_MSG - 14) * 8;
  if (payload < 4 || (id != 0x02 && id != 0x03)) return -1;
  if (id == 0x03) return memcpy(r, p, 4), 4; /* PING; what follows is GET_DEVICES */
  put16(r, offset), put16(r + 4, count = count < most ? count : most);
  if (DEV_NUM >= offset && DEV_NUM < offset + count) r[6 + (DEV_NUM - offset) / 8] = 1 << (DEV_NUM - offset) % 8;
  else if (count > 0 && DEV_NUM >= offset + count) put16(r + 2, DEV_NUM);
  return 6 + (count + 7) / 8;
}

static int answer_device(uint8_t id, const uint8_t *p, uint32_t payload) {
  static const uint8_t least[] = {255, 255, 0, 8, 8, 8, 12, 0, 4, 4, 40, 4, 4}; /* bytes of payload, by msg_id */
  uint32_t word0 = get32(p), word1 = get32(p + 4), i;
  if (id == 0x41) serve(); /* EVENT_AVAIL */
  if (id >= sizeof least || payload < least[id]) return -1;
  switch (id) {
  case 0x02: return put32(r, ID_RNG), put32(r + 24, 2), put32(r + 32, 1), 44; /* GET_DEVICE_INFO: 2 blocks, 1 queue */
  case 0x03: /* GET_DEVICE_FEATURES */
    if (word1 > (MAX_MSG - 16) / 4) return -1;
    put32(r, word0), put32(r + 4, word1);
    if (word0 <= 1 && word1 > 1 - word0) put32(r + 8 + 4 * (1 - word0), VERSION_1);
    return 8 + 4 * word1;
  case 0x04: /* SET_DRIVER_FEATURES */
    if (word1 > (payload - 8) / 4) return -1;
    for (i = 0; i < word1 && !(dev.status & FEATURES_OK); i++)
      if (word0 + i < 2) dev.features[word0 + i] = get32(p + 8 + 4 * i);
      else dev.features[2] |= get32(p + 8 + 4 * i);
    return 0;
  case 0x05: return word0 || word1 ? -1 : 12; /* GET_CONFIG: there is none */
  case 0x06: return get32(p + 8) > payload - 12 ? -1 : (put32(r + 4, word1), 12); /* SET_CONFIG: nothing is applied */
  case 0x08: set_status(word0); /* fall through */
  case 0x07: return put32(r, dev.status), 4;
  case 0x09: /* GET_VQUEUE */
    if (put32(r, word0), word0 != 0) return 40;
    put32(r + 4, QUEUE_MAX), put32(r + 8, dev.size), put32(r + 12, dev.enabled);
    return put64(r + 16, dev.desc), put64(r + 24, dev.driver), put64(r + 32, dev.device), 40;
  case 0x0a: set_vqueue(p); /* fall through */
  case 0x0b: return 0;                 /* RESET_VQUEUE: VIRTIO_F_RING_RESET is not offered */
  default: return put32(r, word0), 24; /* GET_SHM: no such region */
  }
}

int main(int argc, char **argv) {
  static uint8_t in[65536 + 64], *p = in + 8;
  struct sockaddr_un where = {.sun_family = AF_UNIX};
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), file, answer, size;
  if (argc != 3 || strlen(argv[2]) > 500) return fprintf(stderr, "usage: plain-device SOCKET WINDOW\n"), 2;
  snprintf(where.sun_path, sizeof where.sun_path, "%s", argv[1]), unlink(argv[1]);
  file = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
  window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (ftruncate(file, WINDOW) || window == MAP_FAILED || bind(listener, (void *)&where, sizeof where) ||
      listen(listener, 1)) return perror("plain-device"), 1;
  printf("plain:unix:%s\n", argv[1]), fflush(stdout); /* what to give to --port */
  for (; (peer = accept(listener, NULL, NULL)) >= 0; close(peer)) {
    set_status(0), memcpy(window, "virtio-msg-plain", 16); /* a connection begins with a reset, the mark, the greeting */
    send_record(sprintf((char *)out + 2, "virtio-msg-plain 1 revision=1 max_msg_size=%d features=0 window=%d file=%s",
                        MAX_MSG, WINDOW, argv[2]));
    while (recv(peer, in, 2, MSG_WAITALL) == 2) {
      int length = get16(in), is_bus;
      if (length > 0 && recv(peer, in, length, MSG_WAITALL) != length) break;
      memset(out, 0, sizeof out), size = get16(in + 6), is_bus = in[0] & 2;
      if (length < 8 || size < 8 || size > length || in[0] & 1 || (!is_bus && get16(in + 2) != DEV_NUM)) continue;
      answer = is_bus ? answer_bus(in[1], p, size - 8) : answer_device(in[1], p, size - 8);
      if (answer >= 0) send_message(is_bus | 1, in[1], is_bus ? 0 : DEV_NUM, get16(in + 4), answer);
    }
  }
}
