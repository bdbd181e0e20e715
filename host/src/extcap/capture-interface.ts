// Captures from one interface into the pipe that Wireshark made for it.

import { Writable } from "node:stream"
import { ByteFile } from "../cli/byte-file.js"
import { sendResultsTo } from "../cli/context.js"
import { EXIT_OK } from "../cli/exit-codes.js"
import { EPOCH_OFFSET_MS, processTrace } from "../cli/process-trace.js"
import { runCommand } from "../cli/run-command.js"
import { untilStopped } from "../cli/until-stopped.js"
import { application } from "../cli/version.js"
import { delay, systemClock } from "../clock.js"
import { connectTrace } from "../node/trace-socket.js"
import { capture } from "../trace/capture.js"
import type { ExtcapInterface } from "./interfaces.js"

export interface CaptureJob {
  /** The named pipe that Wireshark reads. */
  readonly fifo: string
  /** What a board is given to do. */
  readonly command: string
  /** Seconds from the end of one run to the next; 0: a single run. */
  readonly intervalS: number
}

/** Settles when Wireshark stops the capture, or when there is nothing more to capture. Returns the exit code. */
export async function captureInterface(chosen: ExtcapInterface, job: CaptureJob): Promise<number> {
  const stopped = untilStopped().then(() => EXIT_OK)
  const file = new ByteFile(job.fifo)
  try {
    const work = chosen.kind === "process" ? watchProcess(chosen, file) : driveBoard(chosen, job, file)
    const code = await Promise.race([work, stopped])
    return code
  } finally {
    file.close()
    // a board that is in the middle of something is let go with this process
    setImmediate(() => process.exit())
  }
}

async function watchProcess(chosen: ExtcapInterface, file: ByteFile): Promise<number> {
  const socket = await connectTrace(chosen.where)
  for await (const chunk of socket) {
    file.write(chunk)
    if (!file.isOpen) break
  }
  return EXIT_OK
}

async function driveBoard(chosen: ExtcapInterface, job: CaptureJob, file: ByteFile): Promise<number> {
  sendResultsTo(new Writable({ write: (_chunk, _encoding, done) => done() })) // Wireshark would take them for something gone wrong
  const end = capture(processTrace, {
    application: application(),
    epochOffsetMs: EPOCH_OFFSET_MS,
    write: (bytes) => file.write(bytes),
  })
  const words = job.command.split(/\s+/).filter((word) => word !== "")
  try {
    for (;;) {
      const code = await runCommand(["--port", chosen.where, ...words])
      if (code !== EXIT_OK || job.intervalS === 0 || !file.isOpen) return code
      await delay(systemClock, job.intervalS * 1000)
    }
  } finally {
    end()
  }
}
