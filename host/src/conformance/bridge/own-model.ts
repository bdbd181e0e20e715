// Our own device model as the suite's subject, in this process: a session with the simulated board's devices, without
// a VM.

import { Bus } from "../../bus/bus.js"
import { BridgeBus } from "../../node/bridge/bridge-bus.js"
import { BridgeSession } from "../../node/bridge/bridge-session.js"
import type { DeviceNode } from "../../node/bridge/device-node.js"
import { makeNativeChannel } from "../../node/plain-board.js"
import { openPlayedNode } from "./in-process-node.js"
import type { ModelSubject, RunningModel } from "./model-bench.js"
import type { PlayedKernel } from "./played-kernel.js"

const ADDRESS = { busName: "loopback", busId: "" }
const MAX_MESSAGE_SIZE = 264

/** For tests that change what the model does, and want the change to be found. */
export interface OwnModelHooks {
  /** Called before the model uses the node. */
  onNode?(node: DeviceNode, kernel: PlayedKernel): void
  /** Called when it is attached. */
  onSession?(session: BridgeSession, kernel: PlayedKernel): void
  readonly maxMessageSize?: number
}

/** Our own device model, in this process. */
export function ownModel(hooks: OwnModelHooks = {}): ModelSubject {
  return { name: "our own device model", start: (kernel) => start(kernel, hooks) }
}

async function start(kernel: PlayedKernel, hooks: OwnModelHooks): Promise<RunningModel> {
  const board = await Bus.open(makeNativeChannel())
  let why = ""
  let session: BridgeSession | undefined
  let model: BridgeBus | undefined
  try {
    const node = await openPlayedNode(kernel)
    hooks.onNode?.(node, kernel)
    const { maxMessageSize = MAX_MESSAGE_SIZE } = hooks
    session = new BridgeSession(node, { address: ADDRESS, maxMessageSize })
    hooks.onSession?.(session, kernel)
    session.onEnd.on((error) => {
      why = error.message
    })
    model = new BridgeBus(board, session)
  } catch (error) {
    why = error instanceof Error ? error.message : String(error)
  }
  return {
    get isOver() {
      return why !== ""
    },
    get how() {
      return why === "" ? "It runs." : `It ended: ${why}`
    },
    async stop() {
      await model?.close()
      await board.close()
    },
  }
}
