/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The messages of virtio-msg, transport revision 1: numbers and layouts, little-endian, without padding. */
#ifndef VIRTIO_MSG_WIRE_H
#define VIRTIO_MSG_WIRE_H

#include <linux/types.h>

/* bits of the header's type; the others are reserved */
#define VMSG_RESPONSE 0x01
#define VMSG_BUS 0x02

struct vmsg_header {
	u8 type;
	u8 msg_id;
	__le16 dev_num;
	__le16 token;
	__le16 msg_size;
} __packed;

#define VMSG_EVENT 0x40

enum vmsg_bus_message {
	VMSG_GET_DEVICES = 0x02,
	VMSG_PING = 0x03,
	VMSG_EVENT_DEVICE = 0x40,
};

enum vmsg_transport_message {
	VMSG_GET_DEVICE_INFO = 0x02,
	VMSG_GET_DEVICE_FEATURES = 0x03,
	VMSG_SET_DRIVER_FEATURES = 0x04,
	VMSG_GET_CONFIG = 0x05,
	VMSG_SET_CONFIG = 0x06,
	VMSG_GET_DEVICE_STATUS = 0x07,
	VMSG_SET_DEVICE_STATUS = 0x08,
	VMSG_GET_VQUEUE = 0x09,
	VMSG_SET_VQUEUE = 0x0a,
	VMSG_RESET_VQUEUE = 0x0b,
	VMSG_EVENT_CONFIG = 0x40,
	VMSG_EVENT_AVAIL = 0x41,
	VMSG_EVENT_USED = 0x42,
};

struct vmsg_get_devices {
	__le16 offset;
	__le16 count;
} __packed;

/* the bitmap follows */
struct vmsg_get_devices_response {
	__le16 offset;
	__le16 next_offset;
	__le16 count;
} __packed;

struct vmsg_event_device {
	__le16 device_number;
	__le16 state;
} __packed;

#define VMSG_DEVICE_ADDED 1
#define VMSG_DEVICE_REMOVED 2

struct vmsg_device_info {
	__le32 device_id;
	__le32 vendor_id;
	u8 uuid[16];
	__le32 num_feature_blocks;
	__le32 config_size;
	__le32 max_virtqueues;
	__le32 admin_vq_start;
	__le32 admin_vq_count;
} __packed;

/* the blocks follow, in a response and in SET_DRIVER_FEATURES */
struct vmsg_features {
	__le32 block_index;
	__le32 num_blocks;
	__le32 blocks[];
} __packed;

struct vmsg_get_config {
	__le32 offset;
	__le32 length;
} __packed;

/* a response to GET_CONFIG, SET_CONFIG, and its response */
struct vmsg_config {
	__le32 generation;
	__le32 offset;
	__le32 length;
	u8 data[];
} __packed;

/* one byte of it has a meaning */
struct vmsg_status {
	__le32 status;
} __packed;

struct vmsg_vqueue_index {
	__le32 index;
} __packed;

struct vmsg_vqueue {
	__le32 index;
	__le32 max_size;
	__le32 size;
	/* bit 0: enabled */
	__le32 flags;
	__le64 desc;
	__le64 driver;
	__le64 device;
} __packed;

struct vmsg_set_vqueue {
	__le32 index;
	__le32 flags;
	__le32 size;
	__le32 reserved;
	__le64 desc;
	__le64 driver;
	__le64 device;
} __packed;

#define VMSG_VQUEUE_ENABLE 1

struct vmsg_event_config {
	__le32 status;
	__le32 generation;
	__le32 offset;
	__le32 length;
} __packed;

struct vmsg_event_avail {
	__le32 index;
	__le32 next_offset;
} __packed;

#endif
