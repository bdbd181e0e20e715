// `flash` as its users type it: a Pico by its drive, an ESP32 by its ROM, and what goes wrong.

import { execFileSync } from "node:child_process"
import { writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { openPty } from "../../host/src/node/pty.js"
import { UNLESS_LINUX } from "../support/because.js"
import { FAKE_C3, FAKE_S3, FakeEspRom } from "../support/fake-esp-rom.js"
import { FakePico } from "../support/fake-pico.js"
import { FakeRoot, PICO_USB } from "../support/fake-root.js"
import { boardSettings, makeEspImage, makeUf2 } from "../support/firmware-files.js"
import { startUntilLine, virtioMsg, withFolder } from "./command.js"

const RP2040_FAMILY = 0xe48bff56
const C3_USB = { idVendor: "303a", idProduct: "1001", serial: "AA:BB" }

/** A folder that is a root, with a firmware file in it. */
function withRoot(contents: Buffer, work: (root: FakeRoot, file: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const file = path.join(folder, "firmware")
    await writeFile(file, contents)
    await work(new FakeRoot(folder), file)
  })
}

/** What is said only where the board, or who plays it, takes long. */
function withoutWaiting(stderr: string): string {
  return stderr.replace(/^.* Waiting 60 s for it \.\.\.\n/gm, "")
}

describe.concurrent("from a blank Pico to i2c detect", () => {
  it("is three commands", () => {
    const uf2 = makeUf2(200)
    return withRoot(uf2, async (root, file) => {
      const pico = await FakePico.insert(root, uf2.length)
      const flashed = await virtioMsg(`flash --board pico --file ${file}`, root.env)
      const port = path.join(root.folder, "dev/ttyACM0")
      expect({ ...flashed, stderr: withoutWaiting(flashed.stderr) }).toEqual({
        code: 0,
        stdout:
          `Flashed    Raspberry Pi Pico, ${uf2.length} bytes\n` +
          `Running    DeviceScript 0.0.0 on ${port}\nNext: virtio-msg --port ${port} deploy\n`,
        stderr: `Writing to the drive ${pico.folder} ...\nWaiting for the board to start ...\n`,
      })
      expect(pico.written).toBe(uf2.length)
      expect((await virtioMsg("deploy --simulated", root.env)).code).toBe(0)
      const detected = await virtioMsg("i2c detect", root.env)
      expect(detected.stdout).toContain("50: 50 -- -- -- 54 -- 56")
      await pico.end()
    })
  })
})

describe.skipIf(UNLESS_LINUX)(`a Pico that runs a program${UNLESS_LINUX}`, () => {
  it("is asked for its boot loader, by 1200 baud on its port, and flashed when that appears", () => {
    const uf2 = makeUf2(20)
    return withRoot(uf2, async (root, file) => {
      const running = await openPty()
      await root.addUsbPort("ttyACM5", { ...PICO_USB, idVendor: "2e8a" }, running.path)
      const args = ["flash", "--board", "pico", "--file", file]
      const flash = await startUntilLine(args, "stderr", root.env)
      expect(execFileSync("stty", ["-F", running.path, "speed"], { encoding: "utf8" })).toBe("1200\n")
      const pico = await FakePico.insert(root, uf2.length)
      const { code, stderr } = await flash.ended
      expect({ code, stderr: withoutWaiting(stderr) }).toEqual({
        code: 0,
        stderr:
          `Asked the board on ${path.join(root.folder, "dev/ttyACM5")} for its boot loader ...\n` +
          `Writing to the drive ${pico.folder} ...\nWaiting for the board to start ...\n`,
      })
      await pico.end()
      running.close()
    })
  })
})

describe.concurrent("flash of a Pico refuses", () => {
  it("a file for another chip, before it looks for the board", () =>
    withRoot(makeUf2(3, 0xe48bff59), async (root, file) => {
      expect(await virtioMsg(`flash --board pico --file ${file}`, root.env)).toEqual({
        code: 2,
        stdout: "",
        stderr:
          `error: ${file} is no firmware for Raspberry Pi Pico. It is for the RP2350, not for the RP2040.\n` +
          "hint: Microsoft's for this board: https://github.com/microsoft/devicescript-pico/releases/latest/download/devicescript-rp2040-pico.uf2\n",
      })
    }))

  it("a file for another board with this chip, and says which", () =>
    withRoot(
      makeUf2(3, RP2040_FAMILY, boardSettings("Raspberry Pi Pico W", 0x3a513204)),
      async (root, file) => {
        const flash = (board: string) => virtioMsg(`flash --board ${board} --file ${file} --wait 0`, root.env)
        expect(await flash("pico")).toMatchObject({
          code: 2,
          stderr: expect.stringContaining(
            `error: ${file} is no firmware for Raspberry Pi Pico. It is for the board "Raspberry Pi Pico W": --board pico_w.\n`,
          ),
        })
        expect((await flash("pico_w")).stderr).toContain("error: No drive RPI-RP2 is mounted.\n")
        const brain = boardSettings("MSR RP2040 Brain 59", 0x35a678a3)
        await writeFile(file, makeUf2(3, RP2040_FAMILY, brain))
        expect((await flash("pico")).stderr).toContain(
          'It is for the board "MSR RP2040 Brain 59", which is not in our list.\n',
        )
      },
    ))

  it("a file that is not there, and a board that is not in the list", async () => {
    expect(await virtioMsg("flash --board pico --file /nowhere.uf2")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: Cannot read \/nowhere\.uf2: .*\nhint: Is the path right\?\n$/),
    })
    expect((await virtioMsg("flash --board arduino")).stderr).toContain(
      'There is no board "arduino" in our list.',
    )
  })

  it("to go on without a drive, and says which button to hold", () =>
    withRoot(makeUf2(3), async (root, file) => {
      expect(await virtioMsg(`flash --board pico --file ${file} --wait 0`, root.env)).toEqual({
        code: 3,
        stdout: "",
        stderr:
          "error: No drive RPI-RP2 is mounted.\n" +
          "hint: Hold BOOTSEL while you plug it in: the drive RPI-RP2 appears.\n",
      })
      await root.addUsbDevice({ idVendor: "2e8a", idProduct: "0003" })
      expect((await virtioMsg(`flash --board pico --file ${file} --wait 0`, root.env)).stderr).toContain(
        "hint: The boot loader is there; mount its drive: udisksctl mount -b /dev/disk/by-label/RPI-RP2\n",
      )
    }))

  it("two boards at once, and a chip of another kind", () =>
    withRoot(makeUf2(3), async (root, file) => {
      await root.addBootDrive("/media/other", "RP2350")
      expect((await virtioMsg(`flash --board pico --file ${file} --wait 0`, root.env)).stderr).toContain(
        "is that of an RP2350, not of an RP2040.\n",
      )
      await root.addBootDrive("/media/a", "RPI-RP2")
      await root.addBootDrive("/media/b", "RPI-RP2")
      expect(await virtioMsg(`flash --board pico --file ${file} --wait 0`, root.env)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(
          /^error: More than one board is in its boot loader: .*\/media\/a, .*\/media\/b\.\nhint: Unplug all but one\. Nothing was written\.\n$/,
        ),
      })
    }))
})

describe.skipIf(UNLESS_LINUX).concurrent(`flash of an ESP32${UNLESS_LINUX}`, () => {
  it("goes through the ROM, and the board that starts takes our firmware", () =>
    withRoot(makeEspImage(5), async (root, file) => {
      const rom = await FakeEspRom.start(FAKE_C3)
      rom.becomesBoard = true
      const port = await root.addUsbPort("ttyACM0", C3_USB, rom.path)
      const flashed = await virtioMsg(`flash --board esp32c3_supermini --file ${file}`, root.env)
      expect({ ...flashed, stderr: withoutWaiting(flashed.stderr) }).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(
          new RegExp(
            `^Flashed {4}ESP32-C3 SuperMini, \\d+ bytes\nRunning {4}DeviceScript 0.0.0 on ${port}\n`,
          ),
        ),
        stderr:
          `Looking for the boot loader on ${port} ...\nIt is an ESP32-C3. Writing ...\n` +
          "Waiting for the board to start ...\n",
      })
      expect((await virtioMsg("deploy --board esp32c3_supermini", root.env)).stdout).toContain(
        "SDA 6, SCL 7, 100 kHz",
      )
      rom.close()
    }))

  it("refuses the wrong chip and leaves it as it was", () =>
    withRoot(makeEspImage(5), async (root, file) => {
      const rom = await FakeEspRom.start(FAKE_S3)
      const port = await root.addUsbPort("ttyACM0", C3_USB, rom.path)
      const { code, stderr } = await virtioMsg(`flash --board esp32c3_bare --file ${file}`, root.env)
      expect(code).toBe(2)
      expect(stderr).toContain(
        `error: The chip on ${port} is an ESP32-S3, not an ESP32-C3. Nothing was written.\n`,
      )
      rom.close()
      const other = Buffer.concat([makeEspImage(5), boardSettings("ESP32-C3 SuperMini", 0x31606c1c)])
      await writeFile(file, other)
      expect((await virtioMsg(`flash --board esp32c3_bare --file ${file}`, root.env)).stderr).toContain(
        'It is for the board "ESP32-C3 SuperMini": --board esp32c3_supermini.\n',
      )
    }))

  it("says which ports it could be when there are two, or none", () =>
    withRoot(makeEspImage(5), async (root, file) => {
      const line = `flash --board esp32c3_bare --file ${file}`
      expect((await virtioMsg(line, root.env)).stderr).toContain(
        "error: No port is there that could be ESP32-C3.\n",
      )
      const one = await root.addUsbPort("ttyACM0", C3_USB)
      const two = await root.addUsbPort("ttyACM1", C3_USB)
      await root.addUsbPort("ttyACM2", PICO_USB)
      const { code, stderr } = await virtioMsg(line, root.env)
      expect(code).toBe(2)
      expect(stderr).toMatch(/^error: More than one port could be ESP32-C3: [^,]*ttyACM0, [^,]*ttyACM1\.\n/)
      expect(stderr).toContain(
        `hint: Say which:\n  virtio-msg --port ${one} ${line}\n  virtio-msg --port ${two} ${line}\n`,
      )
    }))
})
