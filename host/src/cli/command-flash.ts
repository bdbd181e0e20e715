// `virtio-msg flash`: Microsoft's DeviceScript runtime onto a board, which our firmware needs under it.

import { type Command, InvalidArgumentError } from "commander"
import { BOARDS } from "../../../boards/src/index.js"
import { counted } from "../counted.js"
import { flashBoard } from "../flash/flash-board.js"
import { unknownBoard } from "../node/deploy-firmware.js"
import { helpExamples, note, portOf, print } from "./context.js"
import { Progress } from "./progress.js"

interface Options {
  readonly board: string
  readonly file?: string
  readonly refresh?: true
  readonly wait: number
  readonly json?: true
}

export function define(command: Command): void {
  command
    .requiredOption("-b, --board <board>", "which board it is: virtio-msg boards lists them")
    .option("-f, --file <firmware>", "the runtime's file; without it Microsoft's is downloaded, once")
    .option("--refresh", "download it again, also when it is another file than before")
    .option("--wait <seconds>", "how long to wait for somebody to press a button", parseSeconds, 60)
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `${helpExamples(
        "virtio-msg flash --board pico --file /tmp/devicescript-rp2040-pico.uf2",
        "virtio-msg --port /dev/ttyACM0 flash --board esp32c3_bare --file /tmp/esp32c3.bin",
      )}\nWhat was on the board is gone then; a Pico and an ESP32 can always be flashed again.`,
    )
    .action(async ({ board: id, file, refresh, wait, json }: Options, command: Command) => {
      const board = BOARDS.find((candidate) => candidate.id === id)
      if (!board) throw unknownBoard(id)
      let progress: Progress | undefined
      let title = ""
      const flashed = await flashBoard({
        board,
        port: portOf(command),
        ...(file === undefined ? {} : { file }),
        ...(refresh ? { refresh } : {}),
        waitMs: wait * 1000,
        onStep: (sentence) => {
          progress?.end()
          note(sentence)
        },
        onProgress: (step, done, total) => {
          if (step !== title) progress = new Progress(step)
          title = step
          progress?.show(done, total)
        },
      }).finally(() => progress?.end())
      if (json) {
        print(JSON.stringify({ boardId: board.id, ...flashed, port: flashed.port ?? null }, undefined, 2))
        return
      }
      print(`Flashed    ${board.name}, ${counted(flashed.sizeBytes, "byte")}`)
      if (flashed.runtimeVersion) {
        print(`Running    DeviceScript ${flashed.runtimeVersion} on ${flashed.port}`)
        print(`Next: virtio-msg --port ${flashed.port} deploy`)
      } else {
        print("Running    not seen yet")
        print(`Next: ${board.reset} Then: virtio-msg ports, and virtio-msg deploy`)
      }
    })
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!/^\d+$/.test(text) || seconds > 3600) throw new InvalidArgumentError("It is 0 to 3600 seconds.")
  return seconds
}
