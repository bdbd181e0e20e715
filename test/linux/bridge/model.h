// A device model's side of /dev/virtio-msg-bridge, as small as it can be: what the programs of this folder share.
#ifndef MODEL_H
#define MODEL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../host/linux-module/bridge-uapi.h"

#define NODE "/dev/virtio-msg-bridge"

enum { HEADER = 8, MESSAGE = 264, ENTRY = 384, RING = 24 + 256 * ENTRY, RX_OFFSET = (RING + 4095) / 4096 * 4096 };
enum { FILE_SIZE = 2 * RX_OFFSET, RESPONSE = 1, BUS = 2 };

struct model {
  int fd, ring_fd, kick_fd, call_fd;
  uint32_t handle;
  struct vmsgb_attach attach;
  struct vmsgb_ring_header *tx, *rx;
  uint64_t epoch;
  // of the window, once MAP_ADD was answered
  uint8_t *window;
  uint64_t address, length, seq, offset;
};

struct frame {
  uint8_t type, id;
  uint16_t device, token, size;
  uint8_t payload[MESSAGE - HEADER];
};

static inline int model_resolve(struct model *m, const char *bus, const char *id, unsigned flags) {
  struct vmsgb_resolve resolve = {.flags = flags};
  strncpy(resolve.bus_name, bus, sizeof(resolve.bus_name) - 1);
  strncpy(resolve.bus_id, id, sizeof(resolve.bus_id) - 1);
  if (ioctl(m->fd, VMSGB_RESOLVE, &resolve)) return -errno;
  m->handle = resolve.handle;
  return 0;
}

static inline int model_release(struct model *m) {
  struct vmsgb_release release = {.handle = m->handle};
  return ioctl(m->fd, VMSGB_RELEASE, &release) ? -errno : 0;
}

// Makes the rings and what ATTACH wants to know; `attach` may be changed before model_attach.
static inline void model_prepare(struct model *m) {
  m->ring_fd = memfd_create("rings", MFD_ALLOW_SEALING);
  m->kick_fd = eventfd(0, EFD_NONBLOCK);
  m->call_fd = eventfd(0, EFD_NONBLOCK);
  if (m->ring_fd < 0 || ftruncate(m->ring_fd, FILE_SIZE)) exit(9);
  uint8_t *ring = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, m->ring_fd, 0);
  if (ring == MAP_FAILED) exit(9);
  m->tx = (void *)ring;
  m->rx = (void *)(ring + RX_OFFSET);
  m->tx->entries = m->rx->entries = 256;
  m->tx->entry_size = m->rx->entry_size = ENTRY;
  m->attach = (struct vmsgb_attach){
      .endpoint = m->handle, .ring_fd = m->ring_fd, .kick_fd = m->kick_fd, .call_fd = m->call_fd,
      .max_msg_size = MESSAGE, .tx = {0, RING, 256, ENTRY, 0}, .rx = {RX_OFFSET, RING, 256, ENTRY, 0}};
}

// `attach.caps` is what the kernel says about it; it wants zeros there before.
static inline int model_attach(struct model *m) {
  if (ioctl(m->fd, VMSGB_ATTACH, &m->attach)) return -errno;
  m->epoch = m->attach.caps.online_epoch;
  return 0;
}

static inline void model_close(struct model *m) {
  if (m->window) munmap(m->window, m->length);
  if (m->tx) munmap(m->tx, FILE_SIZE);
  close(m->ring_fd);
  close(m->kick_fd);
  close(m->call_fd);
  close(m->fd);
  memset(m, 0, sizeof(*m));
}

static inline void model_kick(struct model *m) {
  uint64_t one = 1;
  if (write(m->kick_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) perror("kick");
}

static inline uint8_t *model_slot(struct vmsgb_ring_header *ring, uint32_t cursor) {
  return (uint8_t *)(ring + 1) + (cursor % 256) * ENTRY;
}

// Whether there is room; without it nothing is sent. Does not kick.
static inline int model_put(struct model *m, const void *frame, size_t size) {
  uint32_t prod = m->tx->prod;
  if (prod - __atomic_load_n(&m->tx->cons, __ATOMIC_ACQUIRE) >= 256) return 0;
  memcpy(model_slot(m->tx, prod), frame, size);
  __atomic_store_n(&m->tx->prod, prod + 1, __ATOMIC_RELEASE);
  return 1;
}

static inline int model_has_faulted(struct model *m) {
  struct pollfd wait = {m->fd, 0, 0};
  return poll(&wait, 1, 0) > 0 && wait.revents & POLLERR;
}

// How often room is waited for, 0.1 ms each time.
static int model_tries = 20000;

static inline void model_say(struct model *m, uint8_t type, uint8_t id, uint16_t device, uint16_t token,
                             const void *payload, size_t size) {
  struct frame frame = {type, id, device, token, HEADER + size, {0}};
  memcpy(frame.payload, payload, size);
  for (int i = 0; i < model_tries && !model_put(m, &frame, HEADER + size) && !model_has_faulted(m); i++) {
    model_kick(m);
    usleep(100);
  }
  model_kick(m);
}

// Takes the next frame, waiting up to `ms` for it. Whether there was one.
static inline int model_take(struct model *m, struct frame *frame, int ms) {
  struct pollfd waits[] = {{m->call_fd, POLLIN, 0}, {m->fd, 0, 0}};
  uint64_t count;
  for (;;) {
    uint32_t cons = m->rx->cons;
    if (__atomic_load_n(&m->rx->prod, __ATOMIC_ACQUIRE) != cons) {
      memcpy(frame, model_slot(m->rx, cons), sizeof(*frame));
      __atomic_store_n(&m->rx->cons, cons + 1, __ATOMIC_RELEASE);
      return 1;
    }
    if (poll(waits, 2, ms) <= 0 || waits[1].revents) return 0;
    if (read(m->call_fd, &count, sizeof(count)) < 0 && errno != EAGAIN) return 0;
  }
}

static inline void model_publish(struct model *m, unsigned count) {
  struct vmsgb_topology_reset reset = {m->epoch, 0};
  struct vmsgb_topology_commit commit = {m->epoch, count, {0}};
  model_say(m, BUS, VMSGB_TOPOLOGY_RESET, 0, 0, &reset, sizeof(reset));
  for (unsigned i = 0; i < count; i++) {
    struct vmsgb_topology_dev_add add = {m->epoch, i, {0}};
    model_say(m, BUS, VMSGB_TOPOLOGY_DEV_ADD, 0, 0, &add, sizeof(add));
  }
  model_say(m, BUS, VMSGB_TOPOLOGY_COMMIT, 0, 0, &commit, sizeof(commit));
}

static inline void model_answer(struct model *m, const struct frame *frame, int32_t status) {
  struct vmsgb_map_answer answer = {.status = status};
  memcpy(&answer, frame->payload, 24);
  model_say(m, BUS | RESPONSE, frame->id, 0, frame->token, &answer, sizeof(answer));
}

static inline int model_map(struct model *m, const struct frame *frame) {
  struct vmsgb_map_add add;
  memcpy(&add, frame->payload, sizeof(add));
  // a mapping that stayed would keep the file, and with it the session, open
  if (m->window) munmap(m->window, m->length);
  m->window = mmap(NULL, add.mmap_length, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, add.mmap_offset);
  if (m->window == MAP_FAILED) m->window = NULL;
  m->address = add.address;
  m->length = add.mmap_length;
  m->offset = add.mmap_offset;
  m->seq = add.seq;
  return m->window ? 0 : -errno;
}

// Does what a bus message of the kernel asks for; `count` devices are there.
static inline void model_obey(struct model *m, const struct frame *frame, unsigned count) {
  switch (frame->id) {
    case VMSGB_MAP_ADD:
      model_answer(m, frame, model_map(m, frame));
      break;
    case VMSGB_MAP_DEL:
      if (m->window) munmap(m->window, m->length);
      m->window = NULL;
      model_answer(m, frame, 0);
      break;
    case VMSGB_ENDPOINT_ONLINE:
      memcpy(&m->epoch, frame->payload, 8);
      model_publish(m, count);
      break;
  }
}

#endif
