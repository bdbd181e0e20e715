// A node whose kernel the suite plays, for a device model in this process.

import { getSystemErrorName } from "node:util"
import { DeviceNode, type NodeSystem } from "../../node/bridge/device-node.js"
import { bindBridgeCalls, makeMemory } from "../../node/bridge/node-system.js"
import { SystemError } from "../../node/vhost-user/libc.js"
import type { PlayedKernel } from "./played-kernel.js"

/** Opens it. Rejects with the error of the played kernel if that refuses. */
export async function openPlayedNode(kernel: PlayedKernel): Promise<DeviceNode> {
  const calls = await bindBridgeCalls()
  const refused = kernel.open()
  if (refused) throw new SystemError("open", getSystemErrorName(-refused))
  const system: NodeSystem = {
    ioctl: (request, argument) => kernel.ioctl(request, argument ?? new Uint8Array(0)),
    mmap(offset, lengthBytes) {
      const errno = kernel.mmap(offset, lengthBytes)
      if (errno) throw new SystemError("mmap", getSystemErrorName(-errno))
      const mapping = kernel.libc.map(kernel.windowFile, offset, lengthBytes)
      return {
        bytes: mapping.bytes,
        unmap() {
          kernel.munmap(offset, lengthBytes)
          mapping.unmap()
        },
      }
    },
    isOver: () => kernel.isOver,
    makeMemory: (lengthBytes) => makeMemory(calls, lengthBytes),
    close: () => kernel.closed(),
  }
  return new DeviceNode(kernel.libc, system)
}
