// The boot loader in an ESP32's ROM, and the stub that is loaded into it, at the far end of a pseudo-terminal. It
// decodes the serial protocol, keeps what is written, and answers as the chip does. Afterwards a board may run there.

import { createHash } from "node:crypto"
import type { Duplex } from "node:stream"
import { inflateSync } from "node:zlib"
import { BoardStream } from "../../host/src/link/board-stream.js"
import { openPty, type Pty } from "../../host/src/node/pty.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"

const END = 0xc0
const ESCAPE = 0xdb

const COMMANDS = {
  memBegin: 0x05,
  memEnd: 0x06,
  memData: 0x07,
  sync: 0x08,
  writeRegister: 0x09,
  readRegister: 0x0a,
  changeBaud: 0x0f,
  flashBegin: 0x10,
  flashData: 0x11,
  flashEnd: 0x12,
  flashMd5: 0x13,
  securityInfo: 0x14,
}

/** The register whose value tells which chip it is. */
const MAGIC_REGISTER = 0x40001000

export interface FakeChip {
  /** In the answer to "get security info". Undefined for chips whose ROM has no such command. */
  readonly chipId: number | undefined
  readonly magic: number
}
export const FAKE_C3: FakeChip = { chipId: 5, magic: 0x1b31506f }
export const FAKE_S3: FakeChip = { chipId: 9, magic: 9 }
export const FAKE_ESP32: FakeChip = { chipId: undefined, magic: 0x00f01d83 }

export class FakeEspRom {
  readonly flash = new Map<number, Buffer>()
  readonly baudRates: number[] = []
  isStubRunning = false
  /** Whether the runtime starts after the flash was compared, as after a reset: a blank board in the VM. */
  becomesBoard = false
  /** Called for each block of data, with the number of blocks before it. May close the pseudo-terminal. */
  onBlock: (count: number) => void = () => {}
  /** Changes the bytes that are written, as a bad flash does. */
  spoil = false
  /** Answers nothing, as a chip that runs its program. */
  isDeaf = false
  /** How late it says that it starts the stub. */
  stubDelayMs = 0

  readonly #pty: Pty
  readonly #chip: FakeChip
  #frame: number[] | undefined
  #isEscaped = false
  #stubBytes = 0
  #address = 0
  #compressed: Buffer[] = []
  #isListening = true
  #machine: VirtualMachine | undefined

  private constructor(pty: Pty, chip: FakeChip) {
    this.#pty = pty
    this.#chip = chip
    pty.stream.on("data", (chunk: Buffer) => {
      if (this.#isListening) for (const byte of chunk) this.#take(byte)
    })
  }

  static async start(chip: FakeChip): Promise<FakeEspRom> {
    return new FakeEspRom(await openPty(), chip)
  }

  get path(): string {
    return this.#pty.path
  }

  /** Pulls the cable. */
  close(): void {
    this.#machine?.stop()
    this.#pty.close()
  }

  #becomeBoard(stream: Duplex): void {
    const machine = new VirtualMachine({})
    this.#machine = machine
    const board = new BoardStream({
      sendFrame: (frame) => machine.sendFrame(frame),
      write: (bytes) => stream.write(bytes),
    })
    machine.onFrame.on((frame) => board.frame(frame))
    stream.on("data", (chunk) => board.receive(chunk))
    machine.start()
  }

  #take(byte: number): void {
    if (byte === END) {
      if (this.#frame && this.#frame.length >= 8) this.#command(Buffer.from(this.#frame))
      this.#frame = []
    } else if (byte === ESCAPE) this.#isEscaped = true
    else {
      this.#frame?.push(this.#isEscaped ? (byte === 0xdc ? END : ESCAPE) : byte)
      this.#isEscaped = false
    }
  }

  #command(frame: Buffer): void {
    if (this.isDeaf || frame[0] !== 0) return
    const [command, size, checksum] = [frame.readUInt8(1), frame.readUInt16LE(2), frame.readUInt32LE(4)]
    const data = frame.subarray(8)
    if (data.length !== size) throw new Error(`a command of ${size} bytes has ${data.length}`)
    switch (command) {
      case COMMANDS.sync:
        for (let i = 0; i < 8; i++) this.#answer(command, Buffer.alloc(0), 0x20120707)
        return
      case COMMANDS.securityInfo:
        this.#securityInfo(command)
        return
      case COMMANDS.readRegister:
        this.#answer(command, Buffer.alloc(0), data.readUInt32LE(0) === MAGIC_REGISTER ? this.#chip.magic : 0)
        return
      case COMMANDS.memData:
        this.#checkSum(data, checksum)
        this.#stubBytes += data.readUInt32LE(0)
        break
      case COMMANDS.memEnd:
        if (this.#stubBytes < 1000) throw new Error("that was no stub")
        setTimeout(() => {
          this.#answer(command)
          this.isStubRunning = true
          this.#send(Buffer.from("OHAI"))
        }, this.stubDelayMs)
        return
      case COMMANDS.changeBaud:
        this.baudRates.push(data.readUInt32LE(0))
        break
      case COMMANDS.flashBegin:
        this.#address = data.readUInt32LE(12)
        this.#compressed = []
        break
      case COMMANDS.flashData:
        this.onBlock(this.#compressed.length)
        if (this.isDeaf) return
        this.#checkSum(data, checksum)
        this.#compressed.push(Buffer.from(data.subarray(16)))
        break
      case COMMANDS.flashEnd: {
        const written = inflateSync(Buffer.concat(this.#compressed))
        if (this.spoil) written[100] = (written[100] ?? 0) ^ 1
        this.flash.set(this.#address, written)
        break
      }
      case COMMANDS.flashMd5: {
        const stored = this.flash.get(data.readUInt32LE(0)) ?? Buffer.alloc(0)
        const digest = createHash("md5")
          .update(stored.subarray(0, data.readUInt32LE(4)))
          .digest()
        this.#answer(command, digest)
        this.#isListening = false
        if (this.becomesBoard) this.#becomeBoard(this.#pty.stream)
        return
      }
      case COMMANDS.memBegin:
      case COMMANDS.writeRegister:
        break
      default:
        throw new Error(`command 0x${command.toString(16)}`)
    }
    this.#answer(command)
  }

  #securityInfo(command: number): void {
    if (this.#chip.chipId === undefined) {
      // an old ROM answers eight times that it does not know the command
      for (let i = 0; i < 8; i++) this.#send(this.#reply(0xff, Buffer.from([1, 5, 0, 0]), 0))
      return
    }
    const info = Buffer.alloc(20)
    info.writeUInt32LE(this.#chip.chipId, 12)
    this.#answer(command, info)
  }

  /** Checks that the data has the checksum that came with it. */
  #checkSum(data: Buffer, checksum: number): void {
    let sum = 0xef
    for (const byte of data.subarray(16)) sum ^= byte
    if (sum !== checksum || data.readUInt32LE(0) !== data.length - 16) throw new Error("wrong checksum")
  }

  #answer(command: number, data: Buffer = Buffer.alloc(0), value = 0): void {
    const status = Buffer.alloc(this.isStubRunning ? 2 : 4)
    this.#send(this.#reply(command, Buffer.concat([data, status]), value))
  }

  #reply(command: number, data: Buffer, value: number): Buffer {
    const header = Buffer.alloc(8)
    header[0] = 1
    header[1] = command
    header.writeUInt16LE(data.length, 2)
    header.writeUInt32LE(value >>> 0, 4)
    return Buffer.concat([header, data])
  }

  #send(packet: Buffer): void {
    const bytes = [END]
    for (const byte of packet) {
      if (byte === END) bytes.push(ESCAPE, 0xdc)
      else if (byte === ESCAPE) bytes.push(ESCAPE, 0xdd)
      else bytes.push(byte)
    }
    bytes.push(END)
    this.#pty.stream.write(Buffer.from(bytes))
  }
}
