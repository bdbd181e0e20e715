// Runs in the guest: keeps and breaks the rules of /dev/virtio-msg-bridge one by one, and looks at what the kernel does.
// Prints a line for each rule that does not hold, and at the end how many were looked at.
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "model.h"

static unsigned looked, failed;

static void expect(const char *rule, long got, long wanted) {
  looked++;
  if (got == wanted) return;
  failed++;
  printf("%s: %ld, not %ld\n", rule, got, wanted);
}

static void begin(struct model *m) {
  memset(m, 0, sizeof(*m));
  m->fd = open(NODE, O_RDWR | O_CLOEXEC);
  expect("RESOLVE makes an endpoint", model_resolve(m, "loopback", "rules", VMSGB_RESOLVE_CREATE), 0);
  model_prepare(m);
}

static void attached(struct model *m) {
  begin(m);
  expect("ATTACH", model_attach(m), 0);
}

// Lets go of all of it, so that the next rule finds nothing.
static void end(struct model *m) {
  ioctl(m->fd, VMSGB_DETACH);
  expect("RELEASE", model_release(m), 0);
  model_close(m);
}

// Waits for a bus message of this kind, and answers nothing; transport frames are passed over.
static int await(struct model *m, uint8_t id, struct frame *frame) {
  while (model_take(m, frame, 4000))
    if (frame->type & BUS) return frame->id == id;
  return 0;
}

// Attached, with one device and the window mapped.
static void up(struct model *m) {
  struct frame frame;
  attached(m);
  model_publish(m, 1);
  expect("MAP_ADD follows TOPOLOGY_COMMIT", await(m, VMSGB_MAP_ADD, &frame), 1);
  expect("the window can be mapped", model_map(m, &frame), 0);
  model_answer(m, &frame, 0);
}

static int has_faulted(struct model *m) {
  for (int i = 0; i < 400 && !model_has_faulted(m); i++) usleep(5000);
  return model_has_faulted(m);
}

static int stays(struct model *m) {
  usleep(30000);
  return !model_has_faulted(m);
}

static int attach_again(struct model *m) {
  memset(&m->attach.caps, 0, sizeof(m->attach.caps));
  return model_attach(m);
}

static long attach_with(struct model *m) {
  long result = model_attach(m);
  if (!result) ioctl(m->fd, VMSGB_DETACH);
  return result;
}

static void endpoints(void) {
  struct vmsgb_resolve resolve = {.bus_name = "loopback", .bus_id = "rules"}, bad;
  struct vmsgb_release none = {.handle = 12345};
  struct model m, other;
  begin(&m);
  expect("another bus", model_resolve(&m, "ffa", "1", VMSGB_RESOLVE_CREATE), -ENOENT);
  expect("nothing there", model_resolve(&m, "loopback", "nobody", 0), -ENODEV);
  expect("an id that is none", model_resolve(&m, "loopback", "a/b", VMSGB_RESOLVE_CREATE), -EINVAL);
  expect("an empty bus name", model_resolve(&m, "", "", 0), -EINVAL);
  bad = resolve;
  memset(bad.bus_name, 'l', sizeof(bad.bus_name));
  expect("a bus name without an end", ioctl(m.fd, VMSGB_RESOLVE, &bad), -1);
  bad = resolve;
  bad.bus_id[VMSGB_BUS_ID_SIZE - 1] = 1;
  expect("bytes behind the id", ioctl(m.fd, VMSGB_RESOLVE, &bad), -1);
  bad = resolve;
  bad.flags = 2;
  expect("unknown flags", ioctl(m.fd, VMSGB_RESOLVE, &bad), -1);
  bad = resolve;
  bad.reserved[1] = 1;
  expect("reserved words", ioctl(m.fd, VMSGB_RESOLVE, &bad), -1);
  expect("RELEASE of what nobody resolved", ioctl(m.fd, VMSGB_RELEASE, &none) ? errno : 0, ENOENT);
  expect("DETACH without ATTACH", ioctl(m.fd, VMSGB_DETACH) ? errno : 0, ENOTCONN);
  expect("an unknown ioctl", ioctl(m.fd, _IO(VMSGB_IOCTL_BASE, 0x33)) ? errno : 0, ENOTTY);
  uint32_t handle = m.handle;
  expect("the same endpoint again", model_resolve(&m, "loopback", "rules", 0), 0);
  expect("has the same handle", m.handle, handle);
  expect("RELEASE of one of two", model_release(&m), 0);
  memset(&other, 0, sizeof(other));
  other.fd = open(NODE, O_RDWR | O_CLOEXEC);
  other.handle = handle;
  model_prepare(&other);
  expect("a handle that another file has", model_attach(&other), -ENOENT);
  expect("RELEASE of it", model_release(&other), -ENOENT);
  expect("ATTACH", model_attach(&m), 0);
  expect("RELEASE while attached", model_release(&m), -EBUSY);
  expect("ATTACH twice", attach_again(&m), -EBUSY);
  expect("another file may resolve it", model_resolve(&other, "loopback", "rules", 0), 0);
  other.attach.endpoint = other.handle;
  expect("a second device model", model_attach(&other), -EBUSY);
  expect("DETACH", ioctl(m.fd, VMSGB_DETACH), 0);
  expect("a device model after the first", model_attach(&other), 0);
  expect("the first again", attach_again(&m), -EBUSY);
  model_close(&other);
  expect("the first, after the second is gone", attach_again(&m), 0);
  end(&m);
  memset(&m, 0, sizeof(m));
  m.fd = open(NODE, O_RDWR | O_CLOEXEC);
  expect("what was released is gone", model_resolve(&m, "loopback", "rules", 0), -ENODEV);
  close(m.fd);
  // as many as there may be, and the one that the other tests have
  int files[9], result = 0;
  for (int i = 0; i < 9; i++) {
    char name[] = {'m', 'o', 'r', 'e', '0' + i, 0};
    m.fd = files[i] = open(NODE, O_RDWR | O_CLOEXEC);
    result = model_resolve(&m, "loopback", name, VMSGB_RESOLVE_CREATE);
    if (result && i < 7) printf("endpoint %d: %d\n", i, result);
  }
  expect("one endpoint too many", result, -ENOSPC);
  for (int i = 0; i < 9; i++) close(files[i]);
  m.fd = open(NODE, O_RDWR | O_CLOEXEC);
  expect("makes room for one", model_resolve(&m, "loopback", "rules", VMSGB_RESOLVE_CREATE), 0);
  expect("RELEASE", model_release(&m), 0);
  close(m.fd);
}

static void attaching(void) {
  struct model m;
  begin(&m);
  const struct vmsgb_attach right = m.attach;
#define WITH(rule, change, wanted)            \
  m.attach = right;                           \
  change;                                     \
  expect(rule, attach_with(&m), wanted)
  WITH("flags", m.attach.flags = 1, -EINVAL);
  WITH("reserved words", m.attach.reserved[3] = 1, -EINVAL);
  WITH("caps that are filled", m.attach.caps.revision = 1, -EINVAL);
  WITH("messages too small", m.attach.max_msg_size = 71, -EINVAL);
  WITH("messages too large", m.attach.max_msg_size = 65536, -EINVAL);
  WITH("a message size of other slots", m.attach.max_msg_size = 600, -EINVAL);
  WITH("128 slots", m.attach.tx.entries = 128, -EINVAL);
  WITH("another slot size", m.attach.rx.entry_size = ENTRY + 128, -EINVAL);
  WITH("a ring that is too short", m.attach.tx.bytes = RING - 1, -EINVAL);
  WITH("a ring at an odd place", m.attach.rx.offset = RX_OFFSET + 4, -EINVAL);
  WITH("a ring behind the file's end", m.attach.rx.offset = FILE_SIZE, -EINVAL);
  WITH("a ring nowhere", m.attach.rx.offset = ~7ull, -EINVAL);
  WITH("a ring without an end", m.attach.rx.bytes = ~0ull, -EINVAL);
  WITH("rings that overlap", m.attach.rx.offset = RX_OFFSET - 4096, -EINVAL);
  WITH("reserved words of a ring", m.attach.tx.reserved = 1, -EINVAL);
  WITH("no file", m.attach.ring_fd = -1, -EBADF);
  WITH("a file of no tmpfs", m.attach.ring_fd = open("/proc/version", O_RDONLY), -EINVAL);
  WITH("an eventfd as rings", m.attach.ring_fd = m.kick_fd, -EINVAL);
  WITH("a file as eventfd", m.attach.kick_fd = m.ring_fd, -EINVAL);
  WITH("no eventfd", m.attach.call_fd = -1, -EBADF);
  WITH("one eventfd for both ways", m.attach.call_fd = m.kick_fd, -EINVAL);
  WITH("an endpoint that is none", m.attach.endpoint = 77777, -ENOENT);
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", m.ring_fd);
  WITH("rings that cannot be written", m.attach.ring_fd = open(path, O_RDONLY), -EACCES);
  WITH("a header with other slots", m.tx->entries = 128, -EPROTO);
  m.tx->entries = 256;
  WITH("a header with flags", m.rx->flags = 1, -EPROTO);
  m.rx->flags = 0;
  WITH("cursors too far apart", m.tx->prod = 257, -EPROTO);
  m.tx->prod = 0;
  WITH("cursors that are not 0", (m.tx->prod = m.tx->cons = -2, m.rx->prod = m.rx->cons = 77), 0);
  m.attach = right;
  m.rx->prod = m.rx->cons = m.tx->prod = m.tx->cons = 0;
  expect("ftruncate", ftruncate(m.ring_fd, FILE_SIZE - 4096), 0);
  expect("a file that was cut", attach_with(&m), -EINVAL);
  expect("ftruncate", ftruncate(m.ring_fd, FILE_SIZE), 0);
  expect("the right one", model_attach(&m), 0);
  expect("version", m.attach.caps.version, 1);
  expect("revision", m.attach.caps.revision, 1);
  expect("message size", m.attach.caps.max_msg_size, MESSAGE);
  expect("is online", m.attach.caps.flags, VMSGB_CAPS_ONLINE);
  expect("has an epoch", m.attach.caps.online_epoch != 0, 1);
  end(&m);
}

static long map_error(struct model *m, size_t size, int protection, int flags, off_t offset) {
  void *at = mmap(NULL, size, protection, flags, m->fd, offset);
  if (at == MAP_FAILED) return errno;
  munmap(at, size);
  return 0;
}

static void window(void) {
  struct frame frame;
  struct model m;
  attached(&m);
  expect("mmap before MAP_ADD", map_error(&m, 4096, PROT_READ, MAP_SHARED, 0), ENODEV);
  model_publish(&m, 1);
  expect("MAP_ADD", await(&m, VMSGB_MAP_ADD, &frame), 1);
  expect("is a request", frame.type, BUS);
  expect("with a token", frame.token != 0, 1);
  expect("the window", model_map(&m, &frame), 0);
  size_t size = m.length;
  const int both = PROT_READ | PROT_WRITE;
  expect("past its end", map_error(&m, size + 4096, both, MAP_SHARED, m.offset), EINVAL);
  expect("behind its end", map_error(&m, 4096, both, MAP_SHARED, m.offset + size), EINVAL);
  expect("before its start", map_error(&m, 8192, both, MAP_SHARED, m.offset - 4096), EINVAL);
  expect("at no offset", map_error(&m, 4096, both, MAP_SHARED, 0), EINVAL);
  expect("privately", map_error(&m, 4096, both, MAP_PRIVATE, m.offset), EINVAL);
  expect("as a program", map_error(&m, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, m.offset), EINVAL);
  expect("a part of it", map_error(&m, 4096, both, MAP_SHARED, m.offset + 4096), 0);
  int pipes[2];
  struct iovec part = {m.window, 4096};
  expect("pipe", pipe(pipes), 0);
  expect("nobody takes hold of its pages", vmsplice(pipes[1], &part, 1, SPLICE_F_GIFT), -1);
  close(pipes[0]);
  close(pipes[1]);
  memset(m.window, 0xa5, size);
  expect("DETACH", ioctl(m.fd, VMSGB_DETACH), 0);
  long seen = 0;
  for (size_t i = 0; i < size; i += 512) seen += m.window[i];
  expect("after DETACH it reads as zeros", seen, 0);
  memset(m.window, 0x5a, size);
  expect("mmap after DETACH", map_error(&m, 4096, both, MAP_SHARED, m.offset), ENODEV);
  end(&m);
}

enum { FAULTS, IGNORED };

static void control(void) {
  static const struct {
    const char *rule;
    uint8_t type, id;
    uint16_t device, token;
    // the epoch's distance, the payload behind it, and how long both are together
    int epoch;
    uint64_t rest[4];
    uint16_t size;
    int outcome;
  } cases[] = {
      {"an event that only the kernel sends", BUS, VMSGB_ENDPOINT_ONLINE, 0, 0, 0, {0}, 32, FAULTS},
      {"a topology for an epoch to come", BUS, VMSGB_TOPOLOGY_RESET, 0, 0, 1, {0}, 16, FAULTS},
      {"a topology for a past epoch", BUS, VMSGB_TOPOLOGY_COMMIT, 0, 0, -1, {7}, 16, IGNORED},
      {"COMMIT without RESET", BUS, VMSGB_TOPOLOGY_COMMIT, 0, 0, 0, {0}, 16, FAULTS},
      {"DEV_ADD without RESET", BUS, VMSGB_TOPOLOGY_DEV_ADD, 0, 0, 0, {5}, 16, FAULTS},
      {"RESET with reserved bytes", BUS, VMSGB_TOPOLOGY_RESET, 0, 0, 0, {1}, 16, FAULTS},
      {"RESET too short", BUS, VMSGB_TOPOLOGY_RESET, 0, 0, 0, {0}, 15, FAULTS},
      {"RESET too long", BUS, VMSGB_TOPOLOGY_RESET, 0, 0, 0, {0}, 17, FAULTS},
      {"RESET with a token", BUS, VMSGB_TOPOLOGY_RESET, 0, 1, 0, {0}, 16, FAULTS},
      {"RESET of a device", BUS, VMSGB_TOPOLOGY_RESET, 1, 0, 0, {0}, 16, FAULTS},
      {"RESET as a response", BUS | RESPONSE, VMSGB_TOPOLOGY_RESET, 0, 0, 0, {0}, 16, FAULTS},
      {"MAP_ADD as a request", BUS, VMSGB_MAP_ADD, 0, 1, 0, {0}, 32, FAULTS},
      {"an answer to nothing", BUS | RESPONSE, VMSGB_MAP_DEL, 0, 1, 0, {~0ull >> 1, 1, 0}, 32, FAULTS},
      {"an answer to the past", BUS | RESPONSE, VMSGB_MAP_ADD, 0, 1, 0, {0, 1, 0}, 32, IGNORED},
      {"an answer of another epoch", BUS | RESPONSE, VMSGB_MAP_ADD, 0, 1, -1, {~0ull >> 1, 1, 0}, 32, IGNORED},
      {"an answer for another map", BUS | RESPONSE, VMSGB_MAP_ADD, 0, 1, 0, {0, 2, 0}, 32, FAULTS},
      {"MAP_RELEASED of nothing", BUS, VMSGB_MAP_RELEASED, 0, 0, 0, {~0ull >> 1, 1, 0, 0}, 40, FAULTS},
      {"MAP_RELEASED of the past", BUS, VMSGB_MAP_RELEASED, 0, 0, 0, {0, 1, 0, 0}, 40, IGNORED},
      {"ERROR as a request", BUS, VMSGB_ERROR, 0, 1, 0, {0}, 8, FAULTS},
      {"GET_DEVICES", BUS, 0x02, 0, 1, 0, {0}, 8, IGNORED},
      {"PING", BUS, 0x03, 0, 1, 0, {0}, 4, IGNORED},
      {"EVENT_DEVICE", BUS, 0x40, 0, 0, 0, {0}, 4, IGNORED},
      {"an unknown bus message", BUS, 0xbf, 0, 0, 0, {0}, 3, IGNORED},
      {"a transport event of nobody", 0, 0x42, 999, 0, 0, {0}, 4, IGNORED},
      {"a transport response to nothing", RESPONSE, 0x02, 0, 999, 0, {0}, 40, IGNORED},
      {"a transport request", 0, 0x02, 0, 1, 0, {0}, 0, IGNORED},
      {"reserved type bits of a transport message", 0xfc, 0x42, 0, 0, 0, {0}, 4, IGNORED},
      {"reserved type bits of a bus message", BUS | 4, VMSGB_TOPOLOGY_RESET, 0, 0, 0, {0}, 16, FAULTS},
  };
  for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct model m;
    uint8_t payload[48] = {0};
    up(&m);
    uint64_t epoch = m.epoch + cases[i].epoch;
    memcpy(payload, &epoch, 8);
    memcpy(payload + 8, cases[i].rest, 32);
    model_say(&m, cases[i].type, cases[i].id, cases[i].device, cases[i].token, payload, cases[i].size);
    if (cases[i].outcome == FAULTS)
      expect(cases[i].rule, has_faulted(&m), 1);
    else
      expect(cases[i].rule, stays(&m), 1);
    if (cases[i].outcome == FAULTS) expect("ATTACH after a fault", attach_again(&m), -ENOTCONN);
    end(&m);
  }
}

static void rings(void) {
#define BREAKS(rule, change)              \
  {                                       \
    struct model m;                       \
    up(&m);                               \
    change;                               \
    model_kick(&m);                       \
    expect(rule, has_faulted(&m), 1);     \
    end(&m);                              \
  }
  BREAKS("prod that jumps", m.tx->prod += 1000);
  BREAKS("prod that runs backwards", m.tx->prod -= 1);
  BREAKS("a header that changes", m.tx->entry_size = 128);
  BREAKS("msg_size of 0", memset(model_slot(m.tx, m.tx->prod), 0, 8); m.tx->prod += 1);
  BREAKS("msg_size above the slot", memset(model_slot(m.tx, m.tx->prod), 0, 6); memset(model_slot(m.tx, m.tx->prod) + 6, 255, 2);
         m.tx->prod += 1);
  // the kernel looks at the other ring when it has something to say
  BREAKS("cons that jumps", m.rx->cons += 1000; usleep(1000); model_say(&m, 0, 0x42, 0, 0, "", 4);
         system("echo 'loopback:rules reset' > /sys/class/misc/virtio-msg-bridge/online"));
  BREAKS("cons that runs backwards", m.rx->cons -= 1;
         system("echo 'loopback:rules reset' > /sys/class/misc/virtio-msg-bridge/online"));
  struct model m;
  uint64_t full = 0xfffffffffffffffe;
  attached(&m);
  expect("a full eventfd", write(m.call_fd, &full, 8), 8);
  model_publish(&m, 1);
  struct frame frame;
  expect("is never waited for", await(&m, VMSGB_MAP_ADD, &frame), 1);
  model_answer(&m, &frame, 0);
  expect("nor does it end anything", stays(&m), 1);
  expect("a file cut under the kernel", ftruncate(m.ring_fd, 0), 0);
  model_kick(&m);
  expect("is nothing to it", stays(&m), 1);
  end(&m);
}

static void epochs(void) {
  struct frame frame;
  struct model m;
  up(&m);
  uint64_t epoch = m.epoch;
  model_publish(&m, 3);
  model_publish(&m, 1);
  expect("a topology that changes", stays(&m), 1);
  expect("offline", system("echo 'loopback:rules 0' > /sys/class/misc/virtio-msg-bridge/online"), 0);
  expect("MAP_DEL comes first", await(&m, VMSGB_MAP_DEL, &frame), 1);
  m.window[0] = 1;
  model_answer(&m, &frame, 0);
  expect("then ENDPOINT_OFFLINE", await(&m, VMSGB_ENDPOINT_OFFLINE, &frame), 1);
  expect("with the reason", frame.payload[8], VMSGB_OFFLINE_REMOVED);
  expect("the window is gone", m.window[0], 0);
  munmap(m.window, m.length);
  m.window = NULL;
  expect("it stays attached", stays(&m), 1);
  expect("online", system("echo 'loopback:rules 1' > /sys/class/misc/virtio-msg-bridge/online"), 0);
  expect("ENDPOINT_ONLINE", await(&m, VMSGB_ENDPOINT_ONLINE, &frame), 1);
  memcpy(&m.epoch, frame.payload, 8);
  expect("with the next epoch", m.epoch - epoch, 1);
  expect("and the bus", strcmp((char *)frame.payload + 8, "loopback"), 0);
  model_publish(&m, 1);
  expect("MAP_ADD again", await(&m, VMSGB_MAP_ADD, &frame), 1);
  expect("the window", model_map(&m, &frame), 0);
  model_answer(&m, &frame, 0);
  model_answer(&m, &frame, 0);
  expect("an answer twice", stays(&m), 1);
  struct vmsgb_map_released released = {m.epoch, m.seq, 1, m.address, m.length};
  model_say(&m, BUS, VMSGB_MAP_RELEASED, 0, 0, &released, sizeof(released));
  expect("a window that is let go of is asked back", await(&m, VMSGB_MAP_DEL, &frame), 1);
  model_answer(&m, &frame, 0);
  expect("ENDPOINT_OFFLINE", await(&m, VMSGB_ENDPOINT_OFFLINE, &frame), 1);
  expect("for a reset", frame.payload[8], VMSGB_OFFLINE_RESET);
  expect("ENDPOINT_ONLINE follows", await(&m, VMSGB_ENDPOINT_ONLINE, &frame), 1);
  memcpy(&m.epoch, frame.payload, 8);
  model_publish(&m, 1);
  expect("MAP_ADD", await(&m, VMSGB_MAP_ADD, &frame), 1);
  model_answer(&m, &frame, -ENOMEM);
  expect("a window that cannot be mapped ends it", has_faulted(&m), 1);
  end(&m);
  attached(&m);
  model_publish(&m, 1);
  expect("MAP_ADD", await(&m, VMSGB_MAP_ADD, &frame), 1);
  expect("without an answer the session ends", has_faulted(&m), 1);
  end(&m);
}

// The kernel asks device 0 who it is, and is told that there will be no answer.
static void refusal(void) {
  struct frame frame;
  struct model m;
  struct vmsgb_error error = {0, 0x02, 0, -EIO};
  unsigned asked = 0;
  up(&m);
  while (model_take(&m, &frame, 1500))
    if (!(frame.type & BUS)) {
      asked++;
      model_say(&m, BUS | RESPONSE, VMSGB_ERROR, 0, frame.token, &error, sizeof(error));
    }
  expect("a request that was refused is not made again", asked, 1);
  error.error = 5;
  model_say(&m, BUS | RESPONSE, VMSGB_ERROR, 0, 1, &error, sizeof(error));
  expect("an ERROR without an error", has_faulted(&m), 1);
  end(&m);
}

// A mapping that outlives its descriptor keeps the file: how many there may be, and what else it keeps.
static void kept(void) {
  enum { MOST = 64, TRIES = 80 };
  struct frame frame;
  struct model m, other;
  void *windows[TRIES];
  size_t size = 0;
  int count = 0;

  up(&m);
  windows[0] = m.window;
  size = m.length;
  m.window = NULL;
  model_close(&m);
  begin(&other);
  expect("a session lasts as long as the window is mapped", model_attach(&other), -EBUSY);
  munmap(windows[0], size);
  expect("and no longer", attach_again(&other), 0);
  end(&other);
  for (; count < TRIES; count++) {
    memset(&m, 0, sizeof(m));
    m.fd = open(NODE, O_RDWR | O_CLOEXEC);
    if (m.fd < 0) break;
    if (model_resolve(&m, "loopback", "rules", VMSGB_RESOLVE_CREATE)) break;
    model_prepare(&m);
    if (model_attach(&m)) break;
    model_publish(&m, 0);
    if (!await(&m, VMSGB_MAP_ADD, &frame) || model_map(&m, &frame) || ioctl(m.fd, VMSGB_DETACH)) break;
    windows[count] = m.window;
    m.window = NULL;
    model_close(&m);
  }
  expect("one open file too many", errno, ENFILE);
  // some other test's may be open
  expect("files that are open", count > MOST / 2 && count <= MOST, 1);
  while (count > 0) munmap(windows[--count], size);
  attached(&m);
  end(&m);
}

// What is pinned counts against the limit of who attaches, all sessions of a user together.
static void locked(void) {
  enum { PAGES = 2 * (RX_OFFSET / 4096 + 2) };
  struct model m, other;
  int status = 1;

  begin(&m);
  memset(&other, 0, sizeof(other));
  other.fd = open(NODE, O_RDWR | O_CLOEXEC);
  expect("RESOLVE", model_resolve(&other, "loopback", "other", VMSGB_RESOLVE_CREATE), 0);
  model_prepare(&other);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    struct rlimit limit = {PAGES * 4096, PAGES * 4096}, less = {PAGES * 4096 - 4096, PAGES * 4096};
    failed = 0;
    expect("somebody without rights", setresuid(65534, 65534, 65534), 0);
    expect("less memory", setrlimit(RLIMIT_MEMLOCK, &less), 0);
    expect("less locked memory than the rings take", attach_again(&m), -ENOMEM);
    expect("more memory", setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    expect("as much as the rings take", attach_again(&m), 0);
    expect("another session's rings beyond it", attach_again(&other), -ENOMEM);
    expect("DETACH", ioctl(m.fd, VMSGB_DETACH), 0);
    expect("the other session after the first", attach_again(&other), 0);
    expect("DETACH", ioctl(other.fd, VMSGB_DETACH), 0);
    fflush(stdout);
    _exit(failed);
  }
  waitpid(child, &status, 0);
  expect("locked memory is counted", status, 0);
  expect("who may lock all memory needs no limit", attach_again(&m), 0);
  end(&m);
  end(&other);
}

int main(void) {
  endpoints();
  attaching();
  window();
  control();
  rings();
  epochs();
  refusal();
  kept();
  locked();
  printf("%u of %u rules hold\n", looked - failed, looked);
  return failed > 0;
}
