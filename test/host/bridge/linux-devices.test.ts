// What `attach --bus virtio-msg` finds in Linux, in folders that look like a root: the nodes of its own endpoint alone, and
// what is missing where our module would have to be built.

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { release, tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { loadBridgeModule } from "../../../host/src/node/bridge/kernel-module.js"
import { nodesOfBridge } from "../../../host/src/node/bridge/linux-devices.js"
import { UNLESS_LINUX } from "../../support/because.js"

const BRIDGE = "sys/devices/virtual/misc/virtio-msg-bridge"
let root: string
const cache = process.env.VIRTIO_MSG_CACHE

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "linux-devices-"))
  process.env.VIRTIO_MSG_ROOT = root
  process.env.VIRTIO_MSG_CACHE = path.join(root, "cache")
  await mkdir(path.join(root, "sys/bus/virtio/devices"), { recursive: true })
  await mkdir(path.join(root, "dev"))
})

afterEach(async () => {
  delete process.env.VIRTIO_MSG_ROOT
  if (cache === undefined) delete process.env.VIRTIO_MSG_CACHE
  else process.env.VIRTIO_MSG_CACHE = cache
  await rm(root, { recursive: true, force: true })
})

async function device(name: string, place: string, ...nodes: string[]): Promise<void> {
  const folder = path.join(root, place, name)
  for (const node of nodes) {
    await mkdir(path.join(folder, node), { recursive: true })
    // sysfs alone has a second number for a GPIO chip
    if (!node.startsWith("gpio/")) await writeFile(path.join(root, "dev", path.basename(node)), "")
  }
  await symlink(folder, path.join(root, "sys/bus/virtio/devices", name))
}

describe("the nodes of an endpoint", () => {
  it("are those of its own devices, whether they are new or stayed, and of no other board", async () => {
    await device("virtio0", `${BRIDGE}/loopback.0.1`, "i2c-0/i2c-dev/i2c-0")
    await device("virtio1", `${BRIDGE}/loopback.1.1`, "gpiochip0", "gpio/gpiochip1017")
    await device("virtio2", `${BRIDGE}/loopback:second.0.2`, "i2c-1/i2c-dev/i2c-1")
    await device("virtio3", "sys/devices/pci0000:00", "i2c-7")
    const before = ["virtio0", "virtio1", "virtio2", "virtio3"]
    const nodes = (busId: string, known: readonly string[]) =>
      nodesOfBridge({ busName: "loopback", busId }, known)
    expect(await nodes("", before)).toEqual(["/dev/gpiochip0", "/dev/i2c-0"])
    expect(await nodes("second", before)).toEqual(["/dev/i2c-1"])
    expect(await nodes("third", before)).toEqual([])
    // another kernel's bridge has other places: what is new is its
    expect(await nodes("third", before.slice(0, 3))).toEqual(["/dev/i2c-7"])
  })
})

describe("a console's node", () => {
  const PORTS = "sys/class/virtio-ports"
  const consoleWith = async (features: string) => {
    await device("virtio5", `${BRIDGE}/loopback.3.3`, "virtio-ports/vport5p0")
    await writeFile(path.join(root, BRIDGE, "loopback.3.3/virtio5/features"), `${features}\n`)
    await mkdir(path.join(root, PORTS, "vport5p0"), { recursive: true })
    await writeFile(path.join(root, "dev/hvc0"), "")
  }
  const nodes = () => nodesOfBridge({ busName: "loopback", busId: "" }, [])

  it("is the terminal, not its port, which cannot be opened", async () => {
    await consoleWith("1000000000")
    expect(await nodes()).toEqual(["/dev/hvc0"])
  })

  it("is its port, where it has several", async () => {
    await consoleWith("1100000000")
    expect(await nodes()).toEqual(["/dev/vport5p0"])
  })

  it("is not guessed where another one is a terminal, too", async () => {
    await consoleWith("1000000000")
    await mkdir(path.join(root, PORTS, "vport1p0"))
    expect(await nodes()).toEqual([])
  })
})

describe.skipIf(UNLESS_LINUX)(`a kernel without the bridge${UNLESS_LINUX}`, () => {
  it.each([
    ["ID=debian", `Install what is missing: sudo apt-get install linux-headers-${release()}`],
    ["ID=ubuntu\nID_LIKE=debian", `Install what is missing: sudo apt-get install linux-headers-${release()}`],
    ["ID=fedora", `Install what is missing: sudo dnf install kernel-devel-${release()}`],
    ["ID=other", `Install the headers of Linux ${release()}.`],
  ])("and without its headers: %s is told what to install", async (system, hint) => {
    await mkdir(path.join(root, "etc"))
    await writeFile(path.join(root, "etc/os-release"), `${system}\n`)
    await expect(loadBridgeModule({ onNote: () => {} })).rejects.toMatchObject({
      code: "MISSING_DEPENDENCY",
      hint,
    })
  })
})
