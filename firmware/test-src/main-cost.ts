// Does known things a known number of times, so that the benchmark can compare its cost model with figures that were
// measured elsewhere (test/bench/chip-model.test.ts). Each step ends with a line in the log.

import * as ds from "@devicescript/core"

const TIMES = 100
const KILOBYTE = 1024

/** Does nothing: shows what a step costs by itself. */
function nothing(): void {}

function callNothing(): void {
  for (let i = 0; i < TIMES; i++) nothing()
}

function countOnly(): void {
  for (let i = 0; i < TIMES; i++) {
    // an empty loop
  }
}

function allocate(): void {
  for (let i = 0; i < TIMES; i++) Buffer.alloc(64)
}

function copyBytes(from: Buffer, to: Buffer): void {
  for (let i = 0; i < TIMES; i++) to[i] = from[i]
}

const one = Buffer.alloc(TIMES)
const other = Buffer.alloc(TIMES)
/** Kept from some step on, so that less of the heap is free. */
const held: Buffer[] = []

/** Takes memory in pieces of `bytes`, also from the holes that earlier allocations left. */
function hold(kilobytes: number, bytes: number): void {
  for (let taken = 0; taken < kilobytes * KILOBYTE; taken += bytes) held.push(Buffer.alloc(bytes))
}

await ds.sleep(1000)
console.log("step begin")
nothing()
console.log("step nothing")
countOnly()
console.log("step loop")
callNothing()
console.log("step call")
allocate()
console.log("step alloc")
copyBytes(one, other)
console.log("step copy")
hold(30, 2 * KILOBYTE)
hold(10, 100)
console.log("step hold")
countOnly()
console.log("step loop with 40 KB held")
callNothing()
console.log("step call with 40 KB held")
hold(4, 2 * KILOBYTE)
console.log("step hold")
countOnly()
console.log("step loop with 48 KB held")
callNothing()
console.log("step call with 48 KB held")
