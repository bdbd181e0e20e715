// What our own link costs, counted with the real firmware in virtual time: exact, and the same on every machine.

import { detect } from "../../host/src/cli/i2c-detect.js"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { MAX_PACKET_SIZE } from "../../shared-protocol/src/mailbox/packet.js"
import { SimulatedBoard, type Traffic } from "./simulated-board.js"
import { WORKLOADS, type Workload } from "./workloads.js"

/** What stock firmware lets a program send. */
export const THROTTLE_PACKETS_PER_S = 50
export const THROTTLE_BYTES_PER_S = THROTTLE_PACKETS_PER_S * MAX_PACKET_SIZE
/** Packets that the throttle lets pass at once after a rest. */
export const THROTTLE_BURST = 5

/** Slots are used in turn, 64 of them: after so many rounds each has been used by this work before. */
const WARM_ROUNDS = 130
const MEASURED_ROUNDS = 40
const SUSTAINED_MS = 4000

export interface OurCost {
  readonly workload: Workload
  /** The dearest of 40 runs in a warm queue, each with other registers than its slots saw before. */
  readonly traffic: Traffic
  /** Of a block read: the first one after register reads, for which its slots have to be described anew. */
  readonly first?: Traffic
  /** Virtual milliseconds after a rest; the chip's own time is not in it. */
  readonly burstMs: number
  /** Virtual milliseconds when it is done again and again. */
  readonly sustainedMs: number
}

const RAM = 0x54
const RAM_BYTES = 20
const EEPROM = 0x50
/** Coprime to the RAM's size and to the number of slots: no slot sees the same register twice in a row. */
const REGISTER_STEP = 7

/** Register reads of ever other registers. */
export class RegisterReader {
  readonly #i2c: I2cAdapter
  #register = 0

  constructor(i2c: I2cAdapter) {
    this.#i2c = i2c
  }

  read(bytes: number): Promise<Uint8Array> {
    this.#register = (this.#register + REGISTER_STEP) % (RAM_BYTES - 1)
    return this.#i2c.readBlock(RAM, this.#register, bytes)
  }

  readMany(count: number, bytes: number): Promise<Uint8Array[]> {
    return Promise.all(Array.from({ length: count }, () => this.read(bytes)))
  }
}

/** All workloads in turn, each on a board of its own. */
export async function measureOurs(): Promise<OurCost[]> {
  const costs: OurCost[] = []
  for (const workload of WORKLOADS)
    costs.push(workload.kind === "initialise" ? await initialisation(workload) : await steady(workload))
  return costs
}

async function steady(workload: Workload): Promise<OurCost> {
  const board = new SimulatedBoard()
  const i2c = await board.open()
  const reader = new RegisterReader(i2c)
  const work = (): Promise<unknown> => {
    if (workload.kind === "scan") return detect(i2c, 0x08, 0x77, "auto")
    if (workload.kind === "block-read") return i2c.readBlock(EEPROM, 0, workload.bytesEach)
    return reader.readMany(workload.transfers, workload.bytesEach)
  }
  let first: Traffic | undefined
  if (workload.kind === "block-read") {
    for (let round = 0; round < WARM_ROUNDS; round++) await board.clock.run(reader.read(2))
    await board.rest()
    first = (await board.measure(work)).traffic
  }
  for (let round = 0; round < Math.ceil(WARM_ROUNDS / workload.transfers); round++)
    await board.clock.run(work())
  let traffic: Traffic | undefined
  let burstMs = 0
  for (let round = 0; round < MEASURED_ROUNDS; round++) {
    await board.rest()
    const run = await board.measure(work)
    burstMs = Math.max(burstMs, run.ms)
    const bytes = run.traffic.payloadOut + run.traffic.payloadIn
    if (!traffic || bytes > traffic.payloadOut + traffic.payloadIn) traffic = run.traffic
  }
  const startMs = board.clock.now()
  let times = 0
  while (board.clock.now() < startMs + SUSTAINED_MS) {
    await board.clock.run(work())
    times++
  }
  const sustainedMs = (board.clock.now() - startMs) / times
  await board.close()
  return { workload, traffic: traffic as Traffic, ...(first ? { first } : {}), burstMs, sustainedMs }
}

/** From the start of the program to DRIVER_OK, HELLO and discovery included. */
async function initialisation(workload: Workload): Promise<OurCost> {
  const board = new SimulatedBoard()
  const { traffic, ms } = await board.measure(() => board.open())
  await board.close()
  return { workload, traffic, burstMs: ms, sustainedMs: ms }
}

export interface Sustained {
  readonly title: string
  readonly inFlight: number
  /** Per virtual second. */
  readonly transfersPerS: number
  readonly bytesPerS: number
  readonly packetsPerS: number
}

/** Many callers at once, each starting its next transfer when its last one ends. */
export async function measureSustained(): Promise<Sustained[]> {
  const results: Sustained[] = []
  for (const inFlight of [1, 2, 8, 32, 64])
    results.push(await sustained("register reads of 2 bytes", inFlight, 2))
  for (const inFlight of [1, 4, 8]) results.push(await sustained("EEPROM reads of 256 bytes", inFlight, 256))
  results.push(await sustained("EEPROM reads of 1024 bytes", 2, 1024))
  return results
}

async function sustained(title: string, inFlight: number, bytesEach: number): Promise<Sustained> {
  const board = new SimulatedBoard()
  const i2c = await board.open()
  const reader = new RegisterReader(i2c)
  const read = () => (bytesEach > RAM_BYTES ? i2c.readBlock(EEPROM, 0, bytesEach) : reader.read(bytesEach))
  for (let round = 0; round < WARM_ROUNDS; round++) await board.clock.run(read())
  const endMs = board.clock.now() + SUSTAINED_MS
  let transfers = 0
  const caller = async () => {
    while (board.clock.now() < endMs) {
      await read()
      transfers++
    }
  }
  const { traffic, ms } = await board.measure(() => Promise.all(Array.from({ length: inFlight }, caller)))
  await board.close()
  const seconds = ms / 1000
  return {
    title,
    inFlight,
    transfersPerS: transfers / seconds,
    bytesPerS: (transfers * bytesEach) / seconds,
    packetsPerS: (traffic.packetsIn + traffic.emptyIn) / seconds,
  }
}
