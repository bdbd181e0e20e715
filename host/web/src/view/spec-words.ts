// What the specification says about each message, in short and in our words, with the section.

import type { MessageDescription } from "../../../src/trace/describe-message.js"

interface SpecWords {
  /** The words for a request or an event. */
  readonly request: string
  /** Absent for an event, which has none. */
  readonly response?: string
}

const WORDS: Readonly<Record<string, SpecWords>> = {
  HELLO: {
    request:
      "The driver's side begins an epoch. How a bus makes itself known is left to it; ours sends this message first, with a hash of the layout that it was compiled with.",
    response:
      "The device's side tells what the transport must know before any other message: the revision, the largest message that the bus carries, the transport's feature bits; and, of our bus, the sizes of the window.",
  },
  GET_DEVICES: {
    request: "The driver's side asks which device numbers are in use, a stretch of them at a time.",
    response:
      "A bitmap with a bit set for every device that is present. A next offset that is not 0 says that there may be more.",
  },
  PING: {
    request: "Asks whether the other side is alive. It may go either way.",
    response: "Carries the same data as the request.",
  },
  EVENT_DEVICE: {
    request: "The device's side says that a device came or went. It has no answer.",
  },
  GET_DEVICE_INFO: {
    request: "The first message to a device: its driver asks what it is.",
    response:
      "The virtio device type and vendor, how many blocks of 32 feature bits there are, the size of the configuration, and how many virtqueues.",
  },
  GET_DEVICE_FEATURES: {
    request: "The driver asks for blocks of 32 feature bits, from a first one on.",
    response: "The bits that the device offers. Blocks that it does not have are 0.",
  },
  SET_DRIVER_FEATURES: {
    request:
      "The driver writes the features that it takes, all blocks at once. Whether the device agrees shows when FEATURES_OK is set.",
    response: "Confirms the arrival; it says nothing of whether the device agrees.",
  },
  GET_CONFIG: {
    request: "The driver reads a stretch of the device's configuration.",
    response: "The bytes, and the generation that they belong to: parts of one generation fit together.",
  },
  SET_CONFIG: {
    request: "The driver writes to the configuration, of a generation if that is asked for.",
    response: "What was written, or length 0 when it was not applied.",
  },
  GET_DEVICE_STATUS: {
    request: "The driver asks for the device status, for instance whether a reset is done.",
    response: "The status byte, in 32 bits.",
  },
  SET_DEVICE_STATUS: {
    request:
      "The driver climbs the steps of initialisation: ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK. 0 asks for a reset.",
    response: "The status as it is now: a bit that the device did not accept is missing from it.",
  },
  GET_VQUEUE: {
    request: "The driver asks for a virtqueue: how large it may be, or how it is set up.",
    response: "The largest size, the present one, whether it is enabled, and where its three parts lie.",
  },
  SET_VQUEUE: {
    request:
      "The driver puts a virtqueue into shared memory: its size, and the addresses of the descriptor table, the available ring and the used ring. On our bus an address is an area of the window and an offset in it.",
    response: "Always empty, also when the device refused: the driver asks GET_VQUEUE what became of it.",
  },
  RESET_VQUEUE: {
    request: "The driver takes one virtqueue back, with VIRTIO_F_RING_RESET.",
    response: "The device does not touch that queue any more.",
  },
  GET_SHM: {
    request: "The driver asks where a shared memory region of the device is.",
    response: "Its address and length; length 0 when there is none.",
  },
  EVENT_CONFIG: {
    request:
      "The device says that its status or configuration changed. DEVICE_NEEDS_RESET comes this way. It has no answer.",
  },
  EVENT_AVAIL: {
    request:
      "The kick: the driver has put buffers into the available ring. What they hold is in the window already, in this packet or one before it. It has no answer.",
  },
  EVENT_USED: {
    request:
      "The interrupt: the device has put buffers into the used ring, and what it read is in the window. It has no answer.",
  },
}

/** What is said of a message, and where. Undefined for unknown messages. */
export function specWords({ name, kind, devNum }: MessageDescription) {
  const words = WORDS[name]
  if (!words) return undefined
  const family = devNum === undefined ? "Bus" : "Transport"
  return {
    says: (kind === "response" ? words.response : words.request) ?? "",
    section: name === "HELLO" ? 'docs/bus.md "Epochs and HELLO"' : `${family} Messages, ${name}`,
  }
}
