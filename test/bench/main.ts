// npm run bench: what this project's link costs, on the wire and on the chip, beside what others cost.

import { bench } from "./bench.js"

process.exitCode = await bench(process.argv.slice(2), {
  print: (text) => process.stdout.write(`${text}\n`),
  note: (text) => process.stderr.write(`${text}\n`),
})
