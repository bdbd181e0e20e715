// Which test files need a process of their own. The others run one after another, in one process per worker. It loads
// the tested code only once, which saves a third of a second for each file.

import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"

const ROOT = path.join(import.meta.dirname, "../..")

/** Folders of tests that start processes, count a process's resources, or wait long. */
const FOLDERS = /^test\/(cli|fuzz|i2c-bus|linux|soak|stranger|web\/browser|wireshark)\/|^test\/[^/]+$/

/** A test that starts processes, or changes what a whole process shares, has one of these words in it. */
const WORDS =
  /\bvi\.\w|\bprocess\s*\.(?!platform|arch|pid|execPath|getuid|version|hrtime)|child_process|cli\/command\.js|\bglobalThis\b/

/** The files below `test/` that need no process of their own. */
export function togetherFiles(): string[] {
  const files = readdirSync(path.join(ROOT, "test"), { recursive: true, encoding: "utf8" })
    .map((name) => `test/${name.replaceAll(path.sep, "/")}`)
    .filter((file) => file.endsWith(".test.ts") && !FOLDERS.test(file))
  return files.filter((file) => !WORDS.test(readFileSync(path.join(ROOT, file), "utf8"))).sort()
}
