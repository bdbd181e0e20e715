// The vhost-user backend before a front end that breaks the protocol: it hangs up, with one error, and keeps nothing.

import { afterEach, describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import { encodeNumber, encodeVringState, REQUEST } from "../../host/src/node/vhost-user/messages.js"
import { because } from "../support/because.js"
import { FrontEnd, memoryTable, until } from "./front-end.js"
import { skipReason } from "./requirements.js"
import { cleanUp, cleanUpAll, connect, openDescriptors } from "./vhost-user-rig.js"

const skip = await skipReason({ koffi: true })

describe.skipIf(skip)(`a vhost-user backend${because(skip)}`, () => {
  afterEach(cleanUpAll)

  const violations: Record<string, { reason: RegExp; send(frontEnd: FrontEnd): void }> = {
    "a message of another version": { reason: /version 2/, send: (f) => f.send(1, new Uint8Array(0), [], 2) },
    "a message that is too long": {
      reason: /payload of 4294967295 bytes/,
      send: (f) => f.sendRaw(Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255)),
    },
    "a payload of the wrong size": {
      reason: /SET_VRING_NUM with a payload of 7 bytes/,
      send: (f) => f.send(REQUEST.SET_VRING_NUM, new Uint8Array(7)),
    },
    "a queue that does not exist": {
      reason: /SET_VRING_BASE with queue 1,/,
      send: (f) => f.send(REQUEST.SET_VRING_BASE, encodeVringState({ index: 1, value: 0 })),
    },
    "a kick that is no eventfd": {
      reason: /SET_VRING_KICK with no eventfd/,
      send: (f) => f.send(REQUEST.SET_VRING_KICK, encodeNumber(0n), [f.memoryFile]),
    },
    "a kick before everything else": {
      reason: /SET_VRING_KICK with no address/,
      send: (f) => f.send(REQUEST.SET_VRING_KICK, encodeNumber(0n), [f.kick]),
    },
    "a kick to be polled for": {
      reason: /polling is not offered/,
      send: (f) => f.send(REQUEST.SET_VRING_KICK, encodeNumber(256n)),
    },
    "more regions than descriptors": {
      reason: /1 file descriptors for 2 regions/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{}, {}]), [f.memoryFile]),
    },
    "a region longer than its file": {
      reason: /its file has 262144/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ size: 0x10_0000n }]), [f.memoryFile]),
    },
    "a region behind its file": {
      reason: /at 1844674407370954\d+, but/,
      send: (f) =>
        f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ offset: 0xffff_ffff_ffff_f000n }]), [f.memoryFile]),
    },
    "a region above 4 GiB": {
      reason: /at most 4 GiB/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ size: 1n << 33n }]), [f.memoryFile]),
    },
    "a region that is no file": {
      reason: /without a file/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{}]), [f.kick]),
    },
    "a ring outside the memory": {
      reason: /SET_VRING_KICK with a queue outside/,
      send: (f) => {
        f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ uva: 0n }]), [f.memoryFile])
        f.send(REQUEST.SET_VRING_NUM, encodeVringState({ index: 0, value: 8 }))
        f.send(REQUEST.SET_VRING_ADDR, f.addressPayload())
        f.send(REQUEST.SET_VRING_KICK, encodeNumber(0n), [f.kick])
      },
    },
    "a memory table that takes a running ring away": {
      reason: /leaves a queue outside/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ uva: 0n }]), [f.memoryFile]),
    },
    "more descriptors than a message may have": {
      reason: /more file descriptors than/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{}]), new Array(40).fill(f.memoryFile)),
    },
  }
  for (const [what, { reason, send }] of Object.entries(violations))
    it(`hangs up on ${what}, with one error, and leaves no descriptor open`, async () => {
      const clock = new VirtualClock() // it does not come back before its descriptors are counted
      const { frontEnd, backend, errors, listener } = await connect({ clock })
      if (what.includes("running")) await frontEnd.startQueue()
      const before = openDescriptors()
      send(frontEnd)
      await until(() => frontEnd.isClosed)
      expect(errors.map((error) => error.code)).toEqual(["PROTOCOL"])
      expect(errors[0]?.message).toMatch(reason)
      expect(backend.isConnected).toBe(false)
      expect(openDescriptors()).toBeLessThanOrEqual(before - 1)
      await clock.advance(100)
      const again = await FrontEnd.accept(listener)
      cleanUp.push(() => again.close())
      await again.startQueue()
    })
})
