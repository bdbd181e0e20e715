// The shell of our own firmware, behind its virtio-console device: the suite types a line, and reads what comes.

import {
  CONSOLE_RECEIVE_QUEUE,
  CONSOLE_TRANSMIT_QUEUE,
} from "../../../shared-protocol/src/device-types/console.js"
import type { DeviceBench } from "./device-bench.js"
import * as frames from "./frames.js"
import type { OfferedChain, SuiteQueue } from "./suite-queue.js"

const QUEUE_SIZE = 8
const BUFFERS = 4
const BUFFER_BYTES = 128
/** A line of `help` that only our shell prints. */
const RECOGNISED_BY = "plug NAME"
const ANSWER_LIMIT_MS = 3000

export class ShellConsole {
  readonly #bench: DeviceBench
  #transmit: SuiteQueue | undefined
  #receive: SuiteQueue | undefined
  #chains: OfferedChain[] = []
  #received = 0
  #sent = 0
  #text = ""

  /** `bench` is that of a console device. */
  constructor(bench: DeviceBench) {
    this.#bench = bench
  }

  /** Starts the device and asks for help. False when our shell does not answer. */
  async open(): Promise<boolean> {
    const bench = this.#bench
    await bench.negotiate()
    const receive = bench.makeQueue(CONSOLE_RECEIVE_QUEUE, QUEUE_SIZE)
    const transmit = bench.makeQueue(CONSOLE_TRANSMIT_QUEUE, QUEUE_SIZE, receive)
    await bench.enable(receive)
    await bench.enable(transmit)
    await bench.driverOk()
    this.#receive = receive
    this.#transmit = transmit
    this.#received = 0
    this.#sent = 0
    this.#chains = receive.submit(...Array.from({ length: BUFFERS }, () => [{ roomBytes: BUFFER_BYTES }]))
    await this.type("help")
    return this.reads(RECOGNISED_BY)
  }

  /** Sends a line. */
  async type(line: string): Promise<void> {
    this.#transmit?.submit([{ data: new TextEncoder().encode(`${line}\n`) }])
    await this.#transmit?.completed(++this.#sent)
  }

  /** Whether `words` come in bounded time. */
  reads(words: string): Promise<boolean> {
    return this.#bench.conversation.waitUntil(() => {
      this.#read()
      return this.#text.includes(words)
    }, ANSWER_LIMIT_MS)
  }

  /** Resets the device. */
  async close(): Promise<void> {
    await this.#bench.ask(frames.setDeviceStatus(this.#bench.devNum, 0))
  }

  /** Takes what has come, and gives the buffers back. */
  #read(): void {
    const receive = this.#receive
    if (!receive) return
    while (this.#received !== receive.usedIdx) {
      const { id, lengthBytes } = receive.usedElement(this.#received)
      const chain = this.#chains.find(({ head }) => head === id)
      if (!chain) return
      this.#text += new TextDecoder().decode(receive.written(chain).subarray(0, lengthBytes))
      this.#received = (this.#received + 1) & 0xffff
      receive.offer(chain.head)
      receive.kick()
    }
  }
}
