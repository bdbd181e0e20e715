// Chips of one's own on the simulated board: what the guide shows, errors with their place, and refusals.

import { copyFile, writeFile } from "node:fs/promises"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { toBusChip } from "../../host/src/vm/bus-chip.js"
import { runTransfer } from "../../host/src/vm/chip-server.js"
import { startUntilLine, virtioMsg, withFolder } from "./command.js"

const EXAMPLE = fileURLToPath(new URL("../../docs/examples/tmp102.ts", import.meta.url))

const COUNTER = `const registers = new Uint8Array(16)
interface Chip { registers: Uint8Array }
export default {
  registers,
  onRead(register: number) {
    if (register === 0) registers[0]++
    if (register === 7) throw new Error("register 7 is broken")
  },
} satisfies Chip & object`

describe("sim --chip", () => {
  it("puts TypeScript files on the bus beside the simulated chips; what they throw is told once, with its place", () =>
    withFolder(async (folder) => {
      const counter = path.join(folder, "counter.ts")
      await writeFile(counter, COUNTER)
      await copyFile(EXAMPLE, path.join(folder, "tmp102.ts"))
      const table = path.join(folder, "table.ts")
      await writeFile(table, `import thermometer from "./tmp102.ts"\nexport default { 0x48: thermometer }`)
      const socket = `unix:${path.join(folder, "board.sock")}`
      const chips = ["--chip", `${counter}@0x40`, "--chip", `${counter}@65`, "--chips", table]
      const sim = await startUntilLine(["sim", ...chips, "--listen", socket])
      const get = async (words: string) => {
        const { stdout, stderr } = await virtioMsg(`--port ${socket} i2c ${words}`)
        return stdout.trim() || stderr
      }
      expect(await get("get 0x40 0")).toBe("0x01")
      expect(await get("get 65 0")).toBe("0x02") // one module is one chip, at two addresses
      expect(await get("set 0x40 5 0xab")).toBe("")
      expect(await get("get 0x40 5")).toBe("0xab")
      expect(await get("transfer w1@0x48 0 r2")).toBe("0x15 0x80") // it took the place of the simulated LM75
      expect(await get("transfer w3@0x48 3 0x19 0x40")).toBe("")
      expect(await get("transfer w1@0x48 3 r2")).toBe("0x19 0x40")
      expect(await get("get 0x54 14")).toBe("0x66")
      expect((await get("transfer r600@0x48")).split(" ")).toHaveLength(600)
      expect(await get("get 0x40 7")).toContain("No chip acknowledged")
      await get("get 0x40 7")
      const { stderr } = await sim.stop()
      expect(
        stderr.match(/error: the chip at 0x40: Error: register 7 is broken at .*counter\.ts:\d+/g),
      ).toHaveLength(1)
    }))

  it("refuses what is no chip, and says why", () =>
    withFolder(async (folder) => {
      const write = async (name: string, text: string) => {
        await writeFile(path.join(folder, name), text)
        return path.join(folder, name)
      }
      const number = await write("number.mjs", "export default 5")
      const broken = await write("broken.mjs", "export default {")
      const many = await write("many.mjs", "export default { registers: new Uint8Array(300) }")
      const misspelt = await write("misspelt.mjs", "export default { registrs: [1], raed: () => 1 }")
      const empty = await write("empty", "")
      const text = await write("README.md", "# No program")
      for (const [chip, words] of [
        [`${misspelt}@0x40`, "exports no chip: it has none of registers, start, address, write, read, stop."],
        [`${empty}@0x40`, "exports no chip: "],
        [`${number}@0x40`, "exports no chip: its default export is number"],
        [`${broken}@0x40`, "cannot be loaded: "],
        [`${text}@0x40`, `cannot be loaded: Unknown file extension ".md" for ${text}\n`],
        [`${many}@0x40`, "1 to 256 registers, not 300"],
        [`${number}@0x99`, "an I2C address is from 0x08 to 0x77"],
        [number, "names no chip and address"],
        ["nowhere.ts@0x40", "There is no file nowhere.ts"],
      ] as const) {
        const outcome = await virtioMsg(["sim", "--chip", chip, "--listen", `unix:${folder}/s`])
        expect(outcome.code).toBe(2)
        expect(outcome.stderr).toContain(words)
      }
    }))
})

describe("a chip in the bus's verbs", () => {
  it("hears start, address, bytes and stop in their order, and a repeated start before a read", () => {
    const heard: unknown[] = []
    const chip = {
      start: () => void heard.push("start"),
      address(isRead: boolean) {
        heard.push(isRead ? "read" : "write")
        return true
      },
      write(byte: number) {
        heard.push(byte)
        return byte !== 9
      },
      read: () => 7,
      stop: () => void heard.push("stop"),
    }
    expect(runTransfer(chip, Uint8Array.of(1, 2), 2)).toEqual({ status: 0, data: Uint8Array.of(7, 7) })
    expect(heard).toEqual(["start", "write", 1, 2, "start", "read", "stop"])
    expect(runTransfer(chip, Uint8Array.of(9, 1), 1).status).toBe(1) // the byte behind a refused one is not sent
    expect(heard.slice(7)).toEqual(["start", "write", 9, "stop"])
    expect(runTransfer({ address: (isRead) => !isRead, write: () => true }, Uint8Array.of(1), 1).status).toBe(
      2,
    )
    expect(runTransfer({}, new Uint8Array(0), 0).status).toBe(0) // a probe
    expect(runTransfer({}, Uint8Array.of(1), 0).status).toBe(1)
  })

  it("of registers wraps, and tells what was written", () => {
    const written: number[][] = []
    const chip = toBusChip({ registers: [1, 2, 3], onWrite: (...args) => void written.push(args) })
    expect([...runTransfer(chip, Uint8Array.of(2), 3).data]).toEqual([3, 1, 2])
    runTransfer(chip, Uint8Array.of(2, 8, 9), 0)
    expect(written).toEqual([
      [2, 8],
      [0, 9],
    ])
  })
})
