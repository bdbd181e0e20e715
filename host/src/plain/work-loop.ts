// Serves what was announced to devices in this process, in one run at a time, like the firmware's fiber.

/**
 * Returns a function that serves soon: in the run that has begun, or in a new one. `step` serves everything that is
 * announced by then.
 */
export function workLoop(step: () => Promise<void>): () => Promise<void> {
  let isWorking = false
  let isMoreToDo = false
  return async () => {
    isMoreToDo = true
    if (isWorking) return
    isWorking = true
    while (isMoreToDo) {
      isMoreToDo = false
      await step()
    }
    isWorking = false
  }
}
