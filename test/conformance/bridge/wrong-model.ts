// Our device model with one thing wrong: in its system calls, in what it says, in what it hears, or in what it does.

import type { OwnModelHooks } from "../../../host/src/conformance/bridge/own-model.js"
import type { CallName, PlayedKernel } from "../../../host/src/conformance/bridge/played-kernel.js"
import * as layouts from "../../../host/src/node/bridge/layouts.js"
import type { AttachedRings } from "../../../host/src/node/bridge/node.js"
import { SharedRing } from "../../../host/src/node/bridge/ring.js"

/** What is told of the run beside: what a fault needs to know. */
export interface Seen {
  readonly kernel: PlayedKernel
  /** Puts a frame among those that the model said. */
  say(frame: Uint8Array): void
  /** The rings, once it is attached. */
  tx?: SharedRing
  rx?: SharedRing
}

export interface ModelFault {
  /** Changes the argument of a system call. */
  argument?(name: CallName, bytes: Uint8Array): void
  /** What the model says in place of this frame. */
  out?(frame: Uint8Array, seen: Seen): readonly Uint8Array[]
  /** What reaches the model in place of this frame. */
  in?(frame: Uint8Array, seen: Seen): readonly Uint8Array[]
  /** Changes what ATTACH gave. */
  rings?(rings: AttachedRings, seen: Seen): AttachedRings
  readonly hooks?: OwnModelHooks
}

const NAMES: ReadonlyMap<number, CallName> = new Map([
  [layouts.IOCTL_RESOLVE, "RESOLVE"],
  [layouts.IOCTL_ATTACH, "ATTACH"],
])

/** How the suite's subject is given this fault. */
export function hooksOf(fault: ModelFault): OwnModelHooks {
  return {
    ...fault.hooks,
    onNode(node, kernel) {
      const hear = kernel.hear.bind(kernel)
      const slotOf = (frame: Uint8Array) => {
        const slot = new Uint8Array(384)
        slot.set(frame)
        return slot
      }
      const say = (frame: Uint8Array) => {
        hear(slotOf(frame))
        queueMicrotask(() => kernel.onActivity.emit())
      }
      const seen: Seen = { kernel, say }
      kernel.hear = (slot) => {
        for (const each of fault.out?.(slot, seen) ?? [slot]) hear(slotOf(each))
      }
      const send = kernel.send.bind(kernel)
      kernel.send = (frame) => {
        let isSent = true
        for (const each of fault.in?.(Uint8Array.from(frame), seen) ?? [frame]) isSent = send(each)
        return isSent
      }
      const ioctl = kernel.ioctl.bind(kernel)
      kernel.ioctl = (request, argument) => {
        const name = NAMES.get(request)
        if (name) fault.argument?.(name, argument)
        return ioctl(request, argument)
      }
      const attach = node.attach.bind(node)
      node.attach = (handle, maxMessageSize) => {
        const rings = attach(handle, maxMessageSize)
        const entrySize = layouts.entrySizeFor(maxMessageSize)
        seen.tx = new SharedRing("tx", rings.tx, entrySize)
        seen.rx = new SharedRing("rx", rings.rx, entrySize)
        return fault.rings?.(rings, seen) ?? rings
      }
      fault.hooks?.onNode?.(node, kernel)
    },
  }
}
