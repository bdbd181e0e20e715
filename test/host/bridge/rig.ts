// Our device model behind a bridge whose kernel the suite plays, all in this process: the simulated board's devices, natively.

import { Bus } from "../../../host/src/bus/bus.js"
import type { Clock } from "../../../host/src/clock.js"
import { openPlayedNode } from "../../../host/src/conformance/bridge/in-process-node.js"
import { KernelConversation } from "../../../host/src/conformance/bridge/kernel-conversation.js"
import { PlayedKernel } from "../../../host/src/conformance/bridge/played-kernel.js"
import type { VirtioMsgError } from "../../../host/src/errors.js"
import { BridgeBus } from "../../../host/src/node/bridge/bridge-bus.js"
import { BridgeSession } from "../../../host/src/node/bridge/bridge-session.js"
import { makeNativeChannel } from "../../../host/src/node/plain-board.js"
import { skipReason } from "../../linux/requirements.js"

export const ADDRESS = { busName: "loopback", busId: "" }

/** Why there is nothing to test; empty where there is. */
export const WHY_NOT = await skipReason({ koffi: true })

const open: (() => Promise<void> | void)[] = []

/** Ends all that was made. */
export async function endAll(): Promise<void> {
  for (const end of open.splice(0).reverse()) await end()
}

export async function newKernel(): Promise<{ kernel: PlayedKernel; conversation: KernelConversation }> {
  const kernel = await PlayedKernel.make()
  const conversation = new KernelConversation(kernel)
  open.push(() => {
    conversation.detach()
    kernel.close()
  })
  return { kernel, conversation }
}

/** A session alone, with what ended it, and how often it kicked. */
export async function newSession(kernel: PlayedKernel, clock?: Clock) {
  const node = await openPlayedNode(kernel)
  const kicks = { count: 0 }
  const attach = node.attach.bind(node)
  node.attach = (handle, maxMessageSize) => {
    const rings = attach(handle, maxMessageSize)
    const kick = () => {
      kicks.count++
      rings.kick()
    }
    return { ...rings, kick }
  }
  const session = new BridgeSession(node, {
    address: ADDRESS,
    maxMessageSize: 264,
    ...(clock && { clock }),
  })
  const ends: VirtioMsgError[] = []
  session.onEnd.on((error) => ends.push(error))
  open.push(() => session.close())
  return { session, ends, kicks }
}

/** The whole model: the board's devices are the kernel's. */
export async function newModel(kernel: PlayedKernel) {
  const channel = makeNativeChannel()
  const board = await Bus.open(channel, {})
  const { session, ends, kicks } = await newSession(kernel)
  const model = new BridgeBus(board, session)
  open.push(() => board.close())
  open.push(() => model.close())
  return { channel, session, model, ends, kicks }
}
