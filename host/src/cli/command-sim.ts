// `virtio-msg sim`: the simulated board as a process of its own.

import type { Command } from "commander"
import { serveBoard } from "../node/board-server.js"
import { readFirmware } from "../vm/firmware-image.js"
import { VirtualMachine } from "../vm/virtual-machine.js"
import { note, print } from "./context.js"

export function addSimCommand(program: Command): void {
  program
    .command("sim")
    .description("Run the simulated board for other processes to use.")
    .option("-l, --listen <where>", "unix:PATH, tcp://127.0.0.1:PORT or pty", "pty")
    .option("-v, --verbose", "print the board's log")
    .addHelpText(
      "after",
      "\nExample:\n  $ virtio-msg sim --listen unix:/tmp/board.sock &\n  $ virtio-msg --port unix:/tmp/board.sock i2c detect",
    )
    .action(async (options: { listen: string; verbose?: boolean }) => {
      const machine = new VirtualMachine({ program: readFirmware("simulated") })
      if (options.verbose) machine.onLog.on((line) => note(line))
      machine.onPanic.on((code) => note(`The board's program panicked (${code}); it starts again in 5 s.`))
      await machine.start()
      try {
        const server = await serveBoard(machine, options.listen)
        // scripts read this line to learn the port
        print(server.port)
        note(`The simulated board is on ${server.port}. Use it: virtio-msg --port ${server.port} i2c detect`)
        await untilStopped()
        await server.close()
      } finally {
        machine.stop()
      }
    })
}

/** Settles when somebody presses Ctrl-C or asks the process to end. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      process.off("SIGINT", stop)
      process.off("SIGTERM", stop)
      resolve()
    }
    process.on("SIGINT", stop)
    process.on("SIGTERM", stop)
  })
}
