// The bridge's layouts are written twice, for the kernel in C and for the device model in TypeScript: a program that a C
// compiler makes of the first says where each field is.

import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import * as layouts from "../../../host/src/node/bridge/layouts.js"
import { isInstalled } from "../../../host/src/node/linux-guest/run-command.js"

const MODULE = path.join(import.meta.dirname, "../../../host/linux-module")

/** By the struct's name in C: the layout, and its fields' names in C where they are others, padding left out. */
const STRUCTS = {
  resolve: [layouts.RESOLVE, "bus_name bus_id handle flags"],
  release: [layouts.RELEASE, "handle flags"],
  caps: [layouts.CAPS, "version revision max_msg_size flags transport_features bridge_features online_epoch"],
  attach: [
    layouts.ATTACH,
    "endpoint flags ring_fd kick_fd call_fd max_msg_size tx.offset tx.bytes tx.entries tx.entry_size " +
      "rx.offset rx.bytes rx.entries rx.entry_size",
  ],
  ring_header: [layouts.RING_HEADER, "prod cons entries entry_size flags"],
  error: [layouts.ERROR_PAYLOAD, "dev_num msg_id error"],
  map_add: [layouts.MAP_ADD_PAYLOAD, "epoch seq id address length mmap_offset mmap_length flags"],
  map_del: [layouts.MAP_DEL_PAYLOAD, "epoch seq id address length"],
  map_answer: [layouts.MAP_ANSWER_PAYLOAD, "epoch seq id status"],
  map_released: [layouts.RELEASED_PAYLOAD, "epoch seq id address length"],
  endpoint_online: [layouts.ONLINE_PAYLOAD, "epoch bus_name max_msg_size"],
  endpoint_offline: [layouts.OFFLINE_PAYLOAD, "epoch reason"],
  topology_reset: [layouts.RESET_PAYLOAD, "epoch"],
  topology_dev_add: [layouts.DEV_ADD_PAYLOAD, "epoch dev_num"],
  topology_commit: [layouts.COMMIT_PAYLOAD, "epoch count"],
} as const

/** By their names in C. */
const NUMBERS: Readonly<Record<string, number>> = {
  VMSGB_VERSION: layouts.BRIDGE_VERSION,
  VMSGB_RESOLVE_CREATE: layouts.RESOLVE_CREATE,
  VMSGB_CAPS_ONLINE: layouts.CAP_ONLINE,
  VMSGB_MIN_MESSAGE: layouts.LEAST_MAX_MESSAGE_SIZE,
  VMSGB_RING_ENTRIES: layouts.RING_ENTRIES,
  VMSGB_RING_ENTRY_ALIGN: layouts.ENTRY_ALIGNMENT,
  VMSGB_MAP_RETAIN: layouts.MAP_RETAIN,
  VMSGB_OFFLINE_REMOVED: layouts.OFFLINE_REMOVED,
  VMSGB_OFFLINE_RESET: layouts.OFFLINE_RESET,
  VMSGB_ATTACH: layouts.IOCTL_ATTACH,
  VMSGB_DETACH: layouts.IOCTL_DETACH,
  VMSGB_RESOLVE: layouts.IOCTL_RESOLVE,
  VMSGB_RELEASE: layouts.IOCTL_RELEASE,
  VMSGB_ERROR: layouts.ERROR,
  VMSGB_MAP_ADD: layouts.MAP_ADD,
  VMSGB_MAP_DEL: layouts.MAP_DEL,
  VMSGB_ENDPOINT_ONLINE: layouts.ENDPOINT_ONLINE,
  VMSGB_ENDPOINT_OFFLINE: layouts.ENDPOINT_OFFLINE,
  VMSGB_TOPOLOGY_RESET: layouts.TOPOLOGY_RESET,
  VMSGB_TOPOLOGY_DEV_ADD: layouts.TOPOLOGY_DEV_ADD,
  VMSGB_TOPOLOGY_COMMIT: layouts.TOPOLOGY_COMMIT,
  VMSGB_MAP_RELEASED: layouts.MAP_RELEASED,
}

const isSkipped = process.platform !== "linux" || !isInstalled("gcc")
const skipped = isSkipped ? " (skipped: enable with: apt-get install gcc)" : ""
if (isSkipped && process.env.CI) throw new Error("In CI nothing may be missing. Install gcc.")

describe.skipIf(isSkipped)(`the bridge's layouts in C and in TypeScript${skipped}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "c-layouts-"))
  afterAll(() => rmSync(folder, { recursive: true }))

  it("are the same", () => {
    const fields = Object.entries(STRUCTS).flatMap(([name, [, names]]) =>
      names.split(" ").map((field) => `  FIELD(vmsgb_${name}, ${field});`),
    )
    const source = path.join(folder, "layouts.c")
    writeFileSync(
      source,
      [
        `#include <stddef.h>\n#include <stdio.h>\n#include "${MODULE}/bridge-uapi.h"`,
        '#define FIELD(s, f) printf("%s.%s %zu %zu\\n", #s, #f, offsetof(struct s, f), sizeof(((struct s *)0)->f))',
        "int main(void) {",
        ...fields,
        ...Object.keys(STRUCTS).map(
          (name) => `  printf("vmsgb_${name} %zu\\n", sizeof(struct vmsgb_${name}));`,
        ),
        ...Object.keys(NUMBERS).map((name) => `  printf("${name} %lu\\n", (unsigned long)${name});`),
        "}",
      ].join("\n"),
    )
    execFileSync("gcc", ["-Wall", "-Werror", "-o", path.join(folder, "layouts"), source])
    const inC = execFileSync(path.join(folder, "layouts"), { encoding: "utf8" }).trim().split("\n")
    const places = Object.entries(STRUCTS).flatMap(([name, [layout, names]]) => {
      const known = layout.places.filter(({ kind }) => !kind.startsWith("pad"))
      const inCNames = names.split(" ")
      expect(`${name}: ${known.length}`).toBe(`${name}: ${inCNames.length}`)
      return known.map(({ offset, size }, i) => `vmsgb_${name}.${inCNames[i]} ${offset} ${size}`)
    })
    expect(inC).toEqual([
      ...places,
      ...Object.entries(STRUCTS).map(([name, [layout]]) => `vmsgb_${name} ${layout.size}`),
      ...Object.entries(NUMBERS).map(([name, number]) => `${name} ${number}`),
    ])
  })

  it("leave out no message and no ioctl of the C header", () => {
    const text = readFileSync(path.join(MODULE, "bridge-uapi.h"), "utf8")
    const messages = [...text.matchAll(/^#define (VMSGB_\w+) (?:0x[89ac]\w|_IO\w*\()/gm)].map(
      ([, name]) => name,
    )
    expect(messages.length).toBeGreaterThan(10)
    expect(messages.filter((name) => !(String(name) in NUMBERS))).toEqual([])
  })
})

it("DKMS builds every module of the Kbuild file, under the package's version", () => {
  const read = (file: string) => readFileSync(path.join(MODULE, file), "utf8")
  const conf = read("dkms.conf")
  const { version } = JSON.parse(read("../../package.json"))
  expect(conf).toContain(`PACKAGE_VERSION="${version}"\n`)
  expect(read("README.md")).toContain(`dkms install virtio-msg/${version} `)
  const [, objects = ""] = /^obj-m := (.*)$/m.exec(read("Kbuild")) ?? []
  const built = [...conf.matchAll(/^BUILT_MODULE_NAME\[\d\]="(\w+)"$/gm)].map(([, name]) => `${name}.o`)
  expect(built).toEqual(objects.split(" "))
})
