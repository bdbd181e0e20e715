/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * /dev/virtio-msg-bridge, version 1, as both sides of it see it: ioctls, rings, and the messages that are the bridge's
 * own. Little-endian, without padding. The interface is public, and merged nowhere: version 1 may still change.
 */
#ifndef VIRTIO_MSG_BRIDGE_UAPI_H
#define VIRTIO_MSG_BRIDGE_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VMSGB_VERSION 1

/* --- ioctls --- */

#define VMSGB_BUS_NAME_SIZE 16
#define VMSGB_BUS_ID_SIZE 48
#define VMSGB_RESOLVE_CREATE 1u
#define VMSGB_CAPS_ONLINE 1u

/* of the device model's largest message: room for a MAP_ADD, and what msg_size can say */
#define VMSGB_MIN_MESSAGE 72
#define VMSGB_MAX_MESSAGE 65535

#define VMSGB_RING_ENTRIES 256
#define VMSGB_RING_ENTRY_ALIGN 128

struct vmsgb_resolve {
	/* both end with NUL, and are zeros behind it */
	char bus_name[VMSGB_BUS_NAME_SIZE];
	char bus_id[VMSGB_BUS_ID_SIZE];
	/* out; not 0 */
	__u32 handle;
	__u32 flags;
	__u64 reserved[2];
};

struct vmsgb_release {
	__u32 handle;
	__u32 flags;
	__u64 reserved;
};

struct vmsgb_ring_info {
	/* in the file of the rings: of its header, and of both header and slots */
	__u64 offset;
	__u64 bytes;
	__u32 entries;
	/* the device model's largest message, rounded up to VMSGB_RING_ENTRY_ALIGN */
	__u32 entry_size;
	__u64 reserved;
};

struct vmsgb_caps {
	__u32 version;
	__u32 revision;
	__u32 max_msg_size;
	__u32 flags;
	__u64 transport_features;
	__u64 bridge_features;
	/* 0 while offline */
	__u64 online_epoch;
	__u64 reserved;
};

struct vmsgb_attach {
	__u32 endpoint;
	__u32 flags;
	/* a memfd, or another file of a tmpfs */
	__s32 ring_fd;
	/* eventfds: from the device model to the kernel, and back */
	__s32 kick_fd;
	__s32 call_fd;
	__u32 max_msg_size;
	/* the device model produces into `tx` */
	struct vmsgb_ring_info tx;
	struct vmsgb_ring_info rx;
	/* out */
	struct vmsgb_caps caps;
	__u64 reserved[4];
};

#define VMSGB_IOCTL_BASE 0xb9
#define VMSGB_ATTACH _IOWR(VMSGB_IOCTL_BASE, 0x00, struct vmsgb_attach)
#define VMSGB_DETACH _IO(VMSGB_IOCTL_BASE, 0x01)
#define VMSGB_RESOLVE _IOWR(VMSGB_IOCTL_BASE, 0x0a, struct vmsgb_resolve)
#define VMSGB_RELEASE _IOW(VMSGB_IOCTL_BASE, 0x0b, struct vmsgb_release)

/* --- rings --- */

/* The slots follow. prod and cons count up and wrap at 2^32; a cursor's slot is its remainder by `entries`. */
struct vmsgb_ring_header {
	__u32 prod;
	__u32 cons;
	__u32 entries;
	__u32 entry_size;
	__u32 flags;
	__u32 reserved;
};

/* --- bus messages of the bridge --- */

/* requests of the kernel, and ERROR, which is a response */
#define VMSGB_ERROR 0x88
#define VMSGB_MAP_ADD 0x89
#define VMSGB_MAP_DEL 0x8a
/* events of the kernel */
#define VMSGB_ENDPOINT_ONLINE 0xc0
#define VMSGB_ENDPOINT_OFFLINE 0xc1
/* events of the device model */
#define VMSGB_TOPOLOGY_RESET 0xc2
#define VMSGB_TOPOLOGY_DEV_ADD 0xc3
#define VMSGB_TOPOLOGY_COMMIT 0xc4
#define VMSGB_MAP_RELEASED 0xc5

#define VMSGB_OFFLINE_REMOVED 1
#define VMSGB_OFFLINE_RESET 2
/* the device model had better keep it mapped while it is idle */
#define VMSGB_MAP_RETAIN 1

struct vmsgb_error {
	/* of the transport request that gets no answer */
	__le16 dev_num;
	__u8 msg_id;
	__u8 reserved;
	/* negative */
	__le32 error;
};

struct vmsgb_map_add {
	__le64 epoch;
	__le64 seq;
	__le64 id;
	__le64 address;
	__le64 length;
	__le64 mmap_offset;
	__le64 mmap_length;
	__le32 flags;
	__le32 reserved;
};

struct vmsgb_map_del {
	__le64 epoch;
	__le64 seq;
	__le64 id;
	__le64 address;
	__le64 length;
	__le64 reserved;
};

/* the response to either */
struct vmsgb_map_answer {
	__le64 epoch;
	__le64 seq;
	__le64 id;
	/* 0, or negative */
	__le32 status;
	__le32 reserved;
};

struct vmsgb_map_released {
	__le64 epoch;
	__le64 seq;
	__le64 id;
	__le64 address;
	__le64 length;
};

struct vmsgb_endpoint_online {
	__le64 epoch;
	char bus_name[VMSGB_BUS_NAME_SIZE];
	__le32 max_msg_size;
	__le32 reserved;
};

struct vmsgb_endpoint_offline {
	__le64 epoch;
	__le32 reason;
	__le32 reserved;
};

struct vmsgb_topology_reset {
	__le64 epoch;
	__le64 reserved;
};

struct vmsgb_topology_dev_add {
	__le64 epoch;
	__le16 dev_num;
	__u8 reserved[6];
};

struct vmsgb_topology_commit {
	__le64 epoch;
	__le16 count;
	__u8 reserved[6];
};

#endif
