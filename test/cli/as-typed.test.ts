// Commands in hints, as they are typed where npx finds the command.

import { expect, it } from "vitest"
import { asTyped, setCommandNames } from "../../host/src/cli/as-typed.js"
import { COMMANDS } from "../../host/src/cli/commands.js"
import { virtioMsgProcess } from "./command.js"

const NPX = { npm_command: "exec", npm_lifecycle_script: "virtio-msg" }

setCommandNames([...COMMANDS.map(({ name }) => name), "help"])

it("the program tells which commands there are before it prints a hint", async () => {
  const { stderr } = await virtioMsgProcess(["boards", "nonesuch"], NPX)
  expect(stderr).toContain("hint: See npx virtio-msg boards --help")
})

it.each([
  [
    "Give it ours: virtio-msg --port /dev/ttyACM0 deploy",
    "Give it ours: npx virtio-msg --port /dev/ttyACM0 deploy",
  ],
  [
    "Say which:\n  virtio-msg -p a info\n  virtio-msg -p b info",
    "Say which:\n  npx virtio-msg -p a info\n  npx virtio-msg -p b info",
  ],
  ["As root: sudo virtio-msg attach", "As root: sudo npx virtio-msg attach"],
  ["See virtio-msg i2c --help", "See npx virtio-msg i2c --help"],
])("a command has npx in front of it: %s", (hint, typed) => {
  expect(asTyped(hint, NPX)).toBe(typed)
  expect(asTyped(typed, NPX)).toBe(typed)
})

it.each(["virtio-msg", "'virtio-msg' 'i2c' 'gett'", '"virtio-msg" "ports"'])(
  "npm 10 and 11 say in their own ways what npx started: %s",
  (npm_lifecycle_script) => {
    expect(asTyped("See virtio-msg --help", { ...NPX, npm_lifecycle_script })).toBe(
      "See npx virtio-msg --help",
    )
  },
)

it.each([
  ["run-script", "demo"],
  ["run", "demo:linux"],
])("npm %s %s is a checkout's, too", (npm_command, npm_lifecycle_event) => {
  expect(asTyped("Next: virtio-msg --help", { npm_command, npm_lifecycle_event })).toBe(
    "Next: npx virtio-msg --help",
  )
})

it.each([
  "Is a serial monitor or another virtio-msg running? End it first.",
  "npm install @virtio-msg/i2c-bus trace",
  "linux --bus virtio-msg --run true",
])("what is no command stays as it is: %s", (hint) => {
  expect(asTyped(hint, NPX)).toBe(hint)
})

it.each([{}, { npm_command: "exec", npm_lifecycle_script: "vitest run" }, { npm_command: "run-script" }])(
  "a shell that finds the command needs no npx: %o",
  (env) => {
    expect(asTyped("See virtio-msg --help", env)).toBe("See virtio-msg --help")
  },
)
