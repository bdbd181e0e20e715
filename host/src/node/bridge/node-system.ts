// The system calls for /dev/virtio-msg-bridge that Node and libc.ts lack: ioctl, memfd_create. Bound with koffi, an
// optional dependency, as in vhost-user/libc.ts.

import { closeSync, constants, existsSync, ftruncateSync, openSync } from "node:fs"
import { getSystemErrorName } from "node:util"
import { notFound, systemFailed } from "../../errors.js"
import { type Libc, loadLibc, SystemError } from "../vhost-user/libc.js"
import { DeviceNode, type NodeSystem } from "./device-node.js"
import { BRIDGE_NODE } from "./layouts.js"

const MFD_CLOEXEC = 1
const MFD_ALLOW_SEALING = 2
const F_ADD_SEALS = 1033
/** Its length can never be changed again. */
const SEALS = 2 | 4 | 1
const POLLERR = 8
const POLLHUP = 16

export interface BridgeCalls {
  memfd_create(name: string, flags: number): number
  fcntl(descriptor: number, command: number, argument: number): number
  ioctl(descriptor: number, request: number, argument: Uint8Array | null): number
  poll(descriptors: Uint8Array, count: number, timeoutMs: number): number
  errno(): number
}

/** Binds them. Rejects where koffi is not there; `loadLibc` explains that better, so call it first. */
export async function bindBridgeCalls(): Promise<BridgeCalls> {
  const { default: koffi } = await import("koffi")
  const library = koffi.load(null)
  return {
    memfd_create: library.func("int memfd_create(str, uint32_t)"),
    fcntl: library.func("int fcntl(int, int, int)"),
    ioctl: library.func("int ioctl(int, unsigned long, void *)"),
    poll: library.func("int poll(void *, unsigned long, int)"),
    errno: () => koffi.errno(),
  }
}

/** A file of memory that is in no folder, and whose length is fixed. Throws SystemError. */
export function makeMemory(calls: BridgeCalls, lengthBytes: number): number {
  const file = calls.memfd_create("virtio-msg-bridge", MFD_CLOEXEC | MFD_ALLOW_SEALING)
  if (file < 0) throw new SystemError("memfd_create", getSystemErrorName(-calls.errno()))
  try {
    ftruncateSync(file, lengthBytes)
    calls.fcntl(file, F_ADD_SEALS, SEALS)
    return file
  } catch (error) {
    closeSync(file)
    throw error
  }
}

function kernelNode(libc: Libc, calls: BridgeCalls, descriptor: number): NodeSystem {
  return {
    ioctl: (request, argument) => (calls.ioctl(descriptor, request, argument) < 0 ? calls.errno() : 0),
    mmap: (offset, lengthBytes) => libc.map(descriptor, offset, lengthBytes),
    isOver() {
      const asked = new DataView(new ArrayBuffer(8))
      asked.setInt32(0, descriptor, true)
      const found = calls.poll(new Uint8Array(asked.buffer), 1, 0)
      return found === 1 && (asked.getInt16(6, true) & (POLLERR | POLLHUP)) !== 0
    },
    makeMemory: (lengthBytes) => makeMemory(calls, lengthBytes),
    close: () => closeSync(descriptor),
  }
}

/** Opens the node. Rejects with MISSING_DEPENDENCY, NOT_FOUND when the kernel has none, or SYSTEM_FAILED. */
export async function openBridgeNode(path: string = BRIDGE_NODE): Promise<DeviceNode> {
  const libc = await loadLibc()
  const calls = await bindBridgeCalls()
  try {
    const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    return new DeviceNode(libc, kernelNode(libc, calls, descriptor))
  } catch (cause) {
    if (!existsSync(path))
      throw notFound(`This kernel has no ${path}.`, {
        hint: "Our module brings it, as root: virtio-msg attach --bus virtio-msg",
        cause,
      })
    throw systemFailed(`Cannot open ${path}: ${(cause as Error).message}`, {
      hint: "It is root's: run this as root, or give the node to a group: docs/linux.md.",
      cause,
    })
  }
}
