// `virtio-msg attach --bus virtio-msg` as it is typed in the stock guest, left running there in the background.

import path from "node:path"
import { TIME_REQUESTS } from "../request-times.js"
import { COMMAND } from "../stock/guest-command.js"
import type { StockGuest } from "../stock/stock-guest.js"

export const ROOT = path.join(import.meta.dirname, "../../..")
/** What a process that used an adapter in vain must not leave behind: one that hangs in the kernel. */
export const NOBODY_HANGS = "! grep -ls ^State:.D /proc/[0-9]*/status"

/** A driver is compiled meanwhile, in an emulated computer. */
const LIMIT_MS = 350_000

export class Attached {
  readonly #guest: () => StockGuest
  readonly #port: () => string

  /** Of the board at `port`, as the guest reaches it. */
  constructor(guest: () => StockGuest, port: () => string) {
    this.#guest = guest
    this.#port = port
  }

  get command(): string {
    return `${COMMAND} --port ${this.#port()} attach --bus virtio-msg`
  }

  run(command: string): Promise<string> {
    return this.#guest().run(command)
  }

  /** Waits for a condition of the shell; throws with what attach said when it does not come. */
  async until(condition: string): Promise<void> {
    const end = Date.now() + LIMIT_MS
    while (Date.now() < end) {
      const { code } = await this.#guest().sh(
        `for i in $(seq 50); do ${condition} && exit 0; sleep 0.1; done; exit 1`,
      )
      if (code === 0) return
    }
    throw new Error(`${condition}: not within ${LIMIT_MS / 1000} s. ${await this.notes()}`)
  }

  /** Resolves with the nodes that it printed, when it is ready or has ended. */
  async start(): Promise<string> {
    await this.run(`(${this.command} > /tmp/nodes 2> /tmp/notes & echo $! > /tmp/attach)`)
    await this.until("grep -q 'Ctrl-C ends it' /tmp/notes || ! kill -0 $(cat /tmp/attach)")
    return this.run("cat /tmp/nodes")
  }

  notes(): Promise<string> {
    return this.run("cat /tmp/notes")
  }

  async end(): Promise<void> {
    await this.run("kill -INT $(cat /tmp/attach)")
    await this.until("! kill -0 $(cat /tmp/attach) 2> /dev/null")
    await this.until("[ ! -e /dev/i2c-0 ]")
  }

  /**
   * Uses the adapter without an end, `command` meanwhile; resolves with what TIME_REQUESTS then prints. It is tried less
   * often while it is not there: whoever brings it back needs the emulated processors.
   */
  async requestsUnderLoad(command: () => Promise<unknown>): Promise<string> {
    await this.run(
      "(while :; do i2cget -y 0 0x54 14 > /dev/null 2>&1 || sleep 0.2; done) & echo $! > /tmp/load",
    )
    await command()
    return this.run(TIME_REQUESTS)
  }

  /** The load's end, when the adapter is back. */
  async endLoad(): Promise<void> {
    await this.until("i2cget -y 0 0x54 14 2> /dev/null")
    await this.run("kill $(cat /tmp/load)")
    await this.until(NOBODY_HANGS)
  }
}
