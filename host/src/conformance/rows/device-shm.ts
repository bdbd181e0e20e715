// Rows of the device about shared memory regions: V66, V67 (virtio-msg "GET_SHM").

import { HEADER_SIZE } from "../../../../shared-protocol/src/messages/header.js"
import { hex } from "../../hex.js"
import * as frames from "../frames.js"
import { deviceMust, type Row } from "../row.js"
import { blocked, expect } from "../verdict.js"

const getShm = deviceMust("GET_SHM")

export const DEVICE_SHM_ROWS: readonly Row[] = [
  getShm("V66", "GET_SHM answers where a region is, or length 0 when there is none.", async (bench) => {
    await bench.reset()
    for (const shmid of [0, 1, 2, 255, 0xffffffff]) {
      const response = await bench.ask(frames.getShm(bench.devNum, shmid))
      if (!response) blocked("No response to GET_SHM.")
      const view = new DataView(response.buffer, response.byteOffset + HEADER_SIZE)
      if (response.length < HEADER_SIZE + 24) blocked("The response to GET_SHM is too short.")
      expect(
        view.getUint32(0, true) === shmid,
        `Asked for region ${shmid}, it answers ${view.getUint32(0, true)}.`,
      )
      const [length, address] = [view.getBigUint64(8, true), view.getBigUint64(16, true)]
      expect(length > 0n || address === 0n, `Region ${shmid} has no length, but address ${hex(address)}.`)
    }
  }),
  getShm("V67", "The reserved field of GET_SHM's response is 0.", async (bench) => {
    for (const shmid of [0, 7, 0xffffffff]) {
      const response = await bench.need("GET_SHM", frames.getShm(bench.devNum, shmid))
      const reserved = response.subarray(HEADER_SIZE + 4, HEADER_SIZE + 8)
      expect(
        reserved.every((byte) => byte === 0),
        `The reserved field of region ${shmid} is ${reserved.join(" ")}.`,
      )
    }
  }),
]
