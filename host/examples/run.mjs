// npm run example NAME [ARGUMENTS]: runs one of the compiled examples of this folder.

import { readdirSync } from "node:fs"

const [name, ...args] = process.argv.slice(2)
const names = readdirSync(new URL("./dist/", import.meta.url))
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.slice(0, -".js".length))

if (names.includes(name)) {
  process.argv = [process.argv[0], name, ...args] // as if the example had been started directly
  await import(`./dist/${name}.js`)
} else {
  console.error(name ? `error: There is no example "${name}".` : "usage: npm run example NAME [ARGUMENTS]")
  console.error(`hint: The examples are ${names.join(", ")}.`)
  process.exitCode = 2
}
