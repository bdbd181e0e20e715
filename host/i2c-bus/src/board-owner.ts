// Owns a board for callers in another thread or process. Opens it, passes their calls to it in the order in which they
// arrive, and answers each.

import { type Answer, type Call, OPENED, toPlain } from "./board-messages.js"
import { makeError } from "./errno.js"
import { LocalBoard } from "./local-board.js"
import { isVirtioMsgError } from "./translate-error.js"

const RETRY_MS = 50

export interface Owner {
  call(call: Call): void
}

/** Opens `port`, and tries again for up to `patienceMs`. Calls `end` when no more answers will follow. */
export function ownBoard(
  port: string,
  patienceMs: number,
  answer: (answer: Answer) => void,
  end: () => void,
): Owner {
  const opening = open(port, patienceMs)
  opening.then(
    () => answer({ id: OPENED }),
    (error) => {
      answer({ id: OPENED, error: toPlain(error) })
      end()
    },
  )

  async function run({ id, requests }: Call): Promise<void> {
    try {
      const board = await opening
      if (requests) {
        answer({ id, outcomes: await board.submit(requests) })
        return
      }
      await board.leave(makeError("EBADF", "close", "the bus was closed."))
      answer({ id })
      end()
    } catch (error) {
      answer({ id, error: toPlain(error) })
    }
  }
  return { call: (call) => void run(call) }
}

async function open(port: string, patienceMs: number): Promise<LocalBoard> {
  const giveUpMs = performance.now() + patienceMs
  for (;;)
    try {
      return await LocalBoard.open(port)
    } catch (error) {
      if (!isVirtioMsgError(error) || performance.now() > giveUpMs) throw error
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
}
