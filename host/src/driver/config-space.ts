// A device's configuration space. It is read at one generation, and only written when it has not changed meanwhile
// (virtio-msg "Driver Operation", D-S1 and D-S4; D5 to D8).

import { TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION } from "../../../shared-protocol/src/messages/hello.js"
import { counted } from "../counted.js"
import { invalidArgument } from "../errors.js"
import { deviceUnusable } from "./failures.js"
import type { Transport } from "./transport.js"

/** A configuration that changes during each of so many attempts to read it is given up (D-S1). */
const TRIES = 5

export class ConfigSpace {
  readonly #transport: Transport
  /** As last seen. */
  generation = 0

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** As `VirtioDevice.readConfig`; `size` is that of the configuration space. */
  async read(offset: number, length: number, size: number): Promise<Uint8Array> {
    checkRange(offset, length, size)
    const most = this.#transport.maxConfigLength
    for (let tries = 0; tries < TRIES; tries++) {
      const data = new Uint8Array(length)
      const generations = new Set<number>()
      for (let at = 0; at < length; at += most) {
        const part = await this.#transport.getConfig(offset + at, Math.min(most, length - at))
        for (let i = 0; i < part.length; i++) data[at + i] = part.data[part.dataOffset + i] as number
        generations.add(part.generation)
        this.generation = part.generation
      }
      if (generations.size <= 1) return data
    }
    throw deviceUnusable(this.#transport.devNum, "changes its configuration faster than it can be read")
  }

  /** As `VirtioDevice.writeConfig`; `size` is that of the configuration space. */
  async write(offset: number, data: Uint8Array, size: number): Promise<boolean> {
    checkRange(offset, data.length, size)
    const { maxConfigLength, bus } = this.#transport
    if (data.length > maxConfigLength)
      throw invalidArgument(
        `A message carries at most ${counted(maxConfigLength, "byte")} of configuration, not ${data.length}.`,
      )
    const profile = bus.hello.transportFeatures // D5, D6
    const isStrict = (profile & TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION) !== 0
    for (let tries = 1; ; tries++) {
      const sent = isStrict ? this.generation : 0 // D7, D8
      const answer = await this.#transport.setConfig(sent, offset, data)
      this.generation = answer.generation
      if (answer.length > 0 || data.length === 0) return answer.length > 0
      // refused although the generation is right: the device does not want it
      if (!isStrict || answer.generation === sent || tries === TRIES) return false
      this.generation = (await this.#transport.getConfig(offset, data.length)).generation // D-S4
    }
  }
}

function checkRange(offset: number, length: number, size: number): void {
  if (offset < 0 || length < 0 || offset + length > size)
    throw invalidArgument(
      `Bytes ${offset} to ${offset + length} are outside the device's ${counted(size, "byte")} of configuration.`,
    )
}
