// A person at a terminal talks to the microcontroller's console. The line that is being typed stays below what the
// board prints meanwhile, and can be edited. Earlier lines can be recalled with the arrow keys.

import { once } from "node:events"
import readline from "node:readline"
import type { ConsolePort } from "../driver/console-port.js"
import { VirtioMsgError } from "../errors.js"
import { visibleLines } from "../visible-text.js"
import { ConsoleHistory } from "./console-history.js"
import { note } from "./context.js"
import { untilRead } from "./live-lines.js"
import { untilStopped } from "./until-stopped.js"

/** A talk at a terminal: what the person types, and what the board's output does to the screen. */
interface Screen {
  /** Settles when the person leaves. */
  readonly left: Promise<unknown>
  show(text: string): void
  close(): void
}

/** Runs until the person leaves (Ctrl-D, Ctrl-C). Rejects with LINK_CLOSED. */
export async function talk(port: ConsolePort, board: string): Promise<void> {
  const ended = untilStopped() // before anybody is told how to leave
  note(`The console of ${board}. Type help for its commands, Ctrl-D to leave.`)
  const send = (text: string) => {
    port.write(new TextEncoder().encode(text)).catch(() => {}) // the reader of the output gets the error, too
  }
  const canEdit = process.stdout.isTTY === true && process.env.TERM !== "dumb"
  const screen = canEdit ? editedScreen(send) : plainScreen(send)
  const stopped = Promise.race([screen.left, ended])
  send("\n") // for a prompt
  const show = async (): Promise<void> => {
    for (;;) {
      const decoder = new TextDecoder()
      try {
        for await (const bytes of port) {
          screen.show(decoder.decode(bytes, { stream: true }))
          await untilRead(process.stdout) // the rest waits in the device
        }
        return
      } catch (error) {
        if (!(error instanceof VirtioMsgError) || error.code === "LINK_CLOSED") throw error
        screen.show(`\n${error.message}\n`)
        send("\n")
      }
    }
  }
  try {
    await Promise.race([show(), stopped])
  } finally {
    screen.close()
  }
}

/** The terminal does echo and editing. The board gets whole lines. */
function plainScreen(send: (text: string) => void): Screen {
  const take = (bytes: Buffer) => send(bytes.toString("utf8"))
  const left = once(process.stdin, "end")
  process.stdin.on("data", take)
  return {
    left,
    show: (text) => void process.stdout.write(text),
    close() {
      process.stdin.off("data", take)
      process.stdin.pause()
      process.stdout.write("\n")
    },
  }
}

/** With node:readline: history, and editing of the line behind what the board printed last. */
function editedScreen(send: (text: string) => void): Screen {
  const history = new ConsoleHistory()
  if (history.trouble !== undefined) note(`The history is not kept: ${history.trouble}`)
  const editor = readline.createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    history: history.newestFirst,
    historySize: 1000,
    removeHistoryDuplicates: true,
    prompt: "",
  })
  /** The board's last line, if it has not ended yet: usually the prompt. */
  let unfinished = ""
  editor.on("line", (line) => {
    unfinished = ""
    editor.setPrompt("")
    history.add(line)
    send(`${line}\n`)
  })
  const left = new Promise<void>((resolve) => {
    editor.once("close", resolve)
    editor.on("SIGINT", () => {
      if (editor.line === "") return resolve()
      // as in a shell: drops the line
      editor.write(null, { ctrl: true, name: "e" })
      editor.write(null, { ctrl: true, name: "u" })
    })
  })
  return {
    left,
    show(text) {
      const lines = (unfinished + text.replaceAll("\r\n", "\n")).split("\n")
      unfinished = lines.pop() ?? ""
      readline.cursorTo(process.stdout, 0)
      readline.clearScreenDown(process.stdout)
      if (lines.length > 0) process.stdout.write(`${visibleLines(lines.join("\n"))}\n`)
      unfinished = visibleLines(unfinished)
      editor.setPrompt(unfinished)
      editor.prompt(true)
    },
    close() {
      editor.close()
      process.stdin.pause()
      process.stdout.write("\n")
    },
  }
}
