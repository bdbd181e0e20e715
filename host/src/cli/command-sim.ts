// `virtio-msg sim`: the simulated board as a process of its own.

import { lstat } from "node:fs/promises"
import type { Command } from "commander"
import { VirtioMsgError } from "../errors.js"
import { serveBoard } from "../node/board-server.js"
import { FlashFile } from "../node/flash-file.js"
import { servePlainBoard } from "../node/plain-board.js"
import { readFirmware } from "../vm/firmware-image.js"
import { VirtualMachine } from "../vm/virtual-machine.js"
import { helpExamples, note, print } from "./context.js"
import { offerProcessTrace } from "./offer-process-trace.js"
import { processTrace } from "./process-trace.js"
import { untilStopped } from "./until-stopped.js"

interface SimOptions {
  readonly listen: string
  readonly flash?: string
  readonly blank?: true
  readonly verbose?: true
  readonly expose?: true
}

export function define(command: Command): void {
  command
    .option("-l, --listen <where>", "unix:PATH, tcp://127.0.0.1:PORT, pty, or plain:unix:PATH", "pty")
    .option("--flash <file>", "keep the board's flash memory in a file, so that what is deployed stays")
    .option("--blank", "a board with the runtime only, to deploy to")
    .option("--expose", "allow a tcp:// address that other computers can reach: they can use the board, too")
    .option("-v, --verbose", "print the board's log")
    .addHelpText(
      "after",
      helpExamples(
        "virtio-msg sim --listen unix:/tmp/board.sock &",
        "virtio-msg --port unix:/tmp/board.sock i2c detect",
        "virtio-msg sim --blank --flash /tmp/board.flash --listen unix:/tmp/blank.sock &",
        "virtio-msg --port unix:/tmp/blank.sock deploy --simulated",
        "virtio-msg sim --listen plain:unix:/tmp/plain.sock &",
        "virtio-msg --port plain:unix:/tmp/plain.sock conform",
      ) +
        "\n\nplain:unix:PATH speaks the plain profile, for drivers of other implementations: docs/conform-your-own.md. The\n" +
        "I2C, GPIO and entropy devices then run natively instead of as bytecode, and messages have up to 264 bytes.",
    )
    .action(async (options: SimOptions) => {
      await refuseOccupied(options.listen)
      if (options.listen.startsWith("plain:")) {
        await runPlain(options)
        return
      }
      const machine = new VirtualMachine({
        ...(options.blank ? {} : { program: readFirmware("simulated") }),
        ...(options.flash ? { flash: new FlashFile(options.flash) } : {}),
      })
      if (options.verbose) machine.onLog.on((line) => note(line))
      machine.onPanic.on((code) => note(`The board's program panicked (${code}); it starts again in 5 s.`))
      await machine.start()
      const stopped = untilStopped() // before anybody learns the port, and so could stop us
      try {
        const server = await serveBoard(machine, options.listen, processTrace, options.expose, note)
        const endOffer = await offerProcessTrace("sim")
        // scripts read this line to learn the port
        print(server.port)
        const use = options.blank ? "deploy --simulated" : "i2c detect"
        note(`The simulated board is on ${server.port}. Use it: virtio-msg --port ${server.port} ${use}`)
        await stopped
        await endOffer()
        await server.close()
      } finally {
        machine.stop()
      }
    })
}

async function runPlain(options: SimOptions): Promise<void> {
  const unfit = options.flash ? "--flash" : options.blank ? "--blank" : undefined
  if (unfit)
    throw new VirtioMsgError("INVALID_ARGUMENT", `${unfit} is for a board that runs bytecode.`, {
      hint: "The plain profile is served natively. Use --listen unix:PATH for a simulated board.",
    })
  const stopped = untilStopped()
  const server = await servePlainBoard(options.listen, note)
  print(server.port)
  note(`Simulated devices are on ${server.port}. Use them: virtio-msg --port ${server.port} i2c detect`)
  await stopped
  await server.close()
}

/** Throws INVALID_ARGUMENT for a path where something else than a socket is: that is not ours to replace. */
async function refuseOccupied(listen: string): Promise<void> {
  const [, socketPath] = /^(?:plain:)?unix:(.+)$/.exec(listen) ?? []
  if (socketPath === undefined) return
  const found = await lstat(socketPath).catch(() => undefined)
  if (found && !found.isSocket())
    throw new VirtioMsgError("INVALID_ARGUMENT", `${socketPath} exists and is not a socket.`, {
      hint: "Choose a path where no file is.",
    })
}
