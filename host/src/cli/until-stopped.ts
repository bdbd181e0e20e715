// Waits for the user to end a command that runs on.

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

let isStopped = false

export function wasStopped(): boolean {
  return isStopped
}

/** Settles when somebody presses Ctrl-C, closes the terminal, or asks the process to end. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      isStopped = true
      for (const signal of SIGNALS) process.off(signal, stop)
      resolve()
    }
    for (const signal of SIGNALS) process.on(signal, stop)
  })
}
