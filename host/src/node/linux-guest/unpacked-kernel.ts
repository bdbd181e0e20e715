// A kernel that begins at once. Debian's kernels are packed, and unpack themselves when they start: an emulated processor
// takes longer for that than for all the rest of the boot. So it is done once, by this computer.

import { readFile, rename, rm, writeFile } from "node:fs/promises"
import { crc32 } from "node:zlib"
import { runCommand } from "./run-command.js"

/** What is in a packed kernel. */
interface Payload {
  /** Where an xz stream may begin, and where it ends. */
  readonly starts: readonly number[]
  readonly end: number
  /** The length of the kernel that is in it, in bytes. */
  readonly length: number
  /** What QEMU wants in front of it. */
  readonly header: (kernel: Uint8Array) => Uint8Array
}

/** Where the RAM of QEMU's machine `virt` begins. */
const VIRT_RAM = 0x40000000
const XZ = Buffer.from("fd377a585a00", "hex")

/**
 * Writes a kernel for QEMU's `-kernel` to `target`: the zImage (ARM) or bzImage (x86-64) of `file`, unpacked, or as it
 * is when it is packed in another way than with xz. Rejects with CommandError, or with what the file system says.
 */
export async function unpackKernel(file: string, target: string): Promise<void> {
  const packed = await readFile(file)
  const payload = zImagePayload(packed) ?? bzImagePayload(packed)
  const kernel = payload && (await unpack(packed, payload, target))
  if (kernel) await writeFile(target, Buffer.concat([payload.header(kernel), kernel]))
  else await rename(file, target)
}

async function unpack(packed: Buffer, payload: Payload, target: string): Promise<Buffer | undefined> {
  for (const start of payload.starts) {
    await writeFile(`${target}.xz`, packed.subarray(start, payload.end))
    try {
      await runCommand("xz", ["--decompress", "--keep", "--force", `${target}.xz`])
    } catch {
      continue // the bytes only look like a stream's
    } finally {
      await rm(`${target}.xz`)
    }
    const kernel = await readFile(target)
    if (kernel.length === payload.length) return kernel
  }
  return undefined
}

/**
 * An ARM zImage: its head names a table (since Linux 4.15), which says where the packed kernel ends and how far from the
 * beginning of RAM it runs. The kernel's length stands behind it.
 */
function zImagePayload(packed: Buffer): Payload | undefined {
  const word = (at: number) => (at + 4 <= packed.length ? packed.readUInt32LE(at) : 0)
  const table = word(0x38)
  if (word(0x24) !== 0x016f2818 || word(0x34) !== 0x45454545) return undefined
  if (word(table + 4) !== 0x5a534c4b || word(table) < 5) return undefined
  const end = word(table + 8)
  const loadAt = VIRT_RAM + word(table + 16)
  const starts: number[] = []
  for (let at = packed.indexOf(XZ); at >= 0 && at < end; at = packed.indexOf(XZ, at + 1)) starts.push(at)
  return { starts, end, length: word(end), header: (kernel) => uImageHeader(kernel, loadAt) }
}

/** A bzImage: the boot protocol's header (since 2.08) says where an ELF file is in it, with its length behind it. */
function bzImagePayload(packed: Buffer): Payload | undefined {
  if (packed.length < 0x250 || packed.toString("latin1", 0x202, 0x206) !== "HdrS") return undefined
  if (packed.readUInt16LE(0x206) < 0x208) return undefined
  const sectors = packed.readUInt8(0x1f1) || 4
  const start = 512 * (sectors + 1) + packed.readUInt32LE(0x248)
  const end = start + packed.readUInt32LE(0x24c) - 4
  if (end + 4 > packed.length || packed.indexOf(XZ, start) !== start) return undefined
  return { starts: [start], end, length: packed.readUInt32LE(end), header: () => new Uint8Array(0) }
}

/** U-Boot's legacy image header, by which QEMU learns where an ARM kernel belongs: big-endian, 64 bytes. */
function uImageHeader(kernel: Uint8Array, loadAt: number): Uint8Array {
  const header = Buffer.alloc(64)
  header.writeUInt32BE(0x27051956, 0)
  header.writeUInt32BE(kernel.length, 12)
  header.writeUInt32BE(loadAt, 16)
  header.writeUInt32BE(loadAt, 20) // where it begins to run
  header.writeUInt32BE(crc32(kernel), 24)
  header.set([5, 2, 2, 0], 28) // Linux, ARM, a kernel, not compressed
  header.write("Linux", 32)
  header.writeUInt32BE(crc32(header), 4) // of the header with 0 in this place
  return header
}
