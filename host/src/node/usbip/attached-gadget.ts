// A gadget attached to this computer's own kernel: one end of a socket pair is the kernel's, the other is served here.

import net from "node:net"
import { deviceFailed, VirtioMsgError } from "../../errors.js"
import { BoundedStream } from "../bounded-stream.js"
import { loadLibc } from "../vhost-user/libc.js"
import type { UsbGadget } from "./gadget.js"
import { deviceIdOf } from "./messages.js"
import { UrbConnection } from "./urb-connection.js"
import { attachSocket } from "./vhci.js"

export interface AttachedGadget {
  /** Of vhci-hcd. */
  readonly port: number
  /** Resolves when the kernel has let go of the gadget, or when we have. */
  readonly ended: Promise<void>
  /** The kernel sees the device unplugged. */
  close(): Promise<void>
}

/** `number` tells our gadgets apart. Rejects as `attachSocket`, and with MISSING_DEPENDENCY without koffi. */
export async function attachGadget(
  gadget: UsbGadget,
  number: number,
  onRefused: (sentence: string) => void,
): Promise<AttachedGadget> {
  const libc = await loadLibc()
  const [ours, kernels] = libc.socketPair()
  const socket = new net.Socket({ fd: ours, readable: true, writable: true })
  const urbs = new UrbConnection(gadget, {
    send: (bytes) => stream.write(bytes),
    fail: (reason) => {
      onRefused(`${gadget.name} was detached from the kernel: ${reason}.`)
      socket.destroy()
    },
  })
  const stream = new BoundedStream(socket, {
    name: "The kernel",
    onData: (chunk) => urbs.push(chunk),
    onOverflow: (error) => onRefused(error.message),
  })
  socket.on("error", () => {}) // "close" follows
  const ended = new Promise<void>((resolve) => {
    socket.once("close", () => {
      urbs.close()
      resolve()
    })
  })
  try {
    const port = await attachSocket(kernels, deviceIdOf({ busNumber: 1, deviceNumber: number }))
    const close = () => {
      socket.destroy()
      return ended
    }
    return { port, ended, close }
  } catch (error) {
    socket.destroy()
    if (error instanceof VirtioMsgError) throw error
    throw deviceFailed(`The kernel does not take ${gadget.name}: ${error}`)
  } finally {
    libc.close(kernels) // the kernel holds it
  }
}
