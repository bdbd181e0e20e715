// Kernels made here, packed as Linux packs them; that QEMU starts the real ones shows in every test with a guest.

import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { crc32 } from "node:zlib"
import { afterAll, describe, expect, it } from "vitest"
import { unpackKernel } from "../../host/src/node/linux-guest/unpacked-kernel.js"
import { because } from "../support/because.js"
import { skipReason } from "./requirements.js"

const KERNEL = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i) & 0xff))
const XZ_MAGIC = Buffer.from("fd377a585a00", "hex")
const TABLE = 0x100

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [at, value] of values.entries()) bytes.writeUInt32LE(value, 4 * at)
  return bytes
}

/** Bytes that only look like a stream's, then `payload`, then the kernel's length. */
function zImage(payload: Buffer, length = KERNEL.length): Buffer {
  const head = Buffer.alloc(0x200)
  words(0x016f2818).copy(head, 0x24)
  words(0x45454545, TABLE).copy(head, 0x34)
  const rest = Buffer.concat([XZ_MAGIC, Buffer.from("no stream"), payload])
  words(6, 0x5a534c4b, head.length + rest.length, 0, 0x208000, 0).copy(head, TABLE)
  return Buffer.concat([head, rest, words(length), Buffer.from("what follows")])
}

function bzImage(payload: Buffer): Buffer {
  const setup = Buffer.alloc(512 * 5)
  setup[0x1f1] = 4
  setup.write("HdrS", 0x202)
  setup.writeUInt16LE(0x20f, 0x206)
  words(16, payload.length + 4).copy(setup, 0x248)
  return Buffer.concat([setup, Buffer.alloc(16), payload, words(KERNEL.length), Buffer.from("what follows")])
}

const skip = await skipReason({ guest: true })

describe.skipIf(skip)(`unpackKernel${because(skip)}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "unpacked-kernel-"))
  const [file, target] = [path.join(folder, "packed"), path.join(folder, "kernel")]
  const packed = execFileSync("xz", ["--check=crc32", "--stdout"], { input: KERNEL })

  afterAll(() => rmSync(folder, { recursive: true }))

  async function unpacked(image: Buffer): Promise<Buffer> {
    writeFileSync(file, image)
    await unpackKernel(file, target)
    expect(existsSync(`${target}.xz`)).toBe(false)
    return readFileSync(target)
  }

  it("gives an ARM kernel the place in RAM that its head names", async () => {
    const image = await unpacked(zImage(packed))
    expect(image.subarray(64)).toEqual(KERNEL)
    const header = Buffer.from(image.subarray(0, 64))
    expect([0, 12, 16, 20, 24].map((at) => header.readUInt32BE(at))).toEqual([
      ...[0x27051956, KERNEL.length, 0x40208000, 0x40208000, crc32(KERNEL)],
    ])
    expect([...header.subarray(28, 32)]).toEqual([5, 2, 2, 0])
    const checksum = header.readUInt32BE(4)
    header.writeUInt32BE(0, 4)
    expect(checksum).toBe(crc32(header))
  })

  it("takes the ELF file out of an x86-64 kernel", async () => {
    expect(await unpacked(bzImage(packed))).toEqual(KERNEL)
  })

  it.each([
    ["packed in another way, for ARM", zImage(Buffer.from("not xz"))],
    ["packed in another way, for x86-64", bzImage(Buffer.from("not xz"))],
    ["whose length is another one", zImage(packed, KERNEL.length + 1)],
    ["whose stream is cut off", zImage(packed.subarray(0, -20))],
    ["that is none of the two", Buffer.from("MZ")],
    ["that is empty", Buffer.alloc(0)],
    ["whose table is outside", Buffer.concat([zImage(packed).subarray(0, 0x38), words(0xffffff00)])],
  ])("leaves a kernel as it is %s", async (_what, image) => {
    expect(await unpacked(image)).toEqual(image)
  })
})
