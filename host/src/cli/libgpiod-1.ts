// libgpiod 1's options in the words of libgpiod 2, which are ours: what people type whose distribution has the older tools.

/** Options without a value, by command: what stands for each; nothing where it is so anyway. */
const PLAIN: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  get: { "-n": ["--as-is"], "--dir-as-is": ["--as-is"] },
  set: {
    "--mode=exit": ["--toggle", "0"],
    "--mode=wait": [],
    "--mode=signal": [],
    "--mode=time": [],
    "--background": ["--daemonize"],
  },
  monitor: {
    "-r": ["--edges", "rising"],
    "--rising-edge": ["--edges", "rising"],
    "-f": ["--edges", "falling"],
    "--falling-edge": ["--edges", "falling"],
    "--silent": ["--quiet"],
    "--line-buffered": [],
  },
}

/** Short options with a value of `gpioset`, spelt out. */
const SET_SHORT: Readonly<Record<string, string>> = { "-m": "--mode", "-D": "--drive" }

/** The words of `gpio get|set|monitor` in libgpiod 2's options; the same ones where none is libgpiod 1's. */
export function inLibgpiod2(command: string, words: readonly string[]): string[] {
  const name = command === "mon" ? "monitor" : command
  const plain = Object.hasOwn(PLAIN, name) ? (PLAIN[name] ?? {}) : {}
  const joined = joinValues(name, words)
  const spelt = joined.flatMap((word) => {
    // -B is --bias
    if (word.startsWith("-B=")) return ["--bias", word.slice(3)]
    const [, unit, count] = /^--(sec|usec)=(\d+)$/.exec(word) ?? []
    if (name === "set" && unit !== undefined)
      return ["--hold-period", `${count}${unit === "sec" ? "s" : "us"}`]
    return Object.hasOwn(plain, word) ? (plain[word] as readonly string[]) : [word]
  })
  return spelt.join("\n") === joined.join("\n") ? [...words] : spelt
}

/** Options and values that are two words as one. */
function joinValues(name: string, words: readonly string[]): string[] {
  // -s is --strict in libgpiod 2, and -u nothing: only with a mode of libgpiod 1 are they a time
  const isTimed = name === "set" && /(^|\n)(-m\n|--mode[=\n])time(\n|$)/.test(words.join("\n"))
  const short: Record<string, string> = {
    "-B": "-B",
    ...(name === "set" ? { ...SET_SHORT, "--mode": "--mode" } : {}),
    ...(isTimed ? { "-s": "--sec", "--sec": "--sec", "-u": "--usec", "--usec": "--usec" } : {}),
  }
  const joined: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string
    const long = Object.hasOwn(short, word) ? short[word] : undefined
    if (long !== undefined && at + 1 < words.length) joined.push(`${long}=${words[++at]}`)
    else joined.push(word)
  }
  return joined
}
