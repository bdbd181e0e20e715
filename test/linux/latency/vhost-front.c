// Plays QEMU and a guest's driver before a vhost-user-i2c backend, as small as they can be: shares a file of memory, lays
// one queue in it, and times transfers on it, as many as stdin says (driver-ring.h). Of a kernel nothing is in that.
//
//   vhost-front SOCKET
//
// It listens, and the backend connects.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver-ring.h"

enum { GUEST = 0x100000, ANSWER_MS = 5000 };
enum {
  GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, SET_MEM_TABLE = 5, SET_VRING_NUM = 8, SET_VRING_ADDR = 9,
  SET_VRING_BASE = 10, SET_VRING_KICK = 12, SET_VRING_CALL = 13, SET_VRING_ENABLE = 18,
};

static int backend, kick, call;

static void say(uint32_t request, const void *payload, uint32_t size, int descriptor) {
  uint32_t head[3] = {request, 1, size};
  struct iovec parts[] = {{head, sizeof(head)}, {(void *)payload, size}};
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  if (descriptor >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof(control);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &descriptor, sizeof(int));
  }
  if (sendmsg(backend, &message, 0) != (ssize_t)(sizeof(head) + size)) fail("sendmsg");
}

static void say_state(uint32_t request, uint32_t value) { say(request, (uint32_t[]){0, value}, 8, -1); }

static uint64_t ask(uint32_t request) {
  struct { uint32_t request, flags, size; uint64_t number; } __attribute__((packed)) answer;
  say(request, NULL, 0, -1);
  if (recv(backend, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer)) fail("recv");
  return answer.number;
}

static void start(const char *path, int file, const uint8_t *memory) {
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  unlink(path);
  if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1)) fail(path);
  backend = accept(listener, NULL, NULL);
  if (backend < 0) fail("accept");
  // VIRTIO_F_VERSION_1, VIRTIO_RING_F_EVENT_IDX and the device's own zero length requests
  uint64_t features = ask(GET_FEATURES) & (1ull << 32 | 1ull << 29 | 1);
  if (!(features & 1ull << 29)) fail("the backend has no event index");
  say(SET_OWNER, NULL, 0, -1);
  say(SET_FEATURES, &features, 8, -1);
  uint64_t at = (uintptr_t)memory, table[] = {1, GUEST, RING_MEMORY, at, 0};
  say(SET_MEM_TABLE, table, sizeof(table), file);
  say_state(SET_VRING_NUM, RING_SIZE);
  say_state(SET_VRING_BASE, 0);
  uint64_t rings[] = {0, at + DESC_AT, at + USED_AT, at + AVAIL_AT, 0};
  say(SET_VRING_ADDR, rings, sizeof(rings), -1);
  say(SET_VRING_CALL, &(uint64_t){0}, 8, call);
  say(SET_VRING_KICK, &(uint64_t){0}, 8, kick);
  say_state(SET_VRING_ENABLE, 1);
  ask(GET_FEATURES);
}

static void notify(void) {
  if (write(kick, &(uint64_t){1}, 8) != 8) fail("kick");
}

static void wait_call(void) {
  struct pollfd asked = {call, POLLIN, 0};
  uint64_t count;
  if (poll(&asked, 1, ANSWER_MS) != 1) fail("no interrupt");
  if (read(call, &count, 8) != 8) fail("call");
}

int main(int argc, char **argv) {
  int file = memfd_create("guest", MFD_ALLOW_SEALING);
  if (argc != 2) return 2;
  // as QEMU seals its memory; without, the backend looks after the file's length again and again
  if (file < 0 || ftruncate(file, RING_MEMORY) || fcntl(file, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
    fail("memory");
  struct ring ring = {.address = GUEST, .has_event = 1};
  ring.memory = mmap(NULL, RING_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  kick = eventfd(0, 0);
  call = eventfd(0, 0);
  if (ring.memory == MAP_FAILED || kick < 0 || call < 0) fail("memory");
  start(argv[1], file, ring.memory);
  measure(&ring, notify, wait_call);
  return 0;
}
