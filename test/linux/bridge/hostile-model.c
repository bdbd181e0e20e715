// Runs in the guest: a device model that breaks every rule of /dev/virtio-msg-bridge, while a thread of it scribbles over
// frames and window.
//
//   hostile-model CASES SEED
//
// One case is one frame that was answered or made up, one thing done to rings, eventfds, files or mappings, or one junk
// ioctl. What ends a session is rare enough for Linux's drivers to come up between, and for what they do to be broken.
#define _GNU_SOURCE
#include <pthread.h>

#include "../message/hostile-side.h"
#include "model.h"

static struct model m;
// cases that were: frames that found room, and what else was done
static unsigned cases, sessions, faults, kept;
// how far the session is to get before something is done that no session survives
static unsigned last;
static int scribbling;
static uint8_t nowhere[65536];

// Header bytes that end a session are left wrong now and then only.
static void deliver(uint8_t *frame, size_t size) {
  if (any(100)) {
    frame[0] &= 1;
    if (size > MESSAGE) size = MESSAGE;
    if (size < 8) size = 8;
    frame[6] = size;
    frame[7] = size >> 8;
  }
  if (!model_put(&m, frame, size > ENTRY ? ENTRY : size)) {
    model_kick(&m);
    usleep(50);
    return;
  }
  cases++;
  if (any(10)) model_kick(&m);
}

static void control(const struct frame *frame);

// Of the window and the rings: the thread has it while it writes, so that nothing is unmapped below it.
static pthread_mutex_t mapped = PTHREAD_MUTEX_INITIALIZER;

static void *scribble(void *unused) {
  uint32_t own = 12345;
  for (;; usleep(50)) {
    pthread_mutex_lock(&mapped);
    // behind the headers of frames, and the window
    for (int i = 0; i < 64 && scribbling; i++, own = own * 1664525 + 1013904223) {
      ((uint8_t *)(m.tx + 1))[(own >> 8) % 256 * ENTRY + 8 + own % 200] = own >> 24;
      window[(own >> 3) % windowSize] = own >> 16;
    }
    pthread_mutex_unlock(&mapped);
  }
  return unused;
}

static void set_scribbling(int wanted) {
  pthread_mutex_lock(&mapped);
  scribbling = wanted;
  pthread_mutex_unlock(&mapped);
}

static void set_window(uint8_t *at, uint32_t size) {
  pthread_mutex_lock(&mapped);
  window = at;
  windowSize = size;
  pthread_mutex_unlock(&mapped);
}

enum { STALES = 8 };
static struct stale {
  void *at;
  size_t length;
} stales[STALES];

static const char *const ids[] = {"", "a", "b", "", ""};

static void begin(void) {
  int error;

  for (;;) {
    if (m.fd <= 0) {
      m.fd = open(NODE, O_RDWR | O_CLOEXEC);
      if (m.fd < 0) exit(2);
      error = model_resolve(&m, "loopback", ids[any(5)], VMSGB_RESOLVE_CREATE);
      if (error) {
        fprintf(stderr, "hostile-model: RESOLVE: %s\n", strerror(-error));
        exit(2);
      }
    }
    model_prepare(&m);
    if (any(4) == 0) m.tx->prod = m.tx->cons = m.rx->prod = m.rx->cons = any(0);
    error = model_attach(&m);
    if (!error) break;
    fprintf(stderr, "hostile-model: ATTACH: %s\n", strerror(-error));
    exit(2);
  }
  sessions++;
  last = cases + (any(4) ? any(200) : 3000);
  memset(devices, 0, sizeof(devices));
  set_window(nowhere, sizeof(nowhere));
  if (m.epoch && any(20)) model_publish(&m, DEVICES);
  set_scribbling(1);
}

// Ends the session in one of the ways there are; `begin` makes another.
static void finish(void) {
  set_scribbling(0);
  void *rings = m.tx, *seen = m.window;
  size_t length = m.length;
  uint32_t handle = m.handle;
  int fd = m.fd;
  int isDetached = any(3) != 0 && !ioctl(m.fd, VMSGB_DETACH);
  if (!isDetached) {
    close(m.fd);
    fd = 0;
  } else if (any(8) == 0) {
    model_release(&m);
    close(m.fd);
    fd = 0;
  }
  munmap(rings, FILE_SIZE);
  // of a file that was detached and closed, some windows stay mapped for a while; another session of it would last as long
  if (seen && isDetached && !fd && any(2) == 0) {
    struct stale *stale = &stales[any(STALES)];
    if (stale->at) munmap(stale->at, stale->length);
    *stale = (struct stale){seen, length};
  } else if (seen) {
    munmap(seen, length);
  }
  close(m.ring_fd);
  close(m.kick_fd);
  close(m.call_fd);
  memset(&m, 0, sizeof(m));
  m.fd = fd;
  m.handle = handle;
}

static void send_control(uint8_t type, uint8_t id, uint16_t token, const void *payload, size_t size) {
  struct frame frame = {type, id, 0, token, HEADER + size, {0}};
  memcpy(frame.payload, payload, size);
  if (any(60) == 0) ((uint8_t *)&frame)[any(HEADER + size)] = any(256);
  model_put(&m, &frame, HEADER + size);
  model_kick(&m);
}

// What a bus message of the kernel asks for, most of the time.
static void control(const struct frame *frame) {
  if (any(40) == 0) return;
  if (frame->id == VMSGB_MAP_ADD) {
    set_window(nowhere, sizeof(nowhere));
    int error = model_map(&m, frame);
    if (!error) set_window(m.window, m.length);
    model_answer(&m, frame, any(50) ? error : -(int)any(200));
  } else if (frame->id == VMSGB_MAP_DEL) {
    if (any(2) && m.window) {
      set_window(nowhere, sizeof(nowhere));
      munmap(m.window, m.length);
      m.window = NULL;
    }
    model_answer(&m, frame, 0);
  } else if (frame->id == VMSGB_ENDPOINT_ONLINE) {
    memcpy(&m.epoch, frame->payload, 8);
    memset(devices, 0, sizeof(devices));
    model_publish(&m, any(6));
  }
  if (any(10) == 0) model_answer(&m, frame, 0);
}

static void junk_ioctl(void) {
  static const unsigned long commands[] = {VMSGB_RESOLVE, VMSGB_RELEASE, VMSGB_ATTACH, VMSGB_DETACH, 0xb902, 0};
  uint8_t bytes[256] = {0};
  unsigned long command = commands[any(8) ? any(3) : 3 + any(3)];
  if (command == VMSGB_ATTACH) memcpy(bytes, &m.attach, sizeof(m.attach));
  for (unsigned n = any(6); n > 0; n--) bytes[any(sizeof(m.attach))] = any(256);
  int other = any(4) ? open(NODE, O_RDWR) : -1;
  // one that other sessions end with, or begin with, is made elsewhere
  if (other >= 0) ioctl(other, command, any(20) ? (void *)bytes : (void *)(uintptr_t)any(0));
  close(other);
  if (command == VMSGB_ATTACH || command == VMSGB_RESOLVE) ioctl(m.fd, command, bytes);
}

static void junk_mapping(void) {
  size_t size = (1 + any(8)) * 4096;
  off_t offset = (m.offset & -4096) + (off_t)any(600) * 4096 - 200 * 4096;
  uint8_t *at = mmap(NULL, size, PROT_READ | PROT_WRITE, any(8) ? MAP_SHARED : MAP_PRIVATE, m.fd, any(4) ? offset : any(0));
  if (at == MAP_FAILED) return;
  at[any(size)]++;
  if (any(4) == 0) madvise(at, size, any(24));
  munmap(at, size);
}

static void junk_ring(void) {
  struct vmsgb_ring_header *ring = any(2) ? m.tx : m.rx;
  uint32_t *words = (uint32_t *)ring, what = any(7);
  if (what < 6)
    words[what] = any(2) ? any(0) : words[what] + (int)any(600) - 300;
  else {
    // what is mapped behind the end kills who touches it
    set_scribbling(0);
    if (ftruncate(m.ring_fd, any(2) ? 0 : 4096 * any(40)) || ftruncate(m.ring_fd, FILE_SIZE)) exit(3);
    set_scribbling(1);
  }
  model_kick(&m);
}

static void disturb_bridge(void) {
  struct vmsgb_map_released released = {m.epoch, m.seq, 1, m.address, m.length};
  struct vmsgb_error error = {any(DEVICES), any(12), 0, -(int)any(200)};
  uint64_t value = any(2) ? 0xfffffffffffffffe : any(0);
  uint8_t bytes[64];

  cases++;
  switch (any(60)) {
    case 0:
      if (any(3) == 0) junk_ring();
      break;
    case 1:
      if (any(4) == 0) finish(), begin();
      break;
    case 2:
      if (any(8) == 0) send_control(BUS, VMSGB_MAP_RELEASED, 0, &released, sizeof(released));
      break;
    case 3:
      if (any(8)) break;
      for (unsigned i = 0; i < sizeof(bytes); i++) bytes[i] = any(256);
      memcpy(bytes, &m.epoch, 8);
      send_control(BUS | any(2), any(2) ? 0x88 + any(3) : 0xc0 + any(7), any(2), bytes, any(65));
      break;
    case 4:
      if (any(20) == 0) {
        int file = open("/sys/class/misc/virtio-msg-bridge/online", O_WRONLY);
        const char *words[] = {"loopback 0", "loopback 1", "loopback reset", "loopback:a reset", "loopback:b 1", "x", ""};
        const char *text = words[any(7)];
        if (write(file, text, strlen(text)) > 0) kept++;
        close(file);
      }
      break;
    case 5:
    case 6:
      junk_mapping();
      break;
    case 7:
    case 8:
      junk_ioctl();
      break;
    case 9:
      if (write(any(2) ? m.call_fd : m.kick_fd, &value, 8) > 0) kept++;
      break;
    case 10:
      model_publish(&m, any(6));
      break;
    case 11:
    case 12:
      send_control(BUS | RESPONSE, VMSGB_ERROR, any(300), &error, sizeof(error));
      break;
    default:
      cases--;
      model_kick(&m);
  }
}

// One of the things that end sessions, and not always by the kernel.
static void end_session(void) {
  uint8_t bytes[72];

  for (unsigned i = 0; i < sizeof(bytes); i++) bytes[i] = any(256);
  cases++;
  last = cases + 20;
  switch (any(5)) {
    case 0:
      finish();
      begin();
      break;
    case 1:
      model_put(&m, bytes, sizeof(bytes));
      model_kick(&m);
      break;
    case 2:
      memcpy(bytes, &m.epoch, 8);
      send_control(BUS | any(2), any(2) ? 0x88 + any(3) : 0xc0 + any(7), any(2), bytes, 8 * any(9));
      break;
    default:
      junk_ring();
  }
}

int main(int argc, char **argv) {
  unsigned wanted = argc > 1 ? atoi(argv[1]) : 50000;
  pthread_t thread;

  state = argc > 2 ? atoi(argv[2]) | 1 : 1;
  model_tries = 10;
  // no entropy device: of Linux 6.1's, the thread that reads the last one ends by itself while its end is waited for, and
  // that has crashed it (kthread_stop in hwrng_unregister)
  types[2] = 34;
  begin();
  pthread_create(&thread, NULL, scribble, NULL);
  while (cases < wanted) {
    struct frame frame;
    // a cursor that was spoilt would have it take frames for ever
    for (int i = 0; i < 32 && model_take(&m, &frame, any(16) ? 0 : 1); i++) {
      cases++;
      if (frame.type & BUS)
        control(&frame);
      else
        answer((uint8_t *)&frame, frame.size <= sizeof(frame) ? frame.size : sizeof(frame));
    }
    if (cases >= last)
      end_session();
    else if (any(2))
      disturb_drivers(any(DISTURBANCES));
    else
      disturb_bridge();
    if (model_has_faulted(&m) && any(2)) faults++, finish(), begin();
  }
  finish();
  // whoever has an endpoint keeps it from being removed below
  if (m.fd > 0) close(m.fd);
  for (int i = 0; i < STALES; i++) {
    if (!stales[i].at) continue;
    // it is nobody's by now
    memset(stales[i].at, 0x77, stales[i].length);
    munmap(stales[i].at, stales[i].length);
  }
  // what it offered is taken away again
  for (int i = 0; i < 3; i++) {
    m.fd = open(NODE, O_RDWR | O_CLOEXEC);
    if (model_resolve(&m, "loopback", ids[i], VMSGB_RESOLVE_CREATE) || model_release(&m)) return 4;
    close(m.fd);
  }
  printf("hostile-model: %u cases, %u sessions, %u of them ended by the kernel\n", cases, sessions, faults);
  return 0;
}
