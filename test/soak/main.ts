// `npm run soak`: the soak over both boards and every loss rate, as a table. Exit code 1 when anything was lost, doubled
// or wrong, when too many calls failed, when memory grew.

import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { ALL_FAULTS } from "../faults/faults.js"
import { measureRecovery, RECOVERY_LIMITS, type RecoveryTimes } from "../faults/recovery-times.js"
import { runTool, UsageError, wholeNumberOf } from "../faults/tool-options.js"
import { nativeRig, vmRig } from "./rigs.js"
import { type SoakResult, soak } from "./soak.js"

/** At most one call in so many may fail. */
const CALLS_PER_FAILURE = 100_000
const HEAP_LIMIT_BYTES = 5_000_000
/** As many entries as the ledger in the VM has room for. */
const VM_MOST = 40_000

const HELP = `Usage: npm run soak -- [options]

Very many I2C transfers and pings over a serial link that loses, damages, doubles, reorders and truncates
frames, with garbage and log text between them, in virtual time. Each transfer is checked on both sides.
At the end: how long it takes until a bus is usable again after a restart or a replug.

  --requests N      calls on the native device for each loss rate (default 1000000)
  --vm-requests N   calls on the bytecode in the DeviceScript VM for each loss rate, at most ${VM_MOST} (default 20000)
  --loss LIST       percentages of frames that are lost (default 0,1,5,10)
  --board WHICH     native, vm or both (default both)
  --seed N          repeats a run: the same numbers give the same faults (default: a new one, printed)
  --json            one object for each run
  --help

Example:
  $ npm run soak -- --board native --loss 10 --requests 100000 --seed 42`

interface Row extends SoakResult {
  readonly board: string
  readonly lossPercent: number
  readonly problems: readonly string[]
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      requests: { type: "string", default: "1000000" },
      "vm-requests": { type: "string", default: "20000" },
      loss: { type: "string", default: "0,1,5,10" },
      board: { type: "string", default: "both" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 0x1_0000_0000)) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const seed = wholeNumberOf("--seed", values.seed, 0, 0xffffffff)
  const requests = wholeNumberOf("--requests", values.requests, 1, 1e9)
  const vmRequests = wholeNumberOf("--vm-requests", values["vm-requests"], 1, VM_MOST)
  const losses = values.loss.split(",").map((percent) => wholeNumberOf("--loss", percent, 0, 50))
  if (!["native", "vm", "both"].includes(values.board))
    throw new UsageError(`--board is native, vm or both, not "${values.board}".`)

  if (!values.json) console.log(`seed ${seed} (repeat with --seed ${seed})\n\n${HEADINGS}`)
  let isSound = true
  for (const board of ["native", "vm"]) {
    if (values.board !== "both" && values.board !== board) continue
    for (const lossPercent of losses) {
      const count = board === "vm" ? vmRequests : requests
      const row = await run(board, lossPercent, seed, count, !values.json && process.stderr.isTTY)
      isSound &&= row.problems.length === 0
      console.log(values.json ? JSON.stringify(row) : line(row))
    }
  }
  const times = await measureRecovery(readFirmware("simulated"))
  const within = (key: keyof RecoveryTimes) => times[key] <= RECOVERY_LIMITS[key]
  isSound &&= within("afterAnnounceMs") && within("afterReplugMs") && within("afterHostRestartMs")
  if (values.json) console.log(JSON.stringify({ usableAgain: times }))
  else {
    const text = (key: keyof RecoveryTimes) =>
      `${times[key].toFixed(0)} ms (limit ${RECOVERY_LIMITS[key]} ms)`
    console.log(`\nusable again, in virtual time, over the bytecode:
  after a board's announcement  ${text("afterAnnounceMs")}
  after it is plugged in again  ${text("afterReplugMs")}
  after a host's restart        ${text("afterHostRestartMs")}`)
  }
  return isSound ? 0 : 1
}

async function run(
  board: string,
  lossPercent: number,
  seed: number,
  requests: number,
  isWatched: boolean,
): Promise<Row> {
  const rig =
    board === "vm"
      ? await vmRig(seed, readFileSync(fileURLToPath(new URL("../ledger.devs", import.meta.url))))
      : await nativeRig(seed, requests)
  try {
    const result = await soak(rig, {
      seed,
      requests,
      faults: { ...ALL_FAULTS, loss: lossPercent / 100 },
      onProgress: (done) => {
        if (isWatched) process.stderr.write(`\r${board} ${lossPercent} %: ${done} of ${requests}\x1b[K`)
      },
    })
    if (isWatched) process.stderr.write("\r\x1b[K")
    return { board, lossPercent, ...result, problems: problemsOf(result) }
  } finally {
    await rig.bus.close()
    await rig.stop()
  }
}

/** What of a result breaks the promise, as sentences. */
function problemsOf(result: SoakResult): string[] {
  const problems: string[] = []
  const none = (count: number, what: string) => {
    if (count > 0) problems.push(`${count} ${what}`)
  }
  none(result.wrongData, "with wrong data")
  none(result.doubledExecutions, "ran twice")
  none(result.lostCompletions, "lost")
  none(result.falseDenials, "ran although the call said that they certainly did not")
  none(result.panics, "panics of the program")
  if (result.failedCalls > Math.ceil(result.requests / CALLS_PER_FAILURE))
    problems.push(`${result.failedCalls} calls failed: ${JSON.stringify(result.failures)}`)
  if (result.heapGrowth > HEAP_LIMIT_BYTES) problems.push(`the heap grew by ${result.heapGrowth} bytes`)
  return problems
}

const HEADINGS =
  "board   loss   requests   wrong  doubled  lost  failed  heap growth  frames lost  bits flipped  sent again  virtual time"

function line(row: Row): string {
  const cells: [string | number, number][] = [
    [row.requests, 11],
    [row.wrongData, 8],
    [row.doubledExecutions, 9],
    [row.lostCompletions, 6],
    [row.failedCalls, 8],
    [`${(row.heapGrowth / 1e6).toFixed(1)} MB`, 13],
    [row.framesLost, 13],
    [row.bitsFlipped, 14],
    [row.packetsResent, 12],
    [`${(row.virtualMs / 60_000).toFixed(0)} min`, 14],
  ]
  const text = cells.map(([value, width]) => String(value).padStart(width))
  const head = `${row.board.padEnd(6)}${`${row.lossPercent} %`.padStart(6)}`
  return [head + text.join(""), ...row.problems.map((problem) => `  error: ${problem}`)].join("\n")
}

await runTool("soak", main)
