// Devices that come and go during the suite: what EVENT_DEVICE said, and whether it was true right after it
// (virtio-msg "Hotplug", "EVENT_DEVICE"). Where nothing comes by itself, the suite plugs devices: by the user's
// command, or by the shell of our own firmware.

import {
  DEVICE_ADDED,
  type DeviceEvent,
  decodeEventDevice,
} from "../../../shared-protocol/src/messages/bus.js"
import { HEADER_SIZE, TYPE_BUS } from "../../../shared-protocol/src/messages/header.js"
import { EVENT_DEVICE } from "../../../shared-protocol/src/messages/ids.js"
import type { Conversation } from "./conversation.js"
import * as frames from "./frames.js"
import { Verdict } from "./verdict.js"

/** How soon an event has to follow what caused it. */
const EVENT_LIMIT_MS = 2000
/** How long a user's command may take. */
const COMMAND_LIMIT_MS = 60_000
/** Plugged in and out so many times: a number can only be used again from the second time on. */
const ROUNDS = 2

export interface PlugEvent extends DeviceEvent {
  /** Whether the device answered GET_DEVICE_INFO right after the event. Undefined when another event followed. */
  readonly isAnswering: boolean | undefined
}

/** A shell with the commands plug and unplug. */
export interface PlugShell {
  /** False when there is no such shell. */
  open(): Promise<boolean>
  /** Sends a line. */
  type(line: string): Promise<void>
  close(): Promise<void>
}

export interface HotplugMeans {
  /** Plugs a device in, or out, or both. Settles when that is done. */
  readonly command?: (() => Promise<void>) | undefined
  /** Of our own firmware. */
  readonly shell?: PlugShell | undefined
}

export class Hotplug {
  readonly #conversation: Conversation
  readonly #means: HotplugMeans
  readonly #seen: PlugEvent[] = []
  #cursor = 0
  #observing: Promise<readonly PlugEvent[]> | undefined

  constructor(conversation: Conversation, means: HotplugMeans = {}) {
    this.#conversation = conversation
    this.#means = means
  }

  /** Lets devices come and go once, where that is possible. Returns every event of the run, oldest first. */
  observe(): Promise<readonly PlugEvent[]> {
    this.#observing ??= this.#observe()
    return this.#observing
  }

  async #observe(): Promise<readonly PlugEvent[]> {
    await this.#take()
    const { command, shell } = this.#means
    if (command) await this.#follow(command)
    else if (this.#seen.length === 0 && shell) await this.#plugByShell(shell)
    return this.#seen
  }

  /** Watches while the command runs, and a little longer. */
  async #follow(command: () => Promise<void>): Promise<void> {
    let isDone = false
    const done = command().finally(() => {
      isDone = true
    })
    done.catch(() => {}) // it is awaited below, and may fail before that
    while (!isDone) {
      if (!(await this.#conversation.waitUntil(() => isDone || this.#hasNew(), COMMAND_LIMIT_MS))) break
      await this.#take()
    }
    await done
    while (await this.#conversation.waitUntil(() => this.#hasNew(), EVENT_LIMIT_MS)) await this.#take()
  }

  async #plugByShell(shell: PlugShell): Promise<void> {
    try {
      if (!(await shell.open())) return
      for (let round = 0; round < ROUNDS; round++) {
        const mark = this.#seen.length
        await shell.type("plug rng")
        await this.#conversation.waitUntil(() => this.#hasNew(), EVENT_LIMIT_MS)
        await this.#take()
        const added = this.#seen.slice(mark).find(({ busState }) => busState === DEVICE_ADDED)
        if (!added) return
        await shell.type(`unplug ${added.deviceNumber}`)
        await this.#conversation.waitUntil(() => this.#hasNew(), EVENT_LIMIT_MS)
        await this.#take()
      }
    } catch (error) {
      // other rows judge whether the console works
      if (!(error instanceof Verdict)) throw error
    } finally {
      await shell.close()
    }
  }

  #news(): DeviceEvent[] {
    return this.#conversation.since(this.#cursor).flatMap((frame) => {
      if (frame.length < HEADER_SIZE || frame[1] !== EVENT_DEVICE || ((frame[0] as number) & TYPE_BUS) === 0)
        return []
      const decoded = decodeEventDevice(frame)
      return decoded.ok ? [decoded.value] : []
    })
  }

  #hasNew(): boolean {
    return this.#news().length > 0
  }

  async #take(): Promise<void> {
    const news = this.#news()
    this.#cursor = this.#conversation.mark()
    for (const [at, event] of news.entries()) {
      const isLast = !news.slice(at + 1).some(({ deviceNumber }) => deviceNumber === event.deviceNumber)
      this.#seen.push({ ...event, isAnswering: isLast ? await this.#isAnswering(event) : undefined })
    }
  }

  async #isAnswering({ deviceNumber }: DeviceEvent): Promise<boolean> {
    return (await this.#conversation.ask(frames.getDeviceInfo(deviceNumber))) !== undefined
  }
}
