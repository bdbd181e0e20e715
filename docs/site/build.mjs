// `npm run docs`: the public docstrings (typedoc, which every TypeScript library uses for this) and the guides of
// docs/ as one static site in site/, with every link checked.

import { rm } from "node:fs/promises"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { Application, Converter, ReflectionKind } from "typedoc"
import { checkLinks } from "./check-links.mjs"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const SITE = path.join(ROOT, "site")

const app = await Application.bootstrap({
  name: "virtio-msg",
  basePath: ROOT,
  tsconfig: path.join(ROOT, "docs/site/tsconfig.json"),
  entryPoints: ["host/src/index.ts", "shared-protocol/src/index.ts"].map((file) => path.join(ROOT, file)),
  readme: path.join(ROOT, "README.md"),
  projectDocuments: [path.join(ROOT, "docs/*.md")],
  excludePrivate: true,
  excludeInternal: true,
  // whoever reads the site may have the sources of another commit, or none
  disableSources: true,
  // `npm run types` checks them, each part with its own settings
  skipErrorChecking: true,
  logLevel: "Warn",
})

const MODULE_NAMES = { "host/src": "virtio-msg", "shared-protocol/src": "virtio-msg/protocol" }

// what users import, instead of where it lies; and guides by their own titles instead of their files' names
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  for (const module of project.getReflectionsByKind(ReflectionKind.Module))
    module.name = MODULE_NAMES[module.name] ?? module.name
  for (const guide of project.documents ?? []) {
    const [first] = guide.content
    const [, title] = /^# (.+)$/m.exec(first?.text ?? "") ?? []
    if (title) guide.name = title
  }
})

const project = await app.convert()
if (!project) process.exit(1)
app.validate(project)
await rm(SITE, { recursive: true, force: true })
await app.generateDocs(project, SITE)
const { pageCount, linkCount, broken } = await checkLinks(SITE)
for (const line of broken) process.stderr.write(`error: ${line}\n`)
if (broken.length > 0 || app.logger.hasErrors() || app.logger.hasWarnings()) {
  process.stderr.write(
    "error: The site has faults, see above.\nhint: Correct the docstring, the guide or README.md; a link there leads to a file, not to a folder.\n",
  )
  process.exit(1)
}
process.stdout.write(`site/index.html  ${pageCount} pages, ${linkCount} links checked\n`)
