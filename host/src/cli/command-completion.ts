// `virtio-msg completion`: what a shell needs to complete our command lines. The script asks us each time, with a
// hidden option: `completion --line -- WORD...`. The answer has a line for each value that may come next, with a
// tabulator and its meaning behind it, and `:files` where the name of a file may come, too. So the table of commands
// is what is completed.

import { readFileSync } from "node:fs"
import { type Command, Option } from "commander"
import { invalidArgument } from "../errors.js"
import type { CommandEntry } from "./command-entry.js"
import { SHELLS } from "./completion-values.js"
import { helpExamples, print, type RunCommand } from "./context.js"

/** How a person switches it on, for good. */
const SWITCH_ON = [
  "bash  echo 'source <(virtio-msg completion bash)' >> ~/.bashrc",
  "zsh   echo 'source <(virtio-msg completion zsh)' >> ~/.zshrc",
  "fish  virtio-msg completion fish > ~/.config/fish/completions/virtio-msg.fish",
]

export function define(command: Command, _run: RunCommand, entries: readonly CommandEntry[]): void {
  command
    .usage("[options] <shell>")
    .argument("[shell]", SHELLS.join(", "))
    .argument("[words...]", "")
    .addOption(new Option("--line", "answer what comes next on a command line").hideHelp())
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg completion bash", "virtio-msg completion zsh", "virtio-msg completion fish")}\n\n` +
        `Switch it on once, for every new shell:\n${SWITCH_ON.map((line) => `  ${line}`).join("\n")}\n` +
        "Values are completed, too: ports and simulated boards that are there now, boards, rows, sensors, files.",
    )
    .action(async (shell: string | undefined, words: readonly string[], options: { line?: true }) => {
      if (options.line) await answer(entries, [...(shell === undefined ? [] : [shell]), ...words])
      else print(scriptFor(shell, words).trimEnd())
    })
}

function scriptFor(shell: string | undefined, words: readonly string[]): string {
  if (shell === undefined || !SHELLS.includes(shell) || words.length > 0)
    throw invalidArgument(
      shell === undefined
        ? "No shell is named."
        : `"${[shell, ...words].join(" ")}" is no shell that we know.`,
      {
        hint: `One of ${SHELLS.join(", ")}: virtio-msg completion bash`,
      },
    )
  return readFileSync(new URL(`../../../../host/completion/virtio-msg.${shell}`, import.meta.url), "utf8")
}

/** The last word is the one that the user is typing. */
async function answer(entries: readonly CommandEntry[], words: readonly string[]): Promise<void> {
  const { complete } = await import("./completion.js")
  const { candidates, wantsFiles } = await complete(entries, words.slice(0, -1), words.at(-1) ?? "")
  for (const { value, about } of candidates) print(`${value}\t${about.replace(/\s+/g, " ")}`)
  if (wantsFiles) print(":files")
}
