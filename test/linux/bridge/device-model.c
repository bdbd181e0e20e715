// A device model of two devices, an I2C adapter with one chip, and a source of bytes, until it is killed or its session
// ends. Written by hand from docs/bridge.md, and not from our own in TypeScript: in the guest it meets our module, and on
// any machine the kernel that conform --bridge-kernel plays. Neither is trusted: what breaks a rule ends it. Compiled with
// TRUSTING it leaves one check out.
//
//   device-model [BUS_ID]
//   device-model again COUNT
//
// With `again` it does nothing but attach to an endpoint of its own, map the window, and detach, COUNT times; every other
// time, and the last one, it removes the endpoint.
// The chip, at 0x48, has 256 registers; a write begins with the register's number, a read goes on from there. At 0x4a
// nobody is, and at 0x4b a chip that acknowledges; there each message is used alone, and the next one only LATE_US later.
#include "model.h"

enum { CHIP = 0x48, LATE_AND_ABSENT = 0x4a, LATE = 0x4b, LATE_US = 300000 };
enum { QUEUES = 1, DEVICES = 2, MOST_WINDOWS = 64, PAGE = 4096 };

static const uint32_t types[DEVICES] = {34, 4};
static struct model m;
// cursors of the kernel's as they were seen last
static uint32_t seen_prod, seen_cons;
// the largest message of this epoch, and whether it lasts
static uint32_t most;
static int is_online;
static struct {
  struct vmsgb_map_add place;
  uint8_t *at;
} windows[MOST_WINDOWS];
static uint8_t registers[256], at;
static int isLate;
static struct {
  uint32_t status, size, flags;
  uint64_t addresses[3];
  uint16_t seen;
} devices[DEVICES];

static void over(const char *why) {
  fprintf(stderr, "device-model: the session is over: %s\n", why);
  exit(1);
}

// --- frames ---

static void say(uint8_t type, uint8_t id, uint16_t device, uint16_t token, const void *payload, size_t size) {
  uint32_t cons = __atomic_load_n(&m.tx->cons, __ATOMIC_ACQUIRE);
  if (cons - seen_cons > m.tx->prod - seen_cons) over("a cons that cannot be");
  seen_cons = cons;
  model_say(&m, type, id, device, token, payload, size);
}

// Takes the next frame, and waits for it. Its slot is given back by the next call.
static const struct frame *take(void) {
  static struct frame frame;
  static int is_owed;
  struct pollfd waits[] = {{m.call_fd, POLLIN, 0}, {m.fd, 0, 0}};
  uint64_t count;
  if (is_owed) {
    __atomic_store_n(&m.rx->cons, m.rx->cons + 1, __ATOMIC_RELEASE);
    model_kick(&m);
    is_owed = 0;
  }
  for (;;) {
    uint32_t cons = m.rx->cons, prod = __atomic_load_n(&m.rx->prod, __ATOMIC_ACQUIRE);
    if (prod - seen_prod > cons + 256 - seen_prod) over("a prod that cannot be");
    seen_prod = prod;
    if (prod != cons) {
      memcpy(&frame, model_slot(m.rx, cons), sizeof(frame));
      // the bridge's own messages may be longer than the transport's
      if (frame.size < HEADER || frame.size > (most > VMSGB_MIN_MESSAGE ? most : VMSGB_MIN_MESSAGE))
        over("a message of a size that cannot be");
      is_owed = 1;
      return &frame;
    }
    if (poll(waits, 2, -1) < 0 && errno != EINTR) over("poll");
    if (waits[1].revents) over("the kernel ended it");
    if (read(m.call_fd, &count, sizeof(count)) < 0 && errno != EAGAIN) over("eventfd");
  }
}

// --- windows ---

static uint8_t *place(uint64_t address, uint64_t length) {
  for (unsigned i = 0; i < MOST_WINDOWS; i++) {
    uint64_t into = address - windows[i].place.address, size = windows[i].place.length;
    if (windows[i].at && into <= size && length <= size - into) return windows[i].at + into;
  }
  return NULL;
}

static void unmap(unsigned i) {
  munmap(windows[i].at, windows[i].place.length);
  windows[i].at = NULL;
}

static int map_add(const struct vmsgb_map_add *add) {
  int empty = -1;
  if (add->flags > 1 || add->reserved || !add->address || !add->length || add->length > add->mmap_length ||
      (add->address | add->length | add->mmap_offset | add->mmap_length) % PAGE ||
      add->address + add->length < add->address)
    return -EINVAL;
  for (int i = 0; i < MOST_WINDOWS; i++) {
    const struct vmsgb_map_add *other = &windows[i].place;
    if (!windows[i].at)
      empty = i;
    else if (other->id == add->id ||
             (add->address < other->address + other->length && other->address < add->address + add->length))
      return -EEXIST;
  }
  if (empty < 0) return -ENOSPC;
  uint8_t *mapped = mmap(NULL, add->length, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, add->mmap_offset);
  if (mapped == MAP_FAILED) return -errno;
  windows[empty].place = *add;
  windows[empty].at = mapped;
  return 0;
}

static int map_del(const struct vmsgb_map_del *del) {
  for (unsigned i = 0; i < MOST_WINDOWS; i++) {
    const struct vmsgb_map_add *add = &windows[i].place;
    if (!windows[i].at || add->id != del->id) continue;
    if (add->seq != del->seq || add->address != del->address || add->length != del->length) return -EINVAL;
    unmap(i);
    return 0;
  }
  return -ENOENT;
}

// --- epochs ---

static void begin(uint64_t epoch, uint32_t max_msg_size) {
  if (!epoch || max_msg_size < 52) over("an epoch that cannot be");
  m.epoch = epoch;
  most = max_msg_size < MESSAGE ? max_msg_size : MESSAGE;
  is_online = 1;
  model_publish(&m, DEVICES);
}

static void leave(void) {
  is_online = 0;
  for (unsigned i = 0; i < MOST_WINDOWS; i++)
    if (windows[i].at) unmap(i);
  memset(devices, 0, sizeof(devices));
}

// Whether a message is of the epoch that lasts.
static int is_current(uint64_t epoch) {
  if (epoch > m.epoch) over("a message of an epoch that has not begun");
  return is_online && epoch == m.epoch;
}

static void obey(const struct frame *frame) {
  static const size_t sizes[256] = {[VMSGB_MAP_ADD] = sizeof(struct vmsgb_map_add),
                                    [VMSGB_MAP_DEL] = sizeof(struct vmsgb_map_del),
                                    [VMSGB_ENDPOINT_ONLINE] = sizeof(struct vmsgb_endpoint_online),
                                    [VMSGB_ENDPOINT_OFFLINE] = sizeof(struct vmsgb_endpoint_offline)};
  union {
    struct vmsgb_map_add add;
    struct vmsgb_map_del del;
    struct vmsgb_endpoint_online online;
  } payload;
  struct vmsgb_map_answer answer = {0};
  if (!sizes[frame->id] || frame->type & RESPONSE) return;
  if (frame->size != HEADER + sizes[frame->id] || frame->device) over("a message of the bridge's that cannot be");
  memcpy(&payload, frame->payload, sizes[frame->id]);
  memcpy(&answer, frame->payload, 24);
  if (frame->id == VMSGB_ENDPOINT_ONLINE) {
    if (answer.epoch <= m.epoch) return;
    leave();
    begin(answer.epoch, payload.online.max_msg_size);
  } else if (!is_current(answer.epoch)) {
    return;
  } else if (frame->id == VMSGB_ENDPOINT_OFFLINE) {
    leave();
  } else {
    answer.status = frame->id == VMSGB_MAP_ADD ? map_add(&payload.add) : map_del(&payload.del);
    say(BUS | RESPONSE, frame->id, 0, frame->token, &answer, sizeof(answer));
  }
}

// --- devices ---

// Serves a chain; the number of bytes that were written. Nothing outside the windows is touched.
static uint32_t serve(unsigned device, uint16_t head) {
  uint8_t *table = place(devices[device].addresses[0], 16 * devices[device].size), *status = NULL;
  uint32_t written = 0;
  int address = -1, isOk = 1;
  for (unsigned n = 0; table && n < devices[device].size; n++) {
    uint64_t where;
    uint32_t length;
    uint16_t flags, next;
    memcpy(&where, table + 16 * head, 8);
    memcpy(&length, table + 16 * head + 8, 4);
    memcpy(&flags, table + 16 * head + 12, 2);
    memcpy(&next, table + 16 * head + 14, 2);
    uint8_t *bytes = place(where, length);
    if (!bytes || !length) return 0;
    if (device == 1) {
      for (uint32_t i = 0; i < length; i++) bytes[i] = rand() >> 7;
      written += length;
    } else if (address < 0) {
      if (length < 2) return 0;
      address = (bytes[0] | bytes[1] << 8) >> 1;
      isOk = address == CHIP || address == LATE;
      isLate = address == LATE || address == LATE_AND_ABSENT;
    } else if (!(flags & 1)) {
      status = bytes;
      written += 1;
    } else if (flags & 2) {
      for (uint32_t i = 0; i < length; i++) bytes[i] = registers[at++];
      written += length;
    } else {
      at = bytes[0];
      for (uint32_t i = 1; i < length; i++) registers[at++] = bytes[i];
    }
    if (!(flags & 1)) break;
    head = next % devices[device].size;
  }
  if (status) *status = isOk ? 0 : 1;
  return written;
}

static void serve_all(unsigned device) {
  uint32_t size = devices[device].size, index = 0;
  if (!devices[device].flags) return;
  uint16_t *avail = (void *)place(devices[device].addresses[1], 6 + 2 * size);
  uint16_t *used = (void *)place(devices[device].addresses[2], 6 + 8 * size);
  if (!avail || !used) return;
  uint16_t idx = __atomic_load_n(&avail[1], __ATOMIC_ACQUIRE);
  if ((uint16_t)(idx - devices[device].seen) > size) return;
  for (; devices[device].seen != idx; devices[device].seen++) {
    uint16_t head = avail[2 + devices[device].seen % size] % size;
    uint32_t element[2] = {head, serve(device, head)};
    memcpy(&used[2 + 4 * (devices[device].seen % size)], element, 8);
    __atomic_store_n(&used[1], devices[device].seen + 1, __ATOMIC_RELEASE);
    if (device == 0 && isLate) {
      say(0, 0x42, device, 0, &index, 4);
      usleep(LATE_US);
    }
  }
  say(0, 0x42, device, 0, &index, 4);
}

static void refuse(const struct frame *frame, int error) {
  struct vmsgb_error message = {frame->device, frame->id, 0, error};
  say(BUS | RESPONSE, VMSGB_ERROR, 0, frame->token, &message, sizeof(message));
}

static void answer(const struct frame *frame) {
  // of a request's payload, what it has at least
  static const uint8_t least[] = {[0x03] = 8, [0x04] = 8, [0x08] = 4, [0x09] = 4, [0x0a] = 40};
  unsigned device = frame->device;
  int is_event = frame->id & 0x40;
  uint32_t in[10], out[11] = {0};
  size_t size = 0;
  if (frame->type & RESPONSE || !is_online) return;
  if (device >= DEVICES || (frame->id < sizeof(least) && frame->size < HEADER + least[frame->id])) {
    if (!is_event) refuse(frame, device >= DEVICES ? -ENODEV : -EINVAL);
    return;
  }
  memcpy(in, frame->payload, sizeof(in));
  switch (frame->id) {
    case 0x02:
      out[0] = types[device];
      out[6] = 2;
      out[8] = QUEUES;
      size = 44;
      break;
    case 0x03:
      out[1] = 2;
      out[2] = device == 0;
      out[3] = 1;
      size = 16;
      break;
    case 0x04:
      break;
    case 0x08:
      devices[device].status = in[0];
      if (!in[0]) memset(&devices[device], 0, sizeof(devices[device]));
      // fall through
    case 0x07:
      out[0] = devices[device].status;
      size = 4;
      break;
    case 0x09:
      out[0] = in[0];
      out[1] = in[0] < QUEUES ? 64 : 0;
      out[2] = devices[device].size;
      out[3] = devices[device].flags;
      memcpy(out + 4, devices[device].addresses, 24);
      size = 40;
      break;
    case 0x0a:
      if (in[0] >= QUEUES || !in[2] || in[2] > 64 || in[2] & (in[2] - 1)) break;
      devices[device].flags = in[1] & 1;
      devices[device].size = in[2];
      devices[device].seen = 0;
      memcpy(devices[device].addresses, in + 4, 24);
      break;
    case 0x41:
      serve_all(device);
      return;
    default:
      if (!is_event) refuse(frame, -EOPNOTSUPP);
      return;
  }
  say(RESPONSE, frame->id, device, frame->token, out, size);
}

static int again(unsigned count) {
  struct frame frame;
  while (count-- > 0) {
    memset(&m, 0, sizeof(m));
    m.fd = open(NODE, O_RDWR | O_CLOEXEC);
    if (model_resolve(&m, "loopback", "again", VMSGB_RESOLVE_CREATE)) return 1;
    model_prepare(&m);
    if (model_attach(&m)) return 1;
    model_publish(&m, 0);
    if (!model_take(&m, &frame, 10000)) return 1;
    model_obey(&m, &frame, 0);
    if (!m.window) return 1;
    memset(m.window, count, m.length);
    if (ioctl(m.fd, VMSGB_DETACH) || (count % 2 == 0 && model_release(&m))) return 1;
    model_close(&m);
  }
  return 0;
}

int main(int argc, char **argv) {
  int error;

  if (argc > 2) return again(atoi(argv[2]));
  for (unsigned i = 0; i < sizeof(registers); i++) registers[i] = i ^ 0x55;
  m.fd = open(NODE, O_RDWR | O_CLOEXEC);
  if (m.fd < 0) {
    perror(NODE);
    return 1;
  }
  error = model_resolve(&m, "loopback", argc > 1 ? argv[1] : "", VMSGB_RESOLVE_CREATE);
  if (!error) {
    model_prepare(&m);
    error = model_attach(&m);
  }
  if (error) {
    fprintf(stderr, "device-model: %s\n", strerror(-error));
    return 1;
  }
#ifndef TRUSTING
  if (m.attach.caps.version != VMSGB_VERSION) over("the kernel speaks another version");
#endif
  if (m.attach.caps.flags & VMSGB_CAPS_ONLINE) begin(m.epoch, m.attach.caps.max_msg_size);
  for (;;) {
    const struct frame *frame = take();
    if (frame->type & BUS)
      obey(frame);
    else
      answer(frame);
  }
}
