// The thread that owns a board for programs that call Sync methods. Its event loop runs while theirs is blocked.

import { fork } from "node:child_process"
import path from "node:path"
import { workerData } from "node:worker_threads"
import { type Answer, type Call, OPENED, type ThreadData, toPlain } from "./board-messages.js"
import { type Owner, ownBoard } from "./board-owner.js"
import { makeError } from "./errno.js"

const { port, channel, signal, patienceMs } = workerData as ThreadData
const counter = new Int32Array(signal)

function answer(message: Answer): void {
  channel.postMessage(message)
  Atomics.add(counter, 0, 1)
  Atomics.notify(counter, 0)
}

function end(): void {
  Atomics.store(counter, 1, 1)
  Atomics.add(counter, 0, 1)
  Atomics.notify(counter, 0)
  channel.close()
}

/** Starts a process that owns the board for this thread. */
function ownInProcess(): Owner {
  const child = fork(path.join(__dirname, "board-process.js"), [port, String(patienceMs)], {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  })
  const waiting = new Set([OPENED])
  child.on("message", (message: Answer) => {
    waiting.delete(message.id)
    answer(message)
  })
  const fail = (why: string) => {
    const error = toPlain(makeError("ENODEV", "open", why))
    for (const id of waiting) answer({ id, error })
    end()
  }
  child.on("error", (error) => fail(`the process that owns the board cannot be started: ${error.message}`))
  child.on("exit", () => fail("the process that owns the board has ended."))
  return {
    call: (call) => {
      waiting.add(call.id)
      child.send(call)
    },
  }
}

const isSerialPort = !/^(sim$|unix:|tcp:|tcp-listen:)/.test(port)
const owner = isSerialPort ? ownInProcess() : ownBoard(port, patienceMs, answer, end)
channel.on("message", (call: Call) => owner.call(call))
