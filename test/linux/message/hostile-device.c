// Runs in the guest: plays a device side that breaks every rule, at /dev/virtio-msg-plain and in the card's memory.
//
//   hostile-device FRAMES SEED
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostile-side.h"

static int bus;

static void deliver(uint8_t *frame, size_t size) {
  // refused is as good as taken: the kernel has to stand
  if (write(bus, frame, size) < 0 && errno != EPROTO && errno != EMSGSIZE) perror("hostile-device: write");
}

static void greet(void) {
  char text[160];
  int size = snprintf(text, sizeof(text), "virtio-msg-plain 1 revision=1 max_msg_size=%u features=%u window=%u file=/x",
                      any(8) ? 264 : any(400), any(2), any(8) ? windowSize : any(windowSize));
  memset(devices, 0, sizeof(devices));
  if (write(bus, text, size) < 0 && errno != EPROTO) perror("hostile-device: greeting");
}

static void disturb(void) {
  uint8_t bytes[64];
  unsigned what = any(8);

  if (what < DISTURBANCES) {
    disturb_drivers(what);
  } else if (what == 6) {
    if (any(400) == 0) greet();
  } else if (any(2)) {
    // a bus message, or devices that come and go
    for (unsigned i = 0; i < sizeof(bytes); i++) bytes[i] = any(256);
    say(any(4), any(256), any(6), any(65536), bytes, any(60));
  } else if (any(20) == 0) {
    put(bytes, any(6) | (1 + any(2)) << 16);
    say(2, 0x40, 0, 0, bytes, 4);
  }
}

int main(int argc, char **argv) {
  unsigned frames = argc > 1 ? atoi(argv[1]) : 50000;
  glob_t found;

  windowSize = 65536;
  state = argc > 2 ? atoi(argv[2]) | 1 : 1;
  bus = open("/dev/virtio-msg-plain", O_RDWR | O_NONBLOCK);
  if (bus < 0 || glob("/sys/bus/pci/drivers/virtio_msg_plain/0*/resource2", 0, NULL, &found)) {
    perror("hostile-device");
    return 1;
  }
  int card = open(found.gl_pathv[0], O_RDWR | O_SYNC);
  window = mmap(NULL, windowSize, PROT_READ | PROT_WRITE, MAP_SHARED, card, 0);
  if (window == MAP_FAILED) {
    perror("hostile-device: the card");
    return 1;
  }
  greet();
  for (unsigned n = 0; n < frames; n++) {
    struct pollfd wait = {bus, POLLIN, 0};
    uint8_t frame[65536];
    // what drivers ask is answered soon, or all of it would be about time-outs
    while (poll(&wait, 1, any(4) ? 0 : 1) > 0 && wait.revents & POLLIN) {
      ssize_t size = read(bus, frame, sizeof(frame));
      if (size < 8) break;
      answer(frame, size);
      if (n++ >= frames) break;
    }
    disturb();
  }
  printf("hostile-device: %u frames, seed %s\n", frames, argc > 2 ? argv[2] : "1");
  return 0;
}
