// A hostile peer behind two rings in shared memory: it writes anything anywhere at any moment. Both our halves read and
// write inside the memory only, bring at most as many messages as a ring holds, and end with one sentence.

import fc from "fast-check"
import { VirtioMsgError } from "../../../host/src/errors.js"
import { RingConsumer, type RingMemory, RingProducer, SLOT_BYTES } from "../../../host/src/link/spsc-ring.js"
import { u32 } from "../../shared-protocol/support/arbitraries.js"
import { type FuzzTarget, plain } from "../target.js"

const SLOTS = 8
const SLOTS_AT = 128
/** Where cursors are, and anywhere else. */
const places = fc.oneof(fc.constantFrom(0, 64), fc.nat(SLOTS_AT + SLOTS * SLOT_BYTES - 4))

type Step =
  | { readonly kind: "poke"; readonly at: number; readonly value: number }
  | { readonly kind: "push"; readonly times: number }
  | { readonly kind: "take" }

interface Case {
  readonly lengthBytes: number
  readonly first: readonly number[]
  readonly steps: readonly Step[]
}

/** Throws where it is read or written outside. */
class GuardedMemory implements RingMemory {
  readonly path = "memory"
  readonly lengthBytes: number
  readonly bytes: Uint8Array

  constructor(lengthBytes: number) {
    this.lengthBytes = lengthBytes
    this.bytes = new Uint8Array(lengthBytes)
  }

  read(offset: number, lengthBytes: number): Uint8Array {
    this.#check(offset, lengthBytes)
    return this.bytes.slice(offset, offset + lengthBytes)
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#check(offset, bytes.length)
    this.bytes.set(bytes, offset)
  }

  #check(offset: number, lengthBytes: number): void {
    if (!Number.isInteger(offset) || offset < 0 || offset + lengthBytes > this.lengthBytes)
      throw new Error(`${lengthBytes} bytes at ${offset} of ${this.lengthBytes}`)
  }
}

/** False when the ring was given up, with a sentence. */
function survives(action: () => void): boolean {
  try {
    action()
    return true
  } catch (error) {
    if (!(error instanceof VirtioMsgError) || error.code !== "PROTOCOL" || !error.hint) throw error
    return false
  }
}

function half<T>(memory: GuardedMemory, make: (memory: RingMemory) => T): T | undefined {
  let made: T | undefined
  survives(() => {
    made = make(memory)
  })
  return made
}

function poke(memory: GuardedMemory, at: number, value: number): void {
  if (at + 4 <= memory.lengthBytes) new DataView(memory.bytes.buffer).setUint32(at, value, true)
}

export const rings: FuzzTarget<Case> = {
  name: "rings",
  about: "cursors and slots of a ring in a shared file, changed at any moment, to both its halves",
  cases: fc.record({
    lengthBytes: fc.oneof(
      { weight: 9, arbitrary: fc.constant(SLOTS_AT + SLOTS * SLOT_BYTES) },
      fc.nat(SLOTS_AT + SLOTS * SLOT_BYTES),
    ),
    first: fc.array(fc.oneof(fc.nat(SLOTS), u32), { minLength: 2, maxLength: 2 }),
    steps: fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("poke" as const), at: places, value: fc.oneof(fc.nat(SLOTS), u32) }),
        fc.record({ kind: fc.constant("push" as const), times: fc.nat(SLOTS + 1) }),
        fc.record({ kind: fc.constant("take" as const) }),
      ),
      { maxLength: 20, size: "max" },
    ),
  }),
  run({ lengthBytes, first, steps }) {
    const memory = new GuardedMemory(lengthBytes)
    const [head = 0, tail = 0] = first
    poke(memory, 0, head)
    poke(memory, 64, tail)
    let producer = half(memory, (given) => new RingProducer(given))
    let consumer = half(memory, (given) => new RingConsumer(given))
    for (const step of steps) {
      if (step.kind === "poke") poke(memory, step.at, step.value)
      else if (step.kind === "push") {
        for (let n = 0; producer && n < step.times; n++) {
          const half = producer
          if (!survives(() => half.push(new Uint8Array(SLOT_BYTES).fill(n)))) producer = undefined
        }
      } else if (consumer) {
        const half = consumer
        let count = 0
        const isAlive = survives(() => {
          for (const message of half.take()) {
            count++
            if (message.length !== SLOT_BYTES) throw new Error(`a message of ${message.length} bytes`)
          }
        })
        if (count >= SLOTS) throw new Error(`${count} messages out of a ring that holds ${SLOTS - 1}`)
        if (!isAlive) consumer = undefined
      }
    }
  },
  ...plain,
}
