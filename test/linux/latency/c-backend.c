// A vhost-user-i2c backend in C, as small as it can be, to compare the one in Node.js with: connects to QEMU's
// socket, serves one queue with indirect descriptors and EVENT_IDX, and has one chip at 0x48: 256 bytes of
// registers. It trusts the guest, which only a benchmark may do.
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CHIP = 0x48, MAX_REGIONS = 8 };
enum {
  GET_FEATURES = 1, SET_FEATURES = 2, SET_MEM_TABLE = 5, SET_VRING_NUM = 8, SET_VRING_ADDR = 9, SET_VRING_BASE = 10,
  GET_VRING_BASE = 11, SET_VRING_KICK = 12, SET_VRING_CALL = 13, GET_PROTOCOL_FEATURES = 15, GET_QUEUE_NUM = 17,
  SET_VRING_ENABLE = 18,
};

struct message {
  uint32_t request, flags, size;
  union {
    uint64_t number;
    struct { uint32_t index, value; } state;
    struct { uint32_t index, flags; uint64_t desc, used, avail, log; } address;
    struct { uint32_t count, padding; struct { uint64_t gpa, size, uva, offset; } region[MAX_REGIONS]; } memory;
  } body;
} __attribute__((packed));

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };

static struct { uint64_t gpa, uva, size; uint8_t *at; } regions[MAX_REGIONS];
static unsigned regionCount;
static struct desc *table;
static uint16_t *avail, *used;
static uint16_t size, last;
static int kick = -1, call = -1, isEnabled;
static uint8_t chip[256], pointer;

static void *gpa(uint64_t address) {
  for (unsigned at = 0; at < regionCount; at++)
    if (address - regions[at].gpa < regions[at].size) return regions[at].at + (address - regions[at].gpa);
  return NULL;
}

static void *uva(uint64_t address) {
  for (unsigned at = 0; at < regionCount; at++)
    if (address - regions[at].uva < regions[at].size) return regions[at].at + (address - regions[at].uva);
  return NULL;
}

static uint32_t serve(uint16_t head) {
  struct desc *from = table, *part[3];
  unsigned count = 0;
  if (from[head].flags & 4) {
    from = gpa(from[head].addr);
    head = 0;
  }
  for (;; head = from[head].next) {
    part[count++] = &from[head];
    if (!(from[head].flags & 1) || count == 3) break;
  }
  uint8_t *header = gpa(part[0]->addr), *status = gpa(part[count - 1]->addr);
  uint8_t *data = count == 3 ? gpa(part[1]->addr) : NULL;
  uint32_t length = data ? part[1]->len : 0;
  if (header[0] >> 1 != CHIP) {
    *status = 1;
    return 1;
  }
  *status = 0;
  if (header[4] & 2) {
    for (uint32_t at = 0; at < length; at++) data[at] = chip[(uint8_t)(pointer + at)];
    return length + 1;
  }
  if (length) pointer = data[0];
  for (uint32_t at = 1; at < length; at++) chip[pointer++] = data[at];
  return 1;
}

static void drain(void) {
  if (!isEnabled || !size || kick < 0) return;
  do {
    uint16_t before = used[1];
    while (last != __atomic_load_n(&avail[1], __ATOMIC_ACQUIRE)) {
      uint16_t head = avail[2 + (last++ & (size - 1))];
      uint32_t *element = (uint32_t *)(used + 2) + 2 * (used[1] & (size - 1));
      element[0] = head;
      element[1] = serve(head);
      __atomic_store_n(&used[1], used[1] + 1, __ATOMIC_SEQ_CST);
    }
    uint16_t event = __atomic_load_n(&avail[2 + size], __ATOMIC_SEQ_CST);
    if ((uint16_t)(used[1] - event - 1) < (uint16_t)(used[1] - before) && write(call, &(uint64_t){1}, 8) < 0)
      perror("call");
    __atomic_store_n(&used[2 + 4 * size], last, __ATOMIC_SEQ_CST);
  } while (last != __atomic_load_n(&avail[1], __ATOMIC_SEQ_CST));
}

static int receive(int socket, struct message *message, int *fds) {
  union { char bytes[CMSG_SPACE(sizeof(int) * MAX_REGIONS)]; struct cmsghdr align; } control;
  struct iovec buffer = {message, 12};
  struct msghdr header = {.msg_iov = &buffer, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (recvmsg(socket, &header, MSG_WAITALL) != 12) return 0;
  struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
  if (rights) memcpy(fds, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
  return message->size == 0 || recv(socket, &message->body, message->size, MSG_WAITALL) == (ssize_t)message->size;
}

static void answer(int socket, struct message *message, uint64_t number) {
  message->flags = 5;
  message->size = 8;
  message->body.number = number;
  if (send(socket, message, 20, 0) != 20) perror("send");
}

static void setMemory(const struct message *message, const int *fds) {
  regionCount = message->body.memory.count;
  for (unsigned at = 0; at < regionCount; at++) {
    regions[at].gpa = message->body.memory.region[at].gpa;
    regions[at].uva = message->body.memory.region[at].uva;
    regions[at].size = message->body.memory.region[at].size;
    uint64_t offset = message->body.memory.region[at].offset;
    uint8_t *start = mmap(NULL, regions[at].size + offset, PROT_READ | PROT_WRITE, MAP_SHARED, fds[at], 0);
    regions[at].at = start + offset;
    close(fds[at]);
  }
}

static void handle(int socket, struct message *message, const int *fds) {
  switch (message->request) {
  case GET_FEATURES: answer(socket, message, 1ull << 32 | 1ull << 30 | 1ull << 29 | 1ull << 28 | 1); break;
  case GET_PROTOCOL_FEATURES: answer(socket, message, 0); break;
  case GET_QUEUE_NUM: answer(socket, message, 1); break;
  case SET_MEM_TABLE: setMemory(message, fds); break;
  case SET_VRING_NUM: size = message->body.state.value; break;
  case SET_VRING_BASE: last = message->body.state.value; break;
  case SET_VRING_ENABLE: isEnabled = message->body.state.value; break;
  case SET_VRING_ADDR:
    table = uva(message->body.address.desc);
    avail = uva(message->body.address.avail);
    used = uva(message->body.address.used);
    break;
  case SET_VRING_KICK: kick = fds[0]; break;
  case SET_VRING_CALL: call = fds[0]; break;
  case GET_VRING_BASE:
    kick = -1;
    answer(socket, message, (uint64_t)last << 32);
    break;
  }
}

int main(int argc, char **argv) {
  int socketFd = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, argc > 1 ? argv[1] : "", sizeof address.sun_path - 1);
  while (connect(socketFd, (struct sockaddr *)&address, sizeof address) < 0) usleep(20000);
  for (unsigned at = 0; at < sizeof chip; at++) chip[at] = at;
  for (;;) {
    struct pollfd fds[] = {{socketFd, POLLIN, 0}, {kick, POLLIN, 0}};
    poll(fds, 2, -1);
    if (fds[0].revents) {
      struct message message;
      int received[MAX_REGIONS];
      if (!receive(socketFd, &message, received)) return 0;
      handle(socketFd, &message, received);
    }
    uint64_t count;
    if ((fds[1].revents & POLLIN) && read(kick, &count, 8) < 0) perror("kick");
    drain();
  }
}
