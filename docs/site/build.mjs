// `npm run docs`: the public docstrings (typedoc, which every TypeScript library uses for this) and the guides of
// docs/ as one static site in site/, with every link checked; and the page with the simulated board in it, in site/board.

import { readdir, rm } from "node:fs/promises"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { Application, Converter, JSX, ReflectionKind } from "typedoc"
import { exportPage } from "../../dist/host/src/node/dashboard/page-files.js"
import { checkLinks } from "./check-links.mjs"
import { GUIDES } from "./guides.mjs"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const SITE = path.join(ROOT, "site")

/** Where in the site the page with the simulated board is. */
const BOARD = "board"

const ordered = Object.values(GUIDES).flat()
const present = (await readdir(path.join(ROOT, "docs"))).flatMap((name) => /^(.+)\.md$/.exec(name)?.[1] ?? [])
for (const name of present)
  if (!ordered.includes(name)) fail(`docs/${name}.md has no place among the guides: docs/site/guides.mjs`)

const app = await Application.bootstrap({
  name: "virtio-msg",
  basePath: ROOT,
  tsconfig: path.join(ROOT, "docs/site/tsconfig.json"),
  entryPoints: ["host/src/index.ts", "shared-protocol/src/index.ts"].map((file) => path.join(ROOT, file)),
  readme: path.join(ROOT, "README.md"),
  projectDocuments: ordered.map((name) => path.join(ROOT, `docs/${name}.md`)),
  navigation: { includeGroups: false, excludeReferences: true },
  customCss: path.join(ROOT, "docs/site/site.css"),
  excludePrivate: true,
  excludeInternal: true,
  // whoever reads the site may have the sources of another commit, or none
  disableSources: true,
  // `npm run types` checks them, each part with its own settings
  skipErrorChecking: true,
  logLevel: "Warn",
})

/** The start page's link to the guide becomes one to the page itself, which only the site has. */
const RUN_IT = [
  /\[Run it in your browser\]\([^)]*\)/,
  `<a href="${BOARD}/index.html">Run it in your browser</a>`,
]
/** By the names of their files. */
const guides = new Map()
/** The first line of a guide. */
const TITLE = /^# (.+)\n/m

const MODULE_NAMES = { "host/src": "virtio-msg", "shared-protocol/src": "virtio-msg/protocol" }

// what users import, instead of where it lies; and guides by their own titles instead of their files' names
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  for (const module of project.getReflectionsByKind(ReflectionKind.Module))
    module.name = MODULE_NAMES[module.name] ?? module.name
  const [start] = project.readme ?? []
  if (start) start.text = start.text.replace(TITLE, "").replace(...RUN_IT) // the title is the project's name
  for (const guide of project.documents ?? []) {
    guides.set(path.posix.basename(guide.name), guide)
    const [first] = guide.content
    const [, title] = TITLE.exec(first?.text ?? "") ?? []
    if (!first || !title) continue
    guide.name = title
    first.text = first.text.replace(TITLE, "")
  }
})

// the way through the guides, above the list of the library's own names
app.renderer.hooks.on("sidebar.begin", (context) => {
  const link = (href, text) => JSX.createElement("a", { href, class: "guide" }, text)
  return JSX.createElement(
    "nav",
    { class: "guides" },
    link(context.relativeURL(`${BOARD}/index.html`), "Run it in this browser"),
    Object.entries(GUIDES).flatMap(([heading, names]) => [
      JSX.createElement("h3", null, heading),
      ...names.map((name) => link(context.urlTo(guides.get(name)), guides.get(name).name)),
    ]),
  )
})

const project = await app.convert()
if (!project) process.exit(1)
app.validate(project)
await rm(SITE, { recursive: true, force: true })
await app.generateDocs(project, SITE)
await exportPage(path.join(SITE, BOARD))
const { pageCount, linkCount, broken } = await checkLinks(SITE)
for (const line of broken) process.stderr.write(`error: ${line}\n`)
if (broken.length > 0 || app.logger.hasErrors() || app.logger.hasWarnings()) {
  process.stderr.write(
    "error: The site has faults, see above.\nhint: Correct the docstring, the guide or README.md; a link there leads to a file, not to a folder.\n",
  )
  process.exit(1)
}
process.stdout.write(`site/index.html  ${pageCount} pages, ${linkCount} links checked\n`)

function fail(sentence) {
  process.stderr.write(`error: ${sentence}\n`)
  process.exit(1)
}
