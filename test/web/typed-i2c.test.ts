// The command lines that the page shows: the command takes each, and does what the page would.

import { describe, expect, it } from "vitest"
import { typedCommand } from "../../host/web/src/view/typed-i2c.js"
import { Simulator, virtioMsg, withFolder } from "../cli/command.js"

const fields = { chip: "0x54", register: "14", length: "1", value: "0x25" }

describe("what one would type", () => {
  it("is taken by the command, and does the same", () =>
    withFolder(async (folder) => {
      const board = await Simulator.start(`unix:${folder}/board.sock`)
      const run = async (line: string | undefined) => {
        const { code, stdout, stderr } = await virtioMsg(
          `--port ${board.port} ${line?.replace(/^virtio-msg /, "")}`,
        )
        return { line, code, stdout, stderr }
      }
      const lines = [
        [typedCommand("set", fields), ""],
        [typedCommand("get", fields), "0x25\n"],
        [typedCommand("set", { ...fields, value: "1 2, 0xff" }), ""],
        [typedCommand("get", { ...fields, length: "3" }), "0x01 0x02 0xff\n"],
        [typedCommand("get", { ...fields, chip: " 84 ", length: " 2 " }), "0x01 0x02\n"],
        [typedCommand("set", { ...fields, value: Array.from({ length: 32 }, () => "7").join(",") }), ""],
      ] as const
      for (const [line, stdout] of lines)
        expect(await run(line)).toEqual({ line, code: 0, stdout, stderr: "" })
      await board.stop()
    }))

  it("is nothing while a field is wrong", () => {
    for (const wrong of [
      { chip: "x" },
      { chip: "0x80" },
      { register: "256" },
      { length: "0" },
      { length: "33" },
    ])
      expect(typedCommand("get", { ...fields, ...wrong })).toBeUndefined()
    for (const value of ["", "256", "1 two", Array.from({ length: 33 }, () => "7").join(" ")])
      expect(typedCommand("set", { ...fields, value })).toBeUndefined()
  })
})
