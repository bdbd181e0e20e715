// Everything that is said on a port. Each frame is kept, and requests find their responses. A sentinel tells a silent
// peer from a dead one: it is a request whose answer has to come after everything that the peer had to say.

import { getU16 } from "../../../shared-protocol/src/bytes.js"
import { decodeGetDevicesResponse } from "../../../shared-protocol/src/messages/bus.js"
import {
  EVENT_BIT,
  getToken,
  HEADER_SIZE,
  putToken,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../shared-protocol/src/messages/header.js"
import type { Clock } from "../clock.js"
import type { DevicePort } from "./device-port.js"
import * as frames from "./frames.js"
import { blocked } from "./verdict.js"

/** How long an answer may take. */
const ANSWER_TIMEOUT_MS = 1000
/** Slots that a GET_DEVICES response of 52 bytes can show, and how many such windows there may be. */
const WINDOW_SLOTS = 304
const MOST_WINDOWS = 300
/** Shorter times count as nothing: times are no whole numbers, and a tiny rest may be too small to be added to one. */
const SHORTEST_WAIT_MS = 0.001
const LOOK_EVERY_MS = 20
/** The suite's tokens begin here. Smaller ones belong to the package's own bus on the same wire. */
const FIRST_TOKEN = 0x4000
const LAST_TOKEN = 0xfff0

/** One frame, as the suite sees it: `out` to the peer. */
export interface Exchange {
  readonly direction: "out" | "in"
  readonly frame: Uint8Array
  readonly atMs: number
}

export class Conversation {
  readonly port: DevicePort
  /** All frames of the run, oldest first. */
  readonly history: Exchange[] = []
  /** Whether the bus answers PING, which it need not do (B1). Undefined before it was asked. */
  hasPing: boolean | undefined
  /** A device that serves as a sentinel, too: it is asked for its status. */
  sentinelDevice: number | undefined
  readonly #off: () => void
  #token = FIRST_TOKEN

  constructor(port: DevicePort) {
    this.port = port
    this.#off = port.onFrame.on((frame) => {
      this.history.push({ direction: "in", frame, atMs: port.clock.now() })
    })
  }

  /** Stops listening. */
  detach(): void {
    this.#off()
  }

  takeToken(): number {
    const token = this.#token
    this.#token = token === LAST_TOKEN ? FIRST_TOKEN : token + 1
    return token
  }

  /** The present end of the history. */
  mark(): number {
    return this.history.length
  }

  /** What came in since `mark`. */
  since(mark: number): Uint8Array[] {
    return this.history.slice(mark).flatMap(({ direction, frame }) => (direction === "in" ? [frame] : []))
  }

  /** Events of a device since `mark`; of every device and of the bus without a number. */
  eventsSince(mark: number, msgId: number, devNum?: number): Uint8Array[] {
    return this.since(mark).filter(
      (frame) =>
        frame.length >= HEADER_SIZE &&
        frame[1] === msgId &&
        ((frame[0] as number) & TYPE_BUS) === 0 &&
        (devNum === undefined || getU16(frame, 2) === devNum),
    )
  }

  post(frame: Uint8Array): void {
    this.history.push({ direction: "out", frame, atMs: this.port.clock.now() })
    this.port.send(frame)
  }

  /** Sends a request with a token of its own, or with `token`, and returns its response; undefined if none came. */
  async ask(frame: Uint8Array, token = this.takeToken()): Promise<Uint8Array | undefined> {
    const [response] = await this.askAll([frame], [token])
    return response
  }

  /** Sends requests without waiting in between, and returns the responses in the order of the requests. */
  async askAll(
    requests: readonly Uint8Array[],
    tokens: readonly number[] = requests.map(() => this.takeToken()),
  ): Promise<(Uint8Array | undefined)[]> {
    const mark = this.mark()
    for (const [i, request] of requests.entries()) {
      const frame = Uint8Array.from(request)
      putToken(frame, tokens[i] as number)
      this.post(frame)
    }
    const find = (isOwn: (frame: Uint8Array, i: number) => boolean) => {
      const came = this.since(mark)
      return requests.map((request, i): Uint8Array | undefined => {
        const at = came.findIndex((frame) => isResponseTo(frame, request) && isOwn(frame, i))
        return came.splice(at, at < 0 ? 0 : 1)[0]
      })
    }
    const hasToken = (frame: Uint8Array, i: number) => getToken(frame) === tokens[i]
    await this.waitUntil(() => !find(hasToken).includes(undefined), ANSWER_TIMEOUT_MS)
    const responses = find(hasToken)
    // a response with another token is for another row to judge (V27): here its content counts
    const others = find((frame, i) => !responses[i] && !responses.includes(frame))
    return responses.map((response, i) => response ?? others[i])
  }

  /** The numbers that GET_DEVICES reports now; undefined where the bus does not support it. */
  async listDevices(): Promise<number[] | undefined> {
    const found: number[] = []
    for (let offset = 0, rounds = 0; rounds < MOST_WINDOWS; rounds++) {
      const response = await this.ask(frames.getDevices(offset, Math.min(WINDOW_SLOTS, 0x10000 - offset)))
      if (!response) return rounds === 0 ? undefined : found
      const decoded = decodeGetDevicesResponse(response)
      if (!decoded.ok) return found
      found.push(...decoded.value.deviceNumbers)
      if (decoded.value.nextOffset <= offset) return found
      offset = decoded.value.nextOffset
    }
    return found
  }

  /**
   * Sends `sent`, then the sentinel. Returns every response to `sent`. Blocks the row when the sentinel is not
   * answered either.
   */
  async answersTo(sent: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const mark = this.mark()
    for (const frame of sent) this.post(frame)
    const sentinels = await this.sentinel()
    return this.since(mark).filter(
      (frame) =>
        frame.length > 0 && ((frame[0] as number) & TYPE_RESPONSE) !== 0 && !sentinels.includes(frame),
    )
  }

  /** Sends requests that are always answered, and returns the answers. Throws a verdict when none comes. */
  async sentinel(): Promise<Uint8Array[]> {
    const requests: Uint8Array[] = []
    if (this.sentinelDevice !== undefined) requests.push(frames.getDeviceStatus(this.sentinelDevice))
    if (this.hasPing !== false) requests.push(frames.ping(0x5e471e1))
    const answers = (await this.askAll(requests)).filter((answer) => answer !== undefined)
    if (answers.length === 0 && requests.length > 0) blocked("The peer answers nothing any more.")
    return answers
  }

  /**
   * Waits until `isDone`, which is called whenever a frame came and every 20 ms. False if the time ran out. While this
   * process does not run, frames that have come wait to be read: such time does not count against the peer.
   */
  async waitUntil(isDone: () => boolean, timeoutMs = ANSWER_TIMEOUT_MS): Promise<boolean> {
    const release = this.port.hold()
    try {
      return await waitUntil(this.port.clock, this.port.onFrame, isDone, timeoutMs)
    } finally {
      release()
    }
  }
}

/** Waits until `isDone`, which is called whenever there are `news` and every 20 ms. False if the time ran out. */
export async function waitUntil(
  clock: Clock,
  news: { on(listener: () => void): () => void },
  isDone: () => boolean,
  timeoutMs: number,
): Promise<boolean> {
  for (let leftMs = timeoutMs; !isDone(); ) {
    if (leftMs < SHORTEST_WAIT_MS) return false
    const startMs = clock.now()
    await new Promise<void>((resolve) => {
      const timer = clock.schedule(Math.min(LOOK_EVERY_MS, leftMs), () => wake())
      const off = news.on(() => wake())
      const wake = () => {
        off()
        timer.cancel()
        resolve()
      }
    })
    leftMs -= Math.min(LOOK_EVERY_MS, clock.now() - startMs)
  }
  return true
}

/** Whether `frame` answers `request`, tokens aside. */
export function isResponseTo(frame: Uint8Array, request: Uint8Array): boolean {
  return (
    frame.length >= HEADER_SIZE &&
    frame[1] === request[1] &&
    ((frame[0] as number) & 3) === (((request[0] as number) & 3) | TYPE_RESPONSE)
  )
}

/** Whether a frame is an event. */
export function isEvent(frame: Uint8Array): boolean {
  return frame.length >= HEADER_SIZE && ((frame[1] as number) & EVENT_BIT) !== 0
}
