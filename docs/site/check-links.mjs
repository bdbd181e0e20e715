// Checks that every link and image of a static site leads to a file of it, and to a place in it that exists. What leads
// out of the site has to be https; it is not fetched.

import { readdir, readFile } from "node:fs/promises"
import path from "node:path"

export async function checkLinks(folder) {
  const files = await readdir(folder, { recursive: true })
  const known = new Set(files.map((file) => file.split(path.sep).join("/")))
  const pages = new Map()
  for (const file of known)
    if (file.endsWith(".html")) pages.set(file, await readFile(path.join(folder, file), "utf8"))
  const places = new Map([...pages].map(([file, html]) => [file, new Set(placesIn(html))]))
  const broken = []
  let linkCount = 0
  for (const [file, html] of pages)
    for (const link of linksIn(html)) {
      linkCount++
      const reason = whyBroken(file, link, known, places)
      if (reason) broken.push(`${file}: ${link}: ${reason}`)
    }
  return { pageCount: pages.size, linkCount, broken }
}

function linksIn(html) {
  return [...html.matchAll(/\s(?:href|src)="([^"]*)"/g)].map(([, link]) => link.replaceAll("&amp;", "&"))
}

function placesIn(html) {
  return [...html.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, place]) => place)
}

function whyBroken(file, link, known, places) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(link))
    return /^(https|mailto|data):/i.test(link) ? "" : "leads out of the site, and not by https"
  const [target = "", place = ""] = link.split("#")
  if (target.startsWith("/")) return "works only at the root of a server"
  const reached =
    target === "" ? file : path.posix.normalize(path.posix.join(path.posix.dirname(file), decodeURI(target)))
  if (!known.has(reached)) return "no such file"
  const isPlace = place === "" || !places.has(reached) || places.get(reached).has(decodeURIComponent(place))
  return isPlace ? "" : `no place #${place} there`
}
