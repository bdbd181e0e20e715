// Commands in hints, as the person can type them: in a checkout only npx finds the command.

/**
 * The program's name with a command behind it. Not in a path, in a package's name or in a sentence about virtio-msg.
 */
let command = commandAmong([])

/**
 * Sets which commands there are. The program calls it: this file cannot import the commands, since they print with it.
 */
export function setCommandNames(names: readonly string[]): void {
  command = commandAmong(names)
}

function commandAmong(names: readonly string[]): RegExp {
  const words = ["--?\\w", ...names.map((name) => `${name}\\b`)]
  return new RegExp(`(?<![\\w./@-]|npx |-- |--bus )virtio-msg(?= (?:${words.join("|")}))`, "g")
}

/** `text` with npx in front of each command, if npx started this one, or `npm run demo` in a checkout. */
export function asTyped(text: string, env: NodeJS.ProcessEnv = process.env): string {
  const isByNpx = env.npm_command === "exec" && /^["']?virtio-msg\b/.test(env.npm_lifecycle_script ?? "")
  // npm 10 calls the command run-script, npm 11 run
  const isDemo = (env.npm_command ?? "").startsWith("run") && /^demo\b/.test(env.npm_lifecycle_event ?? "")
  return isByNpx || isDemo ? text.replace(command, "npx virtio-msg") : text
}
