// Chains as a driver makes them, with one thing wrong: each rule of the split ring broken by itself, where random
// descriptors break the first rule only.

import fc from "fast-check"
import * as p from "../../shared-protocol/src/index.js"
import { u32 } from "../shared-protocol/support/arbitraries.js"
import { DEVICE_BUFFERS, DRIVER_BUFFERS, type RawDescriptor } from "./hostile-driver.js"

export interface SpoiltChain {
  readonly first: number
  readonly descriptors: readonly RawDescriptor[]
  readonly head: number
  readonly ahead: number
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type Parts = Writable<RawDescriptor>[] & { head?: number; ahead?: number }

const DRIVER = 0x10000
const DEVICE = 0x20000
const { DESCRIPTOR_INDIRECT: INDIRECT, DESCRIPTOR_NEXT: NEXT, DESCRIPTOR_WRITE: WRITE } = p

/** Header, register, status: a request that is served. */
function soundChain(first: number): Parts {
  return [
    { low: DRIVER_BUFFERS, high: DRIVER, length: 8, flags: NEXT, next: first + 1 },
    { low: DRIVER_BUFFERS + 8, high: DRIVER, length: 1, flags: NEXT, next: first + 2 },
    { low: DEVICE_BUFFERS, high: DEVICE, length: 1, flags: WRITE, next: 0 },
  ]
}

/** What is wrong; `at` is one of the three descriptors, `value` any number. */
const SPOILS: readonly ((chain: Parts, at: number, value: number, first: number) => void)[] = [
  // a loop
  (chain, at, _value, first) => Object.assign(chain[2] ?? {}, { flags: WRITE | NEXT, next: first + at }),
  // next, or head, outside the table
  (chain, at, value) => Object.assign(chain[at % 2] ?? {}, { next: 256 + (value & 0x7fff) }),
  (chain, _at, value) => {
    chain.head = 256 + (value & 0x7fff)
  },
  // addresses: bits in the middle, an area that is none, an area that is the other's
  (chain, at, value) =>
    Object.assign(chain[at] ?? {}, { low: DRIVER_BUFFERS + 0x10000 * (1 + (value & 0xff)) }),
  (chain, at, value) => Object.assign(chain[at] ?? {}, { high: DRIVER + 1 + (value & 0xff) }),
  (chain, at, value) => Object.assign(chain[at] ?? {}, { high: value }),
  (chain, at) => Object.assign(chain[at] ?? {}, { high: at === 2 ? DRIVER : DEVICE }),
  // lengths up to where 32 bits overflow
  (chain, at, value) => Object.assign(chain[at] ?? {}, { length: value }),
  (chain, at) => Object.assign(chain[at] ?? {}, { length: 0xffff_ffff - DRIVER_BUFFERS }),
  (chain, at) => Object.assign(chain[at] ?? {}, { low: 0x7fff, length: 2 }),
  // readable behind writable
  (chain) => Object.assign(chain[0] ?? {}, { low: DEVICE_BUFFERS, high: DEVICE, flags: WRITE | NEXT }),
  // indirect: at all, not at the end, of a size that cannot be
  (chain, at) => Object.assign(chain[at] ?? {}, { flags: INDIRECT, length: 32, high: DRIVER }),
  (chain, at) => Object.assign(chain[at] ?? {}, { flags: INDIRECT | NEXT, length: 32, high: DRIVER }),
  (chain, at, value) =>
    Object.assign(chain[at] ?? {}, { flags: INDIRECT, length: value & 0x1ffff, high: DRIVER }),
  // header, status
  (chain, _at, value) => Object.assign(chain[0] ?? {}, { length: value & 15 }),
  (chain, _at, value) => Object.assign(chain[2] ?? {}, { length: value & 1 ? 0 : 2 + (value & 15) }),
  (chain) => Object.assign(chain[2] ?? {}, { low: DRIVER_BUFFERS, high: DRIVER, flags: 0 }),
  // avail.idx
  (chain, _at, value) => {
    chain.ahead = 1 + (value & 0xffff)
  },
]

const value = fc.oneof(
  fc.constantFrom(
    0,
    1,
    0x20,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_ffff,
  ),
  u32,
)

export const spoiltChain: fc.Arbitrary<SpoiltChain> = fc
  .tuple(fc.constantFrom(0, 4, 8, 12), fc.nat(SPOILS.length - 1), fc.nat(2), value)
  .map(([first, which, at, number]) => {
    const chain = soundChain(first)
    SPOILS[which]?.(chain, at, number, first)
    return { first, descriptors: [...chain], head: chain.head ?? first, ahead: chain.ahead ?? 1 }
  })
