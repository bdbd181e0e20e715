// All golden vectors, and how to run one by its number: the same list in vitest and in the virtual machine.

import type { Allocator } from "../../shared-protocol/src/bytes.js"
import { BUS_VECTORS } from "./bus.js"
import { PACKET_VECTORS } from "./packets.js"
import { REFUSED_VECTORS } from "./refused.js"
import { runSilentVector, SILENT_VECTORS } from "./silence.js"
import { TRANSPORT_VECTORS } from "./transport.js"
import { runMessageVector, runPacketVector, runRefusedVector } from "./vector.js"
import { VQUEUE_VECTORS } from "./vqueue.js"

/** A vector of any kind. */
export interface Golden {
  readonly name: string
  /** "" or what is wrong. */
  readonly run: (alloc: Allocator) => string
}

/** Every vector, in a fixed order. */
export function allVectors(): Golden[] {
  const all: Golden[] = []
  TRANSPORT_VECTORS.forEach((vector) => {
    all.push({ name: vector.name, run: (alloc) => runMessageVector(vector, alloc) })
  })
  VQUEUE_VECTORS.forEach((vector) => {
    all.push({ name: vector.name, run: (alloc) => runMessageVector(vector, alloc) })
  })
  BUS_VECTORS.forEach((vector) => {
    all.push({ name: vector.name, run: (alloc) => runMessageVector(vector, alloc) })
  })
  PACKET_VECTORS.forEach((vector) => {
    all.push({ name: vector.name, run: (alloc) => runPacketVector(vector, alloc) })
  })
  REFUSED_VECTORS.forEach((vector) => {
    all.push({ name: `refused: ${vector.name}`, run: (alloc) => runRefusedVector(vector, alloc) })
  })
  SILENT_VECTORS.forEach((vector) => {
    all.push({ name: `silence: ${vector.name}`, run: (alloc) => runSilentVector(vector, alloc) })
  })
  return all
}
